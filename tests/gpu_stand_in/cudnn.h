// What the parts of cuDNN share: its descriptors, and what an algorithm is good for.
#pragma once
#include "numbers.h"

struct cudnnContext {
    CUcontext context;
    CUstream stream = nullptr;
    bool destroyed = false;
};

struct cudnnTensorStruct {
    int type = -1, format = -1, n = 0, c = 0, h = 0, w = 0;
    bool destroyed = false;
    size_t elements() const { return (size_t)n * c * h * w; }
    size_t bytes() const { return elements() * (type == CUDNN_DATA_BFLOAT16 ? 2 : 4); }
};

// n: filters; c: channels of the input.
struct cudnnFilterStruct : cudnnTensorStruct {};

struct cudnnConvolutionStruct {
    int padding_y = 0, padding_x = 0, stride_y = 0, stride_x = 0, dilation_y = 0, dilation_x = 0, mode = -1, type = -1;
    int math = CUDNN_DEFAULT_MATH;
    bool destroyed = false;
};

namespace stand_in {
enum class Direction { FORWARD, INPUT, WEIGHT };

// A convolution's descriptors as they were when it was asked for.
struct Convolution {
    Direction direction;
    cudnnTensorStruct x, y;
    cudnnFilterStruct w;
    cudnnConvolutionStruct how;
};

// How candidates differ, in the order in which they are offered: the first four are traps.
enum class Role { OTHER_MATH, RANDOM, HUGE_WORKSPACE, UNSUPPORTED, GOOD, NEXT };

Role role(Direction direction, int algorithm);
// Whether it computes this convolution, and the bytes that it works in, by the math type that is set.
cudnnStatus_t needs(const Convolution &convolution, int algorithm, size_t *bytes);
// Whether any algorithm computes it.
cudnnStatus_t possible(const Convolution &convolution);

void compute(const Convolution &convolution, const void *x, const void *w, const void *y, float alpha, float beta, Digits digits,
             bool random);

template <class T> const T &alive(const T *descriptor) {
    if (!descriptor || descriptor->destroyed) fault("cuDNN: a descriptor or a handle is used that is not there");
    return *descriptor;
}
} // namespace stand_in
