// Moves of all parameters in one launch, and the norm of all gradients.
#include "kernel.h"

// As many parameters as a launch takes.
#define ITEMS 64

struct Item {
    float *w;
    const float *gradient;
    float *first;   // moment, or none
    float *second;
    i64 elements;
    i64 first_block;  // of the blocks that work on it
};

struct Items {
    Item items[ITEMS];
    int count;
};

// A block works on BLOCK elements of one item.
#define BLOCK 4096

struct Share {
    const Item *item;
    i64 first;
    i64 last;
};

__device__ inline Share share(const Items &all) {
    int at = 0;
    while (at + 1 < all.count && all.items[at + 1].first_block <= (i64)blockIdx.x) at++;
    Share s;
    s.item = &all.items[at];
    s.first = ((i64)blockIdx.x - s.item->first_block) * BLOCK;
    s.last = s.first + BLOCK < s.item->elements ? s.first + BLOCK : s.item->elements;
    return s;
}

// The sum of squares of every block's share of the gradients.
KERNEL squares(Items all, double *parts) {
    DYNAMIC_SHARED(double, scratch);
    Share s = share(all);
    double sum = 0.0;
    for (i64 i = s.first + threadIdx.x; i < s.last; i += blockDim.x) {
        double value = (double)s.item->gradient[i];
        sum += value * value;
    }
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// The root of the sum of all parts, in one block.
KERNEL gradient_norm(const double *parts, i64 count, double *out) {
    DYNAMIC_SHARED(double, scratch);
    double sum = 0.0;
    for (i64 i = threadIdx.x; i < count; i += blockDim.x) sum += parts[i];
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) out[0] = sqrt(sum);
}

// Whether a step may be taken, and the factor that keeps the gradients' norm at `most` (0: no limit). `halted` stays 1 once a loss or a
// norm was not finite: no later step moves anything either.
KERNEL permission(const double *loss, const double *norm, double most, float *halted, float *factor) {
    double sum = loss[0] + norm[0];
    if (!(sum - sum == 0.0)) halted[0] = 1.0f;
    factor[0] = most > 0.0 && norm[0] > most ? (float)(most / (norm[0] + 1e-6)) : 1.0f;
}

KERNEL sgd(Items all, float rate, float momentum, float weight_decay, const float *halted, const float *factor) {
    if (halted[0] != 0.0f) return;
    Share s = share(all);
    Item item = *s.item;
    for (i64 i = s.first + threadIdx.x; i < s.last; i += blockDim.x) {
        float w = item.w[i], step = item.gradient[i] * factor[0] + weight_decay * w;
        if (item.first) {
            step = momentum * item.first[i] + step;
            item.first[i] = step;
        }
        item.w[i] = w - rate * step;
    }
}

struct Adam {
    float first;
    float first_rest;
    float second;
    float second_rest;
    float weight_decay;
    float keep;
    float rate;
    float root_scale;
    float eps;
};

KERNEL adam(Items all, Adam adam, const float *halted, const float *factor) {
    if (halted[0] != 0.0f) return;
    Share s = share(all);
    Item item = *s.item;
    for (i64 i = s.first + threadIdx.x; i < s.last; i += blockDim.x) {
        float kept = adam.keep * item.w[i];
        float g = item.gradient[i] * factor[0] + adam.weight_decay * kept;
        float first = adam.first * item.first[i] + adam.first_rest * g;
        float second = adam.second * item.second[i] + adam.second_rest * (g * g);
        item.first[i] = first;
        item.second[i] = second;
        item.w[i] = kept - adam.rate * first / (sqrtf(second) / adam.root_scale + adam.eps);
    }
}
