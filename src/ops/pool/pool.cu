// Pooling of pixels whose channels lie side by side: a thread takes N neighbouring channels of one window.
#include "kernel.h"

struct Planes {
    i64 count;     // images of all time-steps
    int channels;
    int height;
    int width;
    int kernel_height;
    int kernel_width;
};

struct Window {
    bool exists;
    i64 corner;    // first element of the window's first pixel
    i64 pooled;    // first element of the output
};

template <int N> __device__ inline Window window(const Planes &p) {
    int height = p.height / p.kernel_height, width = p.width / p.kernel_width;
    i64 element = thread_number() * N;
    Window w;
    w.exists = element < p.count * height * width * p.channels;
    i64 pixel = element / p.channels;
    int channel = (int)(element % p.channels), column = (int)(pixel % width), row = (int)(pixel / width % height);
    i64 image = pixel / width / height;
    i64 first = (image * p.height + (i64)row * p.kernel_height) * p.width + (i64)column * p.kernel_width;
    w.corner = first * p.channels + channel;
    w.pooled = element;
    return w;
}

template <int N, class T, class Y> __device__ inline void average(const T *x, Planes p, Y *y) {
    Window w = window<N>(p);
    if (!w.exists) return;
    float sum[N];
    for (int k = 0; k < N; k++) sum[k] = 0.0f;
    for (int i = 0; i < p.kernel_height; i++) {
        for (int j = 0; j < p.kernel_width; j++) {
            Pack<T, N> pack = load<N>(x + w.corner + ((i64)i * p.width + j) * p.channels);
            for (int k = 0; k < N; k++) sum[k] += value_of(pack.values[k]);
        }
    }
    float scale = 1.0f / (float)(p.kernel_height * p.kernel_width);
    Pack<Y, N> out;
    for (int k = 0; k < N; k++) set(out.values[k], sum[k] * scale);
    store(y + w.pooled, out);
}

#define AVERAGE(name, T, Y, N) \
    KERNEL name(const T *x, Planes planes, Y *y) { average<N>(x, planes, y); }

AVERAGE(average_pool_u8_x4, u8, float, 4)
AVERAGE(average_pool_u8_x1, u8, float, 1)
AVERAGE(average_pool_f32_x4, float, float, 4)
AVERAGE(average_pool_f32_x1, float, float, 1)
AVERAGE(average_pool_bf16_x8, bf16, bf16, 8)
AVERAGE(average_pool_bf16_x1, bf16, bf16, 1)

// dX, which holds zeros where no window reaches.
template <int N, class T> __device__ inline void average_gradient(const T *grad, Planes p, T *dx) {
    Window w = window<N>(p);
    if (!w.exists) return;
    float scale = 1.0f / (float)(p.kernel_height * p.kernel_width);
    Pack<T, N> pack = load<N>(grad + w.pooled);
    for (int k = 0; k < N; k++) set(pack.values[k], value_of(pack.values[k]) * scale);
    for (int i = 0; i < p.kernel_height; i++) {
        for (int j = 0; j < p.kernel_width; j++) store(dx + w.corner + ((i64)i * p.width + j) * p.channels, pack);
    }
}

#define AVERAGE_GRADIENT(name, T, N) \
    KERNEL name(const T *grad, Planes planes, T *dx) { average_gradient<N>(grad, planes, dx); }

AVERAGE_GRADIENT(average_pool_gradient_f32_x4, float, 4)
AVERAGE_GRADIENT(average_pool_gradient_f32_x1, float, 1)
AVERAGE_GRADIENT(average_pool_gradient_bf16_x8, bf16, 8)
AVERAGE_GRADIENT(average_pool_gradient_bf16_x1, bf16, 1)

// Maxima and their places in the windows; of equal ones the first.
template <class T> __device__ inline void maximum(const T *x, Planes p, T *y, u8 *places) {
    Window w = window<1>(p);
    if (!w.exists) return;
    T best = x[w.corner];
    int place = 0;
    for (int at = 1; at < p.kernel_height * p.kernel_width; at++) {
        T value = x[w.corner + ((i64)(at / p.kernel_width) * p.width + at % p.kernel_width) * p.channels];
        if (value_of(value) > value_of(best)) {
            best = value;
            place = at;
        }
    }
    y[w.pooled] = best;
    places[w.pooled] = (u8)place;
}

KERNEL max_pool_u8(const u8 *x, Planes planes, u8 *y, u8 *places) { maximum(x, planes, y, places); }
KERNEL max_pool_f32(const float *x, Planes planes, float *y, u8 *places) { maximum(x, planes, y, places); }
KERNEL max_pool_bf16(const bf16 *x, Planes planes, bf16 *y, u8 *places) { maximum(x, planes, y, places); }

// dX, which holds zeros everywhere.
template <class T> __device__ inline void maximum_gradient(const T *grad, const u8 *places, Planes p, T *dx) {
    Window w = window<1>(p);
    if (!w.exists) return;
    int place = places[w.pooled];
    dx[w.corner + ((i64)(place / p.kernel_width) * p.width + place % p.kernel_width) * p.channels] = grad[w.pooled];
}

KERNEL max_pool_gradient_f32(const float *grad, const u8 *places, Planes planes, float *dx) {
    maximum_gradient(grad, places, planes, dx);
}
KERNEL max_pool_gradient_bf16(const bf16 *grad, const u8 *places, Planes planes, bf16 *dx) {
    maximum_gradient(grad, places, planes, dx);
}
