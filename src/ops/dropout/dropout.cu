// Dropout: the mask of every image, and its product with every time-step.
#include "kernel.h"

struct Draw {
    u32 key0;
    u32 key1;
    u32 epoch;
    u32 purpose;  // with the layer's place
    float probability;
    float kept;   // 1 / (1 - probability)
    int batch;
    int pixels;   // H W; 1 where there are only features
    int channels; // C, or the features
};

// The mask [B, pixels, C]: feature number c * pixels + p of the image's stream decides (p, c), four of a block at a time.
KERNEL dropout_mask(const u32 *indices, Draw draw, float *mask) {
    i64 features = (i64)draw.pixels * draw.channels, blocks = (features + 3) / 4, thread = thread_number();
    if (thread >= blocks * draw.batch) return;
    i64 image = thread / blocks;
    u32 block = (u32)(thread % blocks);
    u32 drawn[4] = {block, indices[image], draw.epoch, draw.purpose};
    philox(drawn, draw.key0, draw.key1);
    for (int k = 0; k < 4; k++) {
        i64 feature = (i64)block * 4 + k;
        if (feature >= features) return;
        i64 at = image * features + feature % draw.pixels * draw.channels + feature / draw.pixels;
        mask[at] = unit(drawn[k]) < draw.probability ? 0.0f : draw.kept;
    }
}

template <class T, class Y> __device__ inline void apply(const T *x, const float *mask, i64 elements, i64 step, Y *y) {
    i64 i = thread_number();
    if (i < elements) set(y[i], value_of(x[i]) * mask[i % step]);
}

KERNEL dropout_u8(const u8 *x, const float *mask, i64 elements, i64 step, float *y) { apply(x, mask, elements, step, y); }
KERNEL dropout_f32(const float *x, const float *mask, i64 elements, i64 step, float *y) { apply(x, mask, elements, step, y); }
KERNEL dropout_bf16(const bf16 *x, const float *mask, i64 elements, i64 step, bf16 *y) { apply(x, mask, elements, step, y); }
