// Copies and fills. Both ends are looked up when they are asked for and when they run.
#include "device.h"
#include <cstring>
#include <memory>

using namespace stand_in;

namespace {
CUresult to_device(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
    if (bytes == 0) return CUDA_SUCCESS;
    check_memory(to, bytes, "copy to the device");
    count("", "bytes_to_device", bytes);
    // Ordinary memory is read before the call returns, pinned memory when the copy's turn comes.
    std::shared_ptr<std::vector<char>> staged;
    if (is_pinned(from)) {
        check_memory((CUdeviceptr)from, bytes, "copy from pinned memory");
    } else {
        staged = std::make_shared<std::vector<char>>((const char *)from, (const char *)from + bytes);
    }
    enqueue(stream, "copy to the device", [=] {
        if (!staged) check_memory((CUdeviceptr)from, bytes, "copy from pinned memory");
        check_memory(to, bytes, "copy to the device");
        memcpy((void *)to, staged ? staged->data() : from, bytes);
    });
    return CUDA_SUCCESS;
}

CUresult to_host(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
    if (bytes == 0) return CUDA_SUCCESS;
    check_memory(from, bytes, "copy to the host");
    count("", "bytes_to_host", bytes);
    enqueue(stream, "copy to the host", [=] {
        check_memory(from, bytes, "copy to the host");
        memcpy(to, (const void *)from, bytes);
    });
    if (!is_pinned(to)) finish(stream);
    return CUDA_SUCCESS;
}

CUresult on_device(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    if (bytes == 0) return CUDA_SUCCESS;
    auto check = [=] {
        check_memory(from, bytes, "copy on the device, source");
        check_memory(to, bytes, "copy on the device, target");
        if (to < from + bytes && from < to + bytes) fault("copy on the device: source and target overlap");
    };
    check();
    count("", "bytes_on_device", bytes);
    enqueue(stream, "copy on the device", [=] {
        check();
        memcpy((void *)to, (const void *)from, bytes);
    });
    return CUDA_SUCCESS;
}

CUresult fill(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
    if (bytes == 0) return CUDA_SUCCESS;
    check_memory(to, bytes, "fill");
    enqueue(stream, "fill", [=] {
        check_memory(to, bytes, "fill");
        memset((void *)to, value, bytes);
    });
    return CUDA_SUCCESS;
}
} // namespace

#define IN_TURN(call)                                                                                                     \
    Turn turn;                                                                                                            \
    return current_context() ? call : CUDA_ERROR_INVALID_CONTEXT

EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
    IN_TURN(to_device(to, from, bytes, stream));
}
EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) { IN_TURN(to_device(to, from, bytes, nullptr)); }
EXPORT CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
    IN_TURN(to_host(to, from, bytes, stream));
}
EXPORT CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) { IN_TURN(to_host(to, from, bytes, nullptr)); }
EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    IN_TURN(on_device(to, from, bytes, stream));
}
EXPORT CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) { IN_TURN(on_device(to, from, bytes, nullptr)); }
EXPORT CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
    IN_TURN(fill(to, value, bytes, stream));
}
EXPORT CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t bytes) { IN_TURN(fill(to, value, bytes, nullptr)); }
