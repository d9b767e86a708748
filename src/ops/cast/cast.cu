// The same numbers in another type.
#include "kernel.h"

template <int N, class T, class Y> __device__ inline void cast(const T *x, i64 elements, Y *y) {
    i64 i = thread_number() * N;
    if (i >= elements) return;
    if (i + N <= elements) {
        Pack<T, N> pack = load<N>(x + i);
        Pack<Y, N> out;
        for (int k = 0; k < N; k++) set(out.values[k], value_of(pack.values[k]));
        store(y + i, out);
    } else {
        for (; i < elements; i++) set(y[i], value_of(x[i]));
    }
}

#define CAST(name, T, Y) \
    KERNEL name(const T *x, i64 elements, Y *y) { cast<4>(x, elements, y); }

CAST(cast_u8_f32, u8, float)
CAST(cast_u8_bf16, u8, bf16)
CAST(cast_f32_bf16, float, bf16)
CAST(cast_bf16_f32, bf16, float)
