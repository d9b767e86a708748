// Rectified linear units: a thread takes N neighbours. What is not a number stays that.
#include "kernel.h"

template <int N, class T> __device__ inline void relu(const T *x, i64 elements, T *y, u8 *active) {
    i64 i = thread_number() * N;
    if (i >= elements) return;
    Pack<T, N> pack = load<N>(x + i), out;
    Pack<u8, N> places;
    for (int k = 0; k < N; k++) {
        float value = value_of(pack.values[k]);
        set(out.values[k], value <= 0.0f ? 0.0f : value);
        places.values[k] = value > 0.0f;
    }
    store(y + i, out);
    store(active + i, places);
}

template <int N, class T> __device__ inline void relu_back(const T *dy, const u8 *active, i64 elements, T *dx) {
    i64 i = thread_number() * N;
    if (i >= elements) return;
    Pack<T, N> pack = load<N>(dy + i), out;
    Pack<u8, N> places = load<N>(active + i);
    for (int k = 0; k < N; k++) set(out.values[k], places.values[k] ? value_of(pack.values[k]) : 0.0f);
    store(dx + i, out);
}

#define RELU(name, T, N) \
    KERNEL name(const T *x, i64 elements, T *y, u8 *active) { relu<N>(x, elements, y, active); }

#define BACK(name, T, N) \
    KERNEL name(const T *dy, const u8 *active, i64 elements, T *dx) { relu_back<N>(dy, active, elements, dx); }

RELU(relu_f32_x4, float, 4)
RELU(relu_f32_x1, float, 1)
RELU(relu_bf16_x4, bf16, 4)
RELU(relu_bf16_x1, bf16, 1)
BACK(relu_back_f32_x4, float, 4)
BACK(relu_back_f32_x1, float, 1)
BACK(relu_back_bf16_x4, bf16, 4)
BACK(relu_back_bf16_x1, bf16, 1)
