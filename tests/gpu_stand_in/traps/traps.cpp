// The stand-in's own test: what it must refuse or catch. traps CASE: exit code 0, or the message that belongs to the case.
#include "../nvidia.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

extern "C" {
CUresult cuInit(unsigned);
CUresult cuDevicePrimaryCtxRetain(CUcontext *, CUdevice);
CUresult cuCtxSetCurrent(CUcontext);
CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *, CUdevice);
CUresult cuMemPoolSetAttribute(CUmemoryPool, int, void *);
CUresult cuMemPoolTrimTo(CUmemoryPool, size_t);
CUresult cuStreamCreate(CUstream *, unsigned);
CUresult cuStreamSynchronize(CUstream);
CUresult cuStreamWaitEvent(CUstream, CUevent, unsigned);
CUresult cuEventCreate(CUevent *, unsigned);
CUresult cuEventRecord(CUevent, CUstream);
CUresult cuMemAllocAsync(CUdeviceptr *, size_t, CUstream);
CUresult cuMemFreeAsync(CUdeviceptr, CUstream);
CUresult cuMemHostAlloc(void **, size_t, unsigned);
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr, const void *, size_t, CUstream);
CUresult cuMemcpyDtoHAsync_v2(void *, CUdeviceptr, size_t, CUstream);
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr, CUdeviceptr, size_t, CUstream);
CUresult cuMemsetD8Async(CUdeviceptr, unsigned char, size_t, CUstream);
CUresult cuModuleLoadData(CUmodule *, const void *);
CUresult cuModuleGetFunction(CUfunction *, CUmodule, const char *);
CUresult cuFuncSetAttribute(CUfunction, int, int);
CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **, void **);
CUresult cuGetErrorName(CUresult, const char **);
}

static void expect(CUresult found, CUresult expected, const char *call) {
    if (found == expected) return;
    printf("%s: %d, expected %d\n", call, found, expected);
    exit(1);
}
#define EXPECT(expected, call) expect(call, expected, #call)
#define OK(call) EXPECT(CUDA_SUCCESS, call)

static CUstream stream, other;
static CUmemoryPool pool;

static CUdeviceptr memory(size_t bytes) {
    CUdeviceptr made;
    OK(cuMemAllocAsync(&made, bytes, stream));
    return made;
}

// A float that one stream writes and another copies, over and over: whether every copy found it.
static bool passed_on(bool ordered) {
    bool all = true;
    for (int i = 0; i < 64; i++) {
        float value = 1.5f, back = 0.0f;
        CUdeviceptr from = memory(4), to = memory(4);
        CUevent event;
        OK(cuEventCreate(&event, 0));
        OK(cuMemcpyHtoDAsync_v2(from, &value, 4, stream));
        OK(cuEventRecord(event, stream));
        if (ordered) OK(cuStreamWaitEvent(other, event, 0));
        OK(cuMemcpyDtoDAsync_v2(to, from, 4, other));
        OK(cuMemcpyDtoHAsync_v2(&back, to, 4, other));
        all = all && back == value;
    }
    return all;
}

static void pool_keeps() {
    unsigned long all = ~0ul;
    OK(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &all));
    CUdeviceptr first = memory(700 << 10), second;
    OK(cuMemFreeAsync(first, stream));
    first = memory(700 << 10);
    OK(cuMemFreeAsync(first, stream));
    EXPECT(CUDA_ERROR_OUT_OF_MEMORY, cuMemAllocAsync(&second, 600 << 10, stream));
    OK(cuMemPoolTrimTo(pool, 0));
    EXPECT(CUDA_ERROR_OUT_OF_MEMORY, cuMemAllocAsync(&second, 600 << 10, stream));
    OK(cuStreamSynchronize(stream));
    EXPECT(CUDA_ERROR_OUT_OF_MEMORY, cuMemAllocAsync(&second, 600 << 10, stream));
    OK(cuMemPoolTrimTo(pool, 0));
    OK(cuMemAllocAsync(&second, 600 << 10, stream));
}

static void launches() {
    unsigned code[2] = {0xba55ed50, 0};
    CUmodule module;
    CUfunction function;
    OK(cuModuleLoadData(&module, code));
    EXPECT(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&function, module, "no_such_kernel"));
    OK(cuModuleGetFunction(&function, module, "fill_u8"));
    CUdeviceptr to = memory(8);
    unsigned char value = 1;
    size_t count = 8;
    void *places[] = {&to, &value, &count};
    auto launch = [&](unsigned x, unsigned y, unsigned threads, unsigned shared) {
        return cuLaunchKernel(function, x, y, 1, threads, 1, 1, shared, stream, places, nullptr);
    };
    OK(launch(1, 1, 1024, 48 << 10));
    EXPECT(CUDA_ERROR_INVALID_VALUE, launch(0, 1, 32, 0));
    EXPECT(CUDA_ERROR_INVALID_VALUE, launch(1, 65536, 32, 0));
    EXPECT(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 1025, 0));
    EXPECT(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 32, 64 << 10));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1 << 20));
    OK(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 64 << 10));
    OK(launch(1, 1, 32, 64 << 10));
    // One more than there is room for, found when it runs.
    count = 8 + 16;
    OK(launch(1, 1, 32, 0));
    count = 8;
    OK(cuStreamSynchronize(stream));
}

int main(int, char **arguments) {
    std::string which = arguments[1];
    CUcontext context;
    OK(cuInit(0));
    EXPECT(CUDA_ERROR_INVALID_CONTEXT, cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    OK(cuDevicePrimaryCtxRetain(&context, 0));
    OK(cuCtxSetCurrent(context));
    OK(cuDeviceGetDefaultMemPool(&pool, 0));
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    if (which == "pool") pool_keeps();
    if (which == "launches") launches();
    if (which == "ordered" && !passed_on(true)) return 1;
    if (which == "unordered" && passed_on(false)) return 1;
    if (which == "uninitialized") {
        float value = 0.0f;
        OK(cuMemcpyDtoHAsync_v2(&value, memory(4), 4, stream));
        if (value == value) return 1;
    }
    if (which == "pinned") {
        void *pinned;
        char back = 0;
        OK(cuMemHostAlloc(&pinned, 1, 0));
        CUdeviceptr to = memory(1);
        *(char *)pinned = 1;
        OK(cuMemcpyHtoDAsync_v2(to, pinned, 1, stream));
        // Too early: the copy has not run.
        *(char *)pinned = 2;
        OK(cuMemcpyDtoHAsync_v2(&back, to, 1, stream));
        if (back != 2) return 1;
    }
    CUdeviceptr piece = memory(13);
    if (which == "overrun") OK(cuMemsetD8Async(piece, 0, 14, stream));
    if (which == "written") ((char *)piece)[13] = 0;
    if (which == "far") ((char *)piece)[16] = 0;
    OK(cuMemFreeAsync(piece, stream));
    if (which == "freed") OK(cuMemsetD8Async(piece, 0, 13, stream));
    if (which == "twice") OK(cuMemFreeAsync(piece, stream));
    OK(cuStreamSynchronize(stream));
    if (which == "late") ((char *)piece)[0] = 0;
    return 0;
}
