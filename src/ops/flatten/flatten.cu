// Images to vectors and back: channels from last to first in memory, [images, pixels, C] to [images, C, pixels].
#include "kernel.h"

template <class T> __device__ inline void flatten(const T *x, int pixels, int channels, i64 elements, T *y) {
    i64 i = thread_number();
    if (i >= elements) return;
    int pixel = (int)(i % pixels), channel = (int)(i / pixels % channels);
    i64 image = i / pixels / channels;
    y[i] = x[(image * pixels + pixel) * channels + channel];
}

template <class T> __device__ inline void unflatten(const T *y, int pixels, int channels, i64 elements, T *x) {
    i64 i = thread_number();
    if (i >= elements) return;
    int channel = (int)(i % channels), pixel = (int)(i / channels % pixels);
    i64 image = i / channels / pixels;
    x[i] = y[(image * channels + channel) * pixels + pixel];
}

#define BOTH(suffix, T)                                                                                                  \
    KERNEL flatten_##suffix(const T *x, int pixels, int channels, i64 elements, T *y) {                                 \
        flatten(x, pixels, channels, elements, y);                                                                      \
    }                                                                                                                    \
    KERNEL unflatten_##suffix(const T *y, int pixels, int channels, i64 elements, T *x) {                               \
        unflatten(y, pixels, channels, elements, x);                                                                    \
    }

BOTH(u8, u8)
BOTH(f32, float)
BOTH(bf16, bf16)
