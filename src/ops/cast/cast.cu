// Casts between spikes as bytes, f32 and bf16: a thread takes N neighbours.
#include "kernel.h"

template <int N, class T, class Y> __device__ inline void cast(const T *x, i64 elements, Y *y) {
    i64 i = thread_number() * N;
    if (i >= elements) return;
    Pack<T, N> pack = load<N>(x + i);
    Pack<Y, N> out;
    for (int k = 0; k < N; k++) set(out.values[k], value_of(pack.values[k]));
    store(y + i, out);
}

#define CAST(name, T, Y, N) \
    KERNEL name(const T *x, i64 elements, Y *y) { cast<N>(x, elements, y); }

CAST(convert_u8_f32_x4, u8, float, 4)
CAST(convert_u8_f32_x1, u8, float, 1)
CAST(convert_u8_bf16_x8, u8, bf16, 8)
CAST(convert_u8_bf16_x1, u8, bf16, 1)
CAST(convert_f32_bf16_x4, float, bf16, 4)
CAST(convert_f32_bf16_x1, float, bf16, 1)
CAST(convert_bf16_f32_x4, bf16, float, 4)
CAST(convert_bf16_f32_x1, bf16, float, 1)
