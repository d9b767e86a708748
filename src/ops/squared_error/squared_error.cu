// The mean squared error of one batch beside the share of another loss, in one block: see mod.rs. Every thread takes every so many
// values, and the sum over threads is in a fixed order.
#include "kernel.h"

// `labels` or none: the target is then `number`. `other` and `before` are the other loss's score and gradient, or none; `score` is read
// for all but its loss.
KERNEL squared_error(const float *values, const u32 *labels, double number, int rows, int classes, double scale, const double *other,
                     const float *before, double share, int other_rows, const double *score, double *out, float *gradient) {
    DYNAMIC_SHARED(double, scratch);
    i64 count = (i64)rows * classes;
    double sum = 0.0, no_class = 0.0;
    for (i64 i = threadIdx.x; i < count; i += blockDim.x) {
        double wanted = number;
        if (labels) {
            u32 label = labels[i / classes];
            no_class += label >= (u32)classes;
            wanted = label == (u32)(i % classes) ? 1.0 : 0.0;
        }
        double distance = (double)values[i] - wanted;
        sum += distance * distance;
        double own = 2.0 * scale * distance;
        gradient[i] = (float)(own + (before ? share * (double)before[i] : 0.0));
    }
    sum = block_sum(sum, scratch);
    no_class = block_sum(no_class, scratch);
    if (threadIdx.x == 0) {
        double others = other ? share * other[0] / (double)other_rows : 0.0;
        out[0] = score[3] * (others + scale * sum);
        out[1] = score[1];
        out[2] = score[2];
        out[3] = no_class > 0.0 ? (double)as_float(0x7fc00000) : score[3];
    }
}
