// What cuDNN offers for a convolution: four traps, then what can be taken.
#include "cudnn.h"
#include <algorithm>

using namespace stand_in;

namespace {
const int CANDIDATES = 6;
// Algorithms' numbers in each direction, in the order of the roles.
const int numbers[3][CANDIDATES] = {{6, 3, 4, 5, 1, 0}, {4, 0, 2, 3, 1, 5}, {4, 0, 2, 6, 1, 5}};

bool fits(const Convolution &c) {
    auto out = [](int size, int kernel, int padding, int stride) { return (size + 2 * padding - kernel) / stride + 1; };
    return c.x.n == c.y.n && c.x.c == c.w.c && c.y.c == c.w.n && c.y.h == out(c.x.h, c.w.h, c.how.padding_y, c.how.stride_y) &&
           c.y.w == out(c.x.w, c.w.w, c.how.padding_x, c.how.stride_x);
}

// The math type that a candidate is offered with.
int offered(Role role, int asked) {
    switch (role) {
    case Role::OTHER_MATH: return asked == CUDNN_TENSOR_OP_MATH ? CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION : CUDNN_TENSOR_OP_MATH;
    case Role::NEXT: return CUDNN_DEFAULT_MATH;
    default: return asked;
    }
}

Convolution gathered(Direction direction, const cudnnTensorStruct *x, const cudnnFilterStruct *w, const cudnnTensorStruct *y,
                     const cudnnConvolutionStruct *how) {
    return {direction, alive(x), alive(y), alive(w), alive(how)};
}

cudnnStatus_t list(const cudnnContext *handle, const Convolution &convolution, int most, int *found, cudnnAlgoPerf *out) {
    alive(handle);
    count("cudnn", "heuristics");
    *found = 0;
    size_t largest = std::max({convolution.x.elements(), convolution.y.elements(), convolution.w.elements()});
    cudnnStatus_t all = possible(convolution);
    // Sizes beyond 31 bits are refused as such; what is merely too large has candidates none of which works.
    if (all != CUDNN_STATUS_SUCCESS && (all == CUDNN_STATUS_BAD_PARAM || largest > 2147483647)) return all;
    for (int at = setting("CUDNN_TRAPS", 1) ? 0 : (int)Role::GOOD; at < CANDIDATES && *found < most; at++) {
        int number = numbers[(int)convolution.direction][at];
        Role as = role(convolution.direction, number);
        Convolution with = convolution;
        with.how.math = offered(as, convolution.how.math);
        size_t bytes = 0;
        cudnnStatus_t status = needs(with, number, &bytes);
        out[*found] = {number, status, status == CUDNN_STATUS_SUCCESS ? 1.0f + (float)at : -1.0f, bytes, as != Role::RANDOM, with.how.math, {}};
        ++*found;
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t workspace(const cudnnContext *handle, const Convolution &convolution, int algorithm, size_t *bytes) {
    alive(handle);
    return needs(convolution, algorithm, bytes);
}
} // namespace

Role stand_in::role(Direction direction, int algorithm) {
    for (int at = 0; at < CANDIDATES; at++) {
        if (numbers[(int)direction][at] == algorithm) return (Role)at;
    }
    return Role::UNSUPPORTED;
}

cudnnStatus_t stand_in::possible(const Convolution &c) {
    if (!fits(c) || c.x.type != c.y.type || c.x.type != c.w.type) return CUDNN_STATUS_BAD_PARAM;
    size_t largest = std::max({c.x.elements(), c.y.elements(), c.w.elements()});
    bool known = c.x.type == CUDNN_DATA_FLOAT || c.x.type == CUDNN_DATA_BFLOAT16;
    bool last = c.x.format == CUDNN_TENSOR_NHWC && c.y.format == CUDNN_TENSOR_NHWC && c.w.format == CUDNN_TENSOR_NHWC;
    bool plain = c.how.dilation_y == 1 && c.how.dilation_x == 1 && c.how.mode == CUDNN_CROSS_CORRELATION && c.how.type == CUDNN_DATA_FLOAT;
    bool small = largest <= 2147483647 && (long)largest <= setting("CUDNN_MOST", 2147483647);
    return known && last && plain && small && !setting("CUDNN_NONE", 0) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
}

cudnnStatus_t stand_in::needs(const Convolution &convolution, int algorithm, size_t *bytes) {
    *bytes = 0;
    cudnnStatus_t all = possible(convolution);
    if (all != CUDNN_STATUS_SUCCESS) return all;
    int math = convolution.how.math;
    bool units = math != CUDNN_FMA_MATH;
    size_t weights = convolution.w.bytes();
    switch (role(convolution.direction, algorithm)) {
    case Role::UNSUPPORTED: return CUDNN_STATUS_NOT_SUPPORTED;
    // Made for matrix units alone.
    case Role::OTHER_MATH:
        if (math != CUDNN_TENSOR_OP_MATH && math != CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION) return CUDNN_STATUS_NOT_SUPPORTED;
        break;
    case Role::HUGE_WORKSPACE: *bytes = device_memory() + 1; return CUDNN_STATUS_SUCCESS;
    default: break;
    }
    *bytes = (weights + 1000) * (units ? 3 : 1) + (units ? 4096 : 0);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
                                                            cudnnConvolutionDescriptor_t how, cudnnTensorDescriptor_t y, int most,
                                                            int *found, cudnnAlgoPerf *out) {
    Turn turn;
    return list(handle, gathered(Direction::FORWARD, x, w, y, how), most, found, out);
}

EXPORT cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                                 cudnnTensorDescriptor_t y, cudnnConvolutionDescriptor_t how,
                                                                 cudnnTensorDescriptor_t x, int most, int *found, cudnnAlgoPerf *out) {
    Turn turn;
    return list(handle, gathered(Direction::INPUT, x, w, y, how), most, found, out);
}

EXPORT cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                                   cudnnTensorDescriptor_t y, cudnnConvolutionDescriptor_t how,
                                                                   cudnnFilterDescriptor_t w, int most, int *found, cudnnAlgoPerf *out) {
    Turn turn;
    return list(handle, gathered(Direction::WEIGHT, x, w, y, how), most, found, out);
}

EXPORT cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
                                                             cudnnConvolutionDescriptor_t how, cudnnTensorDescriptor_t y, int algorithm,
                                                             size_t *bytes) {
    Turn turn;
    return workspace(handle, gathered(Direction::FORWARD, x, w, y, how), algorithm, bytes);
}

EXPORT cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                                  cudnnTensorDescriptor_t y, cudnnConvolutionDescriptor_t how,
                                                                  cudnnTensorDescriptor_t x, int algorithm, size_t *bytes) {
    Turn turn;
    return workspace(handle, gathered(Direction::INPUT, x, w, y, how), algorithm, bytes);
}

EXPORT cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                                    cudnnTensorDescriptor_t y, cudnnConvolutionDescriptor_t how,
                                                                    cudnnFilterDescriptor_t w, int algorithm, size_t *bytes) {
    Turn turn;
    return workspace(handle, gathered(Direction::WEIGHT, x, w, y, how), algorithm, bytes);
}
