// What a convolution needs around its products: weights in the order of the patches, patches as rows of a matrix, and back.
#include "kernel.h"

struct Geometry {
    int in_channels;   // C
    int out_channels;  // O
    int kernel;        // k
    int stride;
    int padding;
    int height;        // of the input
    int width;
    int out_height;
    int out_width;
};

// The weight [O, C, k, k] as [O, k, k, C].
template <class W> __device__ inline void weight_by_patch(const float *w, Geometry g, W *to) {
    i64 i = thread_number();
    int taps = g.kernel * g.kernel;
    if (i >= (i64)g.out_channels * g.in_channels * taps) return;
    int c = (int)(i % g.in_channels), tap = (int)(i / g.in_channels % taps);
    i64 o = i / g.in_channels / taps;
    set(to[i], w[(o * g.in_channels + c) * taps + tap]);
}

KERNEL weight_by_patch_f32(const float *w, Geometry g, float *to) { weight_by_patch(w, g, to); }
KERNEL weight_by_patch_bf16(const float *w, Geometry g, bf16 *to) { weight_by_patch(w, g, to); }

// A gradient [O, k, k, C] as [O, C, k, k], added to what is there where `add` says so.
template <class W> __device__ inline void gradient_by_filter(const W *from, Geometry g, int add, float *gradient) {
    i64 i = thread_number();
    int taps = g.kernel * g.kernel;
    if (i >= (i64)g.out_channels * g.in_channels * taps) return;
    int tap = (int)(i % taps), c = (int)(i / taps % g.in_channels);
    i64 o = i / taps / g.in_channels;
    float sum = value_of(from[(o * taps + tap) * g.in_channels + c]);
    gradient[i] = add ? gradient[i] + sum : sum;
}

KERNEL gradient_by_filter_f32(const float *from, Geometry g, int add, float *gradient) {
    gradient_by_filter(from, g, add, gradient);
}
KERNEL gradient_by_filter_bf16(const bf16 *from, Geometry g, int add, float *gradient) {
    gradient_by_filter(from, g, add, gradient);
}

// The patches under all output pixels of `images` images [H, W, C]: [images, H', W', k, k, C], zero outside the image.
template <int N, class T, class P> __device__ inline void patches(const T *x, Geometry g, i64 images, P *to) {
    i64 i = thread_number() * N;
    int taps = g.kernel * g.kernel;
    i64 pixels = (i64)g.out_height * g.out_width;
    if (i >= images * pixels * taps * g.in_channels) return;
    int c = (int)(i % g.in_channels), tap = (int)(i / g.in_channels % taps);
    i64 pixel = i / g.in_channels / taps;
    i64 image = pixel / pixels;
    int row = (int)(pixel % pixels / g.out_width) * g.stride + tap / g.kernel - g.padding;
    int column = (int)(pixel % g.out_width) * g.stride + tap % g.kernel - g.padding;
    bool inside = row >= 0 && row < g.height && column >= 0 && column < g.width;
    Pack<T, N> pack;
    if (inside) pack = load<N>(x + ((image * g.height + row) * g.width + column) * g.in_channels + c);
    Pack<P, N> out;
    for (int k = 0; k < N; k++) set(out.values[k], inside ? value_of(pack.values[k]) : 0.0f);
    store(to + i, out);
}

#define PATCHES(name, T, P, N) \
    KERNEL name(const T *x, Geometry g, i64 images, P *to) { patches<N>(x, g, images, to); }

PATCHES(patches_u8_f32_x4, u8, float, 4)
PATCHES(patches_u8_f32_x1, u8, float, 1)
PATCHES(patches_f32_f32_x4, float, float, 4)
PATCHES(patches_f32_f32_x1, float, float, 1)
PATCHES(patches_bf16_bf16_x8, bf16, bf16, 8)
PATCHES(patches_bf16_bf16_x1, bf16, bf16, 1)

// dX from the patches' gradients: every pixel adds what the taps that read it were given, in the order of the taps.
template <class T> __device__ inline void patches_back(const float *from, Geometry g, i64 images, T *dx) {
    i64 i = thread_number();
    if (i >= images * g.height * g.width * g.in_channels) return;
    int c = (int)(i % g.in_channels), column = (int)(i / g.in_channels % g.width);
    int row = (int)(i / g.in_channels / g.width % g.height);
    i64 image = i / g.in_channels / g.width / g.height;
    float sum = 0.0f;
    for (int tap = 0; tap < g.kernel * g.kernel; tap++) {
        int down = row + g.padding - tap / g.kernel, right = column + g.padding - tap % g.kernel;
        if (down < 0 || right < 0 || down % g.stride || right % g.stride) continue;
        down /= g.stride;
        right /= g.stride;
        if (down >= g.out_height || right >= g.out_width) continue;
        i64 pixel = (image * g.out_height + down) * g.out_width + right;
        sum += from[(pixel * g.kernel * g.kernel + tap) * g.in_channels + c];
    }
    set(dx[i], sum);
}

KERNEL patches_back_f32(const float *from, Geometry g, i64 images, float *dx) { patches_back(from, g, images, dx); }
KERNEL patches_back_bf16(const float *from, Geometry g, i64 images, bf16 *dx) { patches_back(from, g, images, dx); }
