// Softmax cross-entropy of one batch, in one block: a thread takes every so many images.
#include "kernel.h"

// `score` becomes [sum of losses, images whose label is first, images whose label is among the first five, images]; not a number of
// images where a label is no class.
KERNEL cross_entropy(const float *logits, const u32 *labels, int images, int classes, double smoothing, float *gradient,
                     double *score) {
    DYNAMIC_SHARED(double, scratch);
    double loss = 0.0, top1 = 0.0, top5 = 0.0, no_class = 0.0;
    for (int image = threadIdx.x; image < images; image += blockDim.x) {
        const float *row = logits + (i64)image * classes;
        bool known = labels[image] < (u32)classes;
        int label = known ? (int)labels[image] : 0, ahead = 0;
        no_class += !known;
        bool finite = true;
        float largest = row[0];
        for (int k = 1; k < classes; k++) {
            if (row[k] > largest) largest = row[k];
        }
        double sum = 0.0;
        for (int k = 0; k < classes; k++) sum += exp((double)(row[k] - largest));
        double log_sum = log(sum);
        for (int k = 0; k < classes; k++) {
            double log_probability = (double)(row[k] - largest) - log_sum;
            double target = smoothing / classes + (k == label ? 1.0 - smoothing : 0.0);
            if (target > 0.0) loss -= target * log_probability;
            if (gradient) gradient[(i64)image * classes + k] = (float)((exp(log_probability) - target) / images);
            ahead += row[k] > row[label] || (row[k] == row[label] && k < label);
            // Infinity less itself is NaN, which equals nothing.
            finite = finite && row[k] - row[k] == 0.0f;
        }
        if (!finite) loss = as_float(0x7fc00000);
        top1 += finite && ahead == 0;
        top5 += finite && ahead < 5;
    }
    loss = block_sum(loss, scratch);
    top1 = block_sum(top1, scratch);
    top5 = block_sum(top5, scratch);
    no_class = block_sum(no_class, scratch);
    if (threadIdx.x == 0) {
        score[0] = loss;
        score[1] = top1;
        score[2] = top5;
        score[3] = no_class > 0.0 ? (double)as_float(0x7fc00000) : (double)images;
    }
}
