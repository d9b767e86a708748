// The sum over time of [T, n], in the order of time: a thread sums N neighbours.
#include "kernel.h"

template <int N, class T>
__device__ inline void sum_over_time(const T *__restrict__ rows, i64 neurons, int time_steps, T *__restrict__ total) {
    i64 i = thread_number() * N;
    if (i >= neurons) return;
    float sum[N];
    for (int k = 0; k < N; k++) sum[k] = 0.0f;
#pragma unroll 8
    for (int t = 0; t < time_steps; t++) {
        Pack<T, N> pack = load<N>(rows + t * neurons + i);
        for (int k = 0; k < N; k++) sum[k] += value_of(pack.values[k]);
    }
    Pack<T, N> out;
    for (int k = 0; k < N; k++) set(out.values[k], sum[k]);
    store(total + i, out);
}

#define SUM(name, T, N)                                                                                                  \
    KERNEL name(const T *rows, i64 neurons, int time_steps, T *total) { sum_over_time<N>(rows, neurons, time_steps, total); }

SUM(sum_over_time_f32_x4, float, 4)
SUM(sum_over_time_f32_x1, float, 1)
SUM(sum_over_time_bf16_x8, bf16, 8)
SUM(sum_over_time_bf16_x1, bf16, 1)
