// The driver's beginnings: devices and what they can, contexts, pools' attributes, names of errors.
#include "device.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace stand_in;

namespace {
thread_local CUcontext current;
bool initialized;

// The devices' numbers, of those that CUDA_VISIBLE_DEVICES leaves.
std::vector<int> visible() {
    int all = (int)setting("GPUS", 1);
    std::vector<int> found;
    const char *list = getenv("CUDA_VISIBLE_DEVICES");
    for (int number = 0; !list && number < all; number++) found.push_back(number);
    std::string rest = list ? list : "";
    while (!rest.empty()) {
        std::string entry = rest.substr(0, rest.find(','));
        rest = rest.size() > entry.size() ? rest.substr(entry.size() + 1) : "";
        char *end;
        long number = strtol(entry.c_str(), &end, 10);
        // The first that does not exist ends the list.
        if (entry.empty() || *end || number < 0 || number >= all) break;
        found.push_back((int)number);
    }
    return found;
}

CUcontext context(CUdevice device) {
    static std::map<CUdevice, CUcontext> contexts;
    CUcontext &context = contexts[device];
    if (!context) context = new CUctx_st{device, {}};
    return context;
}

bool exists(CUdevice device) { return device >= 0 && device < (int)visible().size(); }

int attribute(int number) {
    switch (number) {
    case 1: return 1024;          // threads of a block
    case 2: case 3: return 1024;  // in x and y
    case 4: return 64;
    case 5: return 2147483647;    // blocks of a grid
    case 6: case 7: return 65535;
    case 8: return 49152;         // shared memory of a block
    case 10: return 32;           // threads of a warp
    case 12: return 65536;        // registers of a block
    case 13: return 1980000;      // kHz
    case 16: return 132;          // multiprocessors
    case 39: return 2048;         // threads of a multiprocessor
    case 41: return 1;            // unified addresses
    case 75: return capability() / 10;
    case 76: return capability() % 10;
    case 81: return 233472;       // shared memory of a multiprocessor
    case 97: return (int)setting("SHARED", 232448);
    case 106: return 32;          // blocks of a multiprocessor
    case 115: return 1;           // pools
    default: fault("device attribute %d is not known", number);
    }
}
} // namespace

CUcontext stand_in::current_context() { return current; }
long stand_in::driver_version() { return setting("DRIVER", 13000); }

int stand_in::capability() {
    const char *text = getenv("BNTT_STAND_IN_CAPABILITY");
    int major = 9, minor = 0;
    if (text) sscanf(text, "%d.%d", &major, &minor);
    return major * 10 + minor;
}

EXPORT CUresult cuInit(unsigned) {
    Turn turn;
    if (visible().empty()) return CUDA_ERROR_NO_DEVICE;
    initialized = true;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDriverGetVersion(int *version) {
    *version = (int)driver_version();
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetCount(int *count) {
    if (!initialized) return CUDA_ERROR_NOT_INITIALIZED;
    *count = (int)visible().size();
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGet(CUdevice *device, int number) {
    if (!initialized) return CUDA_ERROR_NOT_INITIALIZED;
    *device = number;
    return exists(number) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

EXPORT CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
    snprintf(name, length, "Stand-in GPU");
    return exists(device) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

EXPORT CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
    if (!exists(device)) return CUDA_ERROR_INVALID_DEVICE;
    memset(uuid->bytes, 0xab, 16);
    uuid->bytes[15] = (unsigned char)visible()[device];
    return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) { return cuDeviceGetUuid_v2(uuid, device); }

EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
    *bytes = device_memory();
    return exists(device) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

EXPORT CUresult cuDeviceGetAttribute(int *value, int number, CUdevice device) {
    if (!exists(device)) return CUDA_ERROR_INVALID_DEVICE;
    *value = attribute(number);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *made, CUdevice device) {
    Turn turn;
    if (!exists(device)) return CUDA_ERROR_INVALID_DEVICE;
    *made = context(device);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) { return CUDA_SUCCESS; }

EXPORT CUresult cuCtxSetCurrent(CUcontext context) {
    current = context;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxGetCurrent(CUcontext *context) {
    *context = current;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
    Turn turn;
    if (!current) return CUDA_ERROR_INVALID_CONTEXT;
    *total = device_memory();
    *free = *total - std::min(*total, current->pool.reserved + current->pool.plain);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device) {
    Turn turn;
    if (!exists(device)) return CUDA_ERROR_INVALID_DEVICE;
    *pool = &context(device)->pool;
    return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device) { return cuDeviceGetDefaultMemPool(pool, device); }

EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t keep) {
    Turn turn;
    pool->trim(keep);
    count("", "trims");
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemPoolGetAttribute(CUmemoryPool pool, int number, void *value) {
    Turn turn;
    auto give = [value](uint64_t number) { memcpy(value, &number, sizeof number); };
    switch (number) {
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: give(pool->threshold); break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT: give(pool->reserved); break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: give(pool->reserved_high); break;
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: give(pool->used); break;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: give(pool->used_high); break;
    default: fault("attribute %d of a pool is not known", number);
    }
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemPoolSetAttribute(CUmemoryPool pool, int number, void *value) {
    Turn turn;
    uint64_t wanted;
    memcpy(&wanted, value, sizeof wanted);
    switch (number) {
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: pool->threshold = wanted; return CUDA_SUCCESS;
    // The most that was in use at once can only be set back.
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: pool->reserved_high = pool->reserved; break;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: pool->used_high = pool->used; break;
    default: fault("attribute %d of a pool is not known", number);
    }
    return wanted == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

namespace {
struct ErrorName {
    CUresult number;
    const char *name, *text;
};
const ErrorName errors[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain."},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
};

CUresult describe(CUresult number, const char **text, const char *ErrorName::*part) {
    for (auto &error : errors) {
        if (error.number != number) continue;
        *text = error.*part;
        return CUDA_SUCCESS;
    }
    return CUDA_ERROR_INVALID_VALUE;
}
} // namespace

EXPORT CUresult cuGetErrorName(CUresult number, const char **text) { return describe(number, text, &ErrorName::name); }
EXPORT CUresult cuGetErrorString(CUresult number, const char **text) { return describe(number, text, &ErrorName::text); }
