// cuDNN's handles and descriptors.
#include "cudnn.h"

using namespace stand_in;

namespace {
template <class T> cudnnStatus_t make(T **made) {
    Turn turn;
    *made = new T();
    return CUDNN_STATUS_SUCCESS;
}

// Kept, to tell whoever uses it afterwards.
template <class T> cudnnStatus_t destroy(T *descriptor) {
    Turn turn;
    alive(descriptor);
    descriptor->destroyed = true;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t set(cudnnTensorStruct *to, int type, int format, int n, int c, int h, int w) {
    Turn turn;
    alive(to);
    if (n <= 0 || c <= 0 || h <= 0 || w <= 0) return CUDNN_STATUS_BAD_PARAM;
    to->type = type;
    to->format = format;
    to->n = n;
    to->c = c;
    to->h = h;
    to->w = w;
    return CUDNN_STATUS_SUCCESS;
}
} // namespace

EXPORT size_t cudnnGetVersion() { return 91300; }
EXPORT size_t cudnnGetCudartVersion() { return 13000; }

EXPORT const char *cudnnGetErrorString(cudnnStatus_t status) {
    switch (status) {
    case CUDNN_STATUS_SUCCESS: return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED: return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_BAD_PARAM: return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_EXECUTION_FAILED: return "CUDNN_STATUS_EXECUTION_FAILED";
    default: return "unknown";
    }
}

EXPORT cudnnStatus_t cudnnCreate(cudnnHandle_t *made) {
    Turn turn;
    if (!current_context() || driver_version() < 13000) return CUDNN_STATUS_NOT_INITIALIZED;
    *made = new cudnnContext{current_context()};
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) { return destroy(handle); }

EXPORT cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, CUstream stream) {
    Turn turn;
    alive(handle);
    if (context_of(stream) != handle->context) return CUDNN_STATUS_BAD_PARAM;
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *made) { return make(made); }
EXPORT cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor) { return destroy(descriptor); }
EXPORT cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t *made) { return make(made); }
EXPORT cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t descriptor) { return destroy(descriptor); }
EXPORT cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t *made) { return make(made); }
EXPORT cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t descriptor) { return destroy(descriptor); }

EXPORT cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t to, int format, int type, int n, int c, int h, int w) {
    return set(to, type, format, n, c, h, w);
}

EXPORT cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t to, int type, int format, int k, int c, int h, int w) {
    return set(to, type, format, k, c, h, w);
}

EXPORT cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t to, int padding_y, int padding_x, int stride_y,
                                                     int stride_x, int dilation_y, int dilation_x, int mode, int type) {
    Turn turn;
    alive(to);
    if (padding_y < 0 || padding_x < 0 || stride_y <= 0 || stride_x <= 0 || dilation_y <= 0 || dilation_x <= 0) {
        return CUDNN_STATUS_BAD_PARAM;
    }
    *to = {padding_y, padding_x, stride_y, stride_x, dilation_y, dilation_x, mode, type};
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t to, int math) {
    Turn turn;
    alive(to);
    if (math < CUDNN_DEFAULT_MATH || math > CUDNN_FMA_MATH) return CUDNN_STATUS_BAD_PARAM;
    to->math = math;
    return CUDNN_STATUS_SUCCESS;
}
