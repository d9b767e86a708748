// Two branches become one: join 0 adds, 1 multiplies, 2 is b (1 - a). A side that is constant in time has one time-step, read for each.
#include "kernel.h"

template <class T> __device__ inline float element(const T *x, i64 count, i64 i) {
    return value_of(x[i < count ? i : i % count]);
}

template <class A, class B, class Y>
__device__ inline void join_forward(const A *a, i64 of_a, const B *b, i64 of_b, i64 elements, int join, Y *y) {
    i64 i = thread_number();
    if (i >= elements) return;
    float left = element(a, of_a, i), right = element(b, of_b, i);
    set(y[i], join == 0 ? left + right : join == 1 ? left * right : right * (1.0f - left));
}

template <class A, class B, class T>
__device__ inline void join_back(const T *dy, const A *a, i64 of_a, const B *b, i64 of_b, i64 elements, int join, T *da, T *db) {
    i64 i = thread_number();
    if (i >= elements) return;
    float grad = value_of(dy[i]), left = element(a, of_a, i), right = element(b, of_b, i);
    set(da[i], join == 0 ? grad : join == 1 ? grad * right : grad * -right);
    set(db[i], join == 0 ? grad : join == 1 ? grad * left : grad * (1.0f - left));
}

#define FORWARD(name, A, B, Y) \
    KERNEL name(const A *a, i64 of_a, const B *b, i64 of_b, i64 elements, int join, Y *y) { \
        join_forward(a, of_a, b, of_b, elements, join, y); \
    }

#define BACK(name, A, B, T) \
    KERNEL name(const T *dy, const A *a, i64 of_a, const B *b, i64 of_b, i64 elements, int join, T *da, T *db) { \
        join_back(dy, a, of_a, b, of_b, elements, join, da, db); \
    }

FORWARD(join_u8_u8_u8, u8, u8, u8)
FORWARD(join_u8_f32_u8, u8, float, u8)
FORWARD(join_f32_u8_u8, float, u8, u8)
FORWARD(join_f32_f32_u8, float, float, u8)
FORWARD(join_u8_bf16_u8, u8, bf16, u8)
FORWARD(join_f32_bf16_u8, float, bf16, u8)
FORWARD(join_bf16_u8_u8, bf16, u8, u8)
FORWARD(join_bf16_f32_u8, bf16, float, u8)
FORWARD(join_bf16_bf16_u8, bf16, bf16, u8)
FORWARD(join_u8_u8_f32, u8, u8, float)
FORWARD(join_u8_f32_f32, u8, float, float)
FORWARD(join_u8_bf16_f32, u8, bf16, float)
FORWARD(join_f32_u8_f32, float, u8, float)
FORWARD(join_f32_f32_f32, float, float, float)
FORWARD(join_f32_bf16_f32, float, bf16, float)
FORWARD(join_bf16_u8_f32, bf16, u8, float)
FORWARD(join_bf16_f32_f32, bf16, float, float)
FORWARD(join_bf16_bf16_f32, bf16, bf16, float)
FORWARD(join_u8_u8_bf16, u8, u8, bf16)
FORWARD(join_u8_f32_bf16, u8, float, bf16)
FORWARD(join_u8_bf16_bf16, u8, bf16, bf16)
FORWARD(join_f32_u8_bf16, float, u8, bf16)
FORWARD(join_f32_f32_bf16, float, float, bf16)
FORWARD(join_f32_bf16_bf16, float, bf16, bf16)
FORWARD(join_bf16_u8_bf16, bf16, u8, bf16)
FORWARD(join_bf16_f32_bf16, bf16, float, bf16)
FORWARD(join_bf16_bf16_bf16, bf16, bf16, bf16)

BACK(join_back_u8_u8_f32, u8, u8, float)
BACK(join_back_u8_f32_f32, u8, float, float)
BACK(join_back_u8_bf16_f32, u8, bf16, float)
BACK(join_back_f32_u8_f32, float, u8, float)
BACK(join_back_f32_f32_f32, float, float, float)
BACK(join_back_f32_bf16_f32, float, bf16, float)
BACK(join_back_bf16_u8_f32, bf16, u8, float)
BACK(join_back_bf16_f32_f32, bf16, float, float)
BACK(join_back_bf16_bf16_f32, bf16, bf16, float)
BACK(join_back_u8_u8_bf16, u8, u8, bf16)
BACK(join_back_u8_f32_bf16, u8, float, bf16)
BACK(join_back_u8_bf16_bf16, u8, bf16, bf16)
BACK(join_back_f32_u8_bf16, float, u8, bf16)
BACK(join_back_f32_f32_bf16, float, float, bf16)
BACK(join_back_f32_bf16_bf16, float, bf16, bf16)
BACK(join_back_bf16_u8_bf16, bf16, u8, bf16)
BACK(join_back_bf16_f32_bf16, bf16, float, bf16)
BACK(join_back_bf16_bf16_bf16, bf16, bf16, bf16)
