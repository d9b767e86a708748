// Poisson coding: a thread draws the four numbers of one Philox block, as the CPU does, and decides the four pixels that they belong to.
#include "kernel.h"

struct Coding {
    u32 key0;
    u32 key1;
    u32 epoch;
    u32 purpose;
    float scale;
    int is_signed;
    int time_steps;  // T
    int batch;       // B
    int pixels;      // C H W, of one image
    int channels;    // C
};

// Spikes [T, B, H W, C] of images [B, C, H W]; `indices` [B] are the images' places in their split.
template <class S> __device__ inline void encode(const float *images, const u32 *indices, Coding coding, S *spikes) {
    i64 blocks = ((i64)coding.time_steps * coding.pixels + 3) / 4;
    i64 thread = thread_number();
    if (thread >= blocks * coding.batch) return;
    int image = (int)(thread / blocks);
    u32 block = (u32)(thread % blocks);
    u32 drawn[4] = {block, indices[image], coding.epoch, coding.purpose};
    philox(drawn, coding.key0, coding.key1);
    int plane = coding.pixels / coding.channels;
    for (int k = 0; k < 4; k++) {
        i64 position = (i64)block * 4 + k;
        int t = (int)(position / coding.pixels), p = (int)(position % coding.pixels);
        if (t >= coding.time_steps) return;
        float x = images[(i64)image * coding.pixels + p];
        float size = coding.is_signed ? (x < 0.0f ? -x : x) : x;
        float spike = 0.0f;
        if (coding.scale * unit(drawn[k]) <= size) spike = x < 0.0f ? -1.0f : (x > 0.0f || !coding.is_signed ? 1.0f : 0.0f);
        i64 at = ((i64)t * coding.batch + image) * coding.pixels + (i64)(p % plane) * coding.channels + p / plane;
        set(spikes[at], spike);
    }
}

KERNEL poisson_f32(const float *images, const u32 *indices, Coding coding, float *spikes) { encode(images, indices, coding, spikes); }
KERNEL poisson_bf16(const float *images, const u32 *indices, Coding coding, bf16 *spikes) { encode(images, indices, coding, spikes); }
