// A number for every channel, added to rows of channels in place. Its gradient is the sum of dY of batch_norm.cu, with one group.
#include "kernel.h"

template <class T> __device__ inline void add(T *y, const float *bias, i64 elements, int channels) {
    i64 i = thread_number();
    if (i < elements) set(y[i], value_of(y[i]) + bias[i % channels]);
}

KERNEL bias_add_f32(float *y, const float *bias, i64 elements, int channels) { add(y, bias, elements, channels); }
KERNEL bias_add_bf16(bf16 *y, const float *bias, i64 elements, int channels) { add(y, bias, elements, channels); }
