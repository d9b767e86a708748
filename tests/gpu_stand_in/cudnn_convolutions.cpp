// cuDNN's calls that convolve.
#include "cudnn.h"

using namespace stand_in;

namespace {
const char *const names[] = {"forward", "input_gradient", "weight_gradient"};

Digits digits_of(const Convolution &convolution) {
    if (convolution.x.type == CUDNN_DATA_BFLOAT16) return Digits::BF16;
    switch (convolution.how.math) {
    case CUDNN_FMA_MATH: return Digits::SINGLE;
    case CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION: return Digits::HALF;
    // The default takes matrix units too.
    default: return Digits::TF32;
    }
}

struct Operands {
    const void *x, *w, *y;
};

cudnnStatus_t convolve(cudnnHandle_t handle, const Convolution &convolution, const Operands &at, int algorithm, void *room, size_t bytes,
                       const void *alpha, const void *beta) {
    alive(handle);
    if (current_context() != handle->context) return CUDNN_STATUS_BAD_PARAM;
    size_t needed;
    cudnnStatus_t status = needs(convolution, algorithm, &needed);
    if (status != CUDNN_STATUS_SUCCESS) return status;
    if (bytes < needed || (bytes && !room)) return CUDNN_STATUS_BAD_PARAM;
    auto check = [=] {
        check_memory((CUdeviceptr)at.x, convolution.x.bytes(), "convolution, X");
        check_memory((CUdeviceptr)at.w, convolution.w.bytes(), "convolution, W");
        check_memory((CUdeviceptr)at.y, convolution.y.bytes(), "convolution, Y");
        if (bytes) check_memory((CUdeviceptr)room, bytes, "convolution, workspace");
    };
    check();
    const char *name = names[(int)convolution.direction];
    Role as = role(convolution.direction, algorithm);
    if (as == Role::GOOD && setting("CUDNN_FAIL", 0)) {
        // Half of the work may be done by then.
        auto [out, size] = convolution.direction == Direction::FORWARD ? std::make_pair(at.y, convolution.y.bytes())
                            : convolution.direction == Direction::INPUT ? std::make_pair(at.x, convolution.x.bytes())
                                                                        : std::make_pair(at.w, convolution.w.bytes());
        enqueue(handle->stream, "a convolution that fails", [out = (void *)out, size = size] { memset(out, 0xff, size); });
        count("cudnn", "failures");
        return CUDNN_STATUS_EXECUTION_FAILED;
    }
    Digits digits = digits_of(convolution);
    const char *const kinds[] = {"f32", "tf32", "bf16", "f16"};
    count("cudnn", std::string(name) + "_" + kinds[(int)digits]);
    if (as == Role::RANDOM) count("cudnn", "not_deterministic");
    float factor = *static_cast<const float *>(alpha), kept = *static_cast<const float *>(beta);
    enqueue(handle->stream, std::string("convolution, ") + name, [=] {
        check();
        memset(room, 0xff, bytes);
        compute(convolution, at.x, at.w, at.y, factor, kept, digits, as == Role::RANDOM);
    });
    return CUDNN_STATUS_SUCCESS;
}
} // namespace

EXPORT cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void *alpha, cudnnTensorDescriptor_t of_x, const void *x,
                                             cudnnFilterDescriptor_t of_w, const void *w, cudnnConvolutionDescriptor_t how,
                                             int algorithm, void *room, size_t bytes, const void *beta, cudnnTensorDescriptor_t of_y,
                                             void *y) {
    Turn turn;
    Convolution convolution{Direction::FORWARD, alive(of_x), alive(of_y), alive(of_w), alive(how)};
    return convolve(handle, convolution, {x, w, y}, algorithm, room, bytes, alpha, beta);
}

EXPORT cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void *alpha, cudnnFilterDescriptor_t of_w, const void *w,
                                                  cudnnTensorDescriptor_t of_y, const void *y, cudnnConvolutionDescriptor_t how,
                                                  int algorithm, void *room, size_t bytes, const void *beta, cudnnTensorDescriptor_t of_x,
                                                  void *x) {
    Turn turn;
    Convolution convolution{Direction::INPUT, alive(of_x), alive(of_y), alive(of_w), alive(how)};
    return convolve(handle, convolution, {x, w, y}, algorithm, room, bytes, alpha, beta);
}

EXPORT cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void *alpha, cudnnTensorDescriptor_t of_x, const void *x,
                                                    cudnnTensorDescriptor_t of_y, const void *y, cudnnConvolutionDescriptor_t how,
                                                    int algorithm, void *room, size_t bytes, const void *beta,
                                                    cudnnFilterDescriptor_t of_w, void *w) {
    Turn turn;
    Convolution convolution{Direction::WEIGHT, alive(of_x), alive(of_y), alive(of_w), alive(how)};
    return convolve(handle, convolution, {x, w, y}, algorithm, room, bytes, alpha, beta);
}
