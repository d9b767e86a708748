// Modules, functions and launches: a kernel of any module is the one of that name that was compiled for the host.
#include "device.h"
#include <cstdio>
#include <cstring>

using namespace stand_in;

struct CUmod_st {
    std::string ptx;  // empty: code for GPUs, in which names are not looked up
    CUcontext context;
    std::map<std::string, CUfunction> functions;
};

struct CUfunc_st {
    std::string name;
    CUcontext context;
    const Kernel *kernel;  // none: it can be had and not be launched
    unsigned most_shared = 48 * 1024;
};

namespace {
// The number after `word` in PTX: 9.0 as 90.
int number_after(const std::string &ptx, const char *word, const char *format) {
    size_t at = ptx.find(word);
    int whole = 0, tenth = 0;
    if (at == std::string::npos || sscanf(ptx.c_str() + at + strlen(word), format, &whole, &tenth) < 1) return 0;
    return whole * 10 + tenth;
}

CUresult accept(const std::string &ptx) {
    // Code for GPUs is for 8.0 and newer, and of the toolkit's age.
    if (ptx.empty()) return driver_version() < 13000 || capability() < 80 ? CUDA_ERROR_NO_BINARY_FOR_GPU : CUDA_SUCCESS;
    // PTX 8.0 came with CUDA 12.0, PTX 9.0 with 13.0.
    long driver = driver_version(), newest = (driver / 1000 - 4) * 10 + driver % 1000 / 10;
    if (number_after(ptx, ".version ", "%d.%d") > newest) return CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
    int target = number_after(ptx, ".target sm_", "%d") / 10;
    return target > capability() ? CUDA_ERROR_NO_BINARY_FOR_GPU : CUDA_SUCCESS;
}

// Bytes of every parameter of an entry, and whether there is such an entry.
bool parameters(const std::string &ptx, const std::string &name, std::vector<unsigned> &sizes) {
    size_t at = ptx.find(".entry " + name + "(");
    if (at == std::string::npos) return false;
    std::string list = ptx.substr(at, ptx.find(')', at) - at);
    for (size_t from = list.find(".param "); from != std::string::npos; from = list.find(".param ", from + 1)) {
        std::string one = list.substr(from, list.find_first_of(",\n", from) - from);
        unsigned bits = 0, align = 0, length = 0;
        size_t bracket = one.find('[');
        if (bracket != std::string::npos && sscanf(one.c_str() + bracket, "[%u]", &length) == 1) {
            sizes.push_back(length);
        } else if (sscanf(one.c_str(), ".param .%*[a-z]%u", &bits) == 1 ||
                   sscanf(one.c_str(), ".param .align %u .%*[a-z]%u", &align, &bits) == 2) {
            sizes.push_back(bits / 8);
        } else {
            // As in `.param .u64 .ptr .align 1 name`.
            fault("a parameter of %s is not understood: %s", name.c_str(), one.c_str());
        }
    }
    return true;
}
} // namespace

std::map<std::string, Kernel> &stand_in::kernels() {
    static auto *kernels = new std::map<std::string, Kernel>();
    return *kernels;
}

EXPORT CUresult cuModuleLoadData(CUmodule *made, const void *image) {
    Turn turn;
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
    // Text ends with a zero; code for GPUs begins with one of two marks.
    unsigned mark;
    memcpy(&mark, image, sizeof mark);
    bool code = mark == 0xba55ed50 || mark == 0x464c457f;
    std::string ptx = code ? "" : (const char *)image;
    CUresult accepted = accept(ptx);
    if (accepted == CUDA_SUCCESS) *made = new CUmod_st{ptx, current_context(), {}};
    return accepted;
}

EXPORT CUresult cuModuleLoadDataEx(CUmodule *made, const void *image, unsigned, int *, void **) {
    return cuModuleLoadData(made, image);
}

// Functions are kept: a launch may still have to run.
EXPORT CUresult cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }

EXPORT CUresult cuModuleGetFunction(CUfunction *found, CUmodule module, const char *name) {
    Turn turn;
    CUfunction &function = module->functions[name];
    if (!function) {
        auto kernel = kernels().find(name);
        bool here = kernel != kernels().end();
        std::vector<unsigned> sizes;
        if (module->ptx.empty() ? !here : !parameters(module->ptx, name, sizes)) return CUDA_ERROR_NOT_FOUND;
        if (here && !sizes.empty() && !kernel->second.sizes.empty() && sizes != kernel->second.sizes) {
            fault("%s takes other arguments than the one of that name that was compiled for the stand-in", name);
        }
        function = new CUfunc_st{name, module->context, here ? &kernel->second : nullptr};
    }
    *found = function;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
    Turn turn;
    if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) fault("attribute %d of a function is not known", attribute);
    if (value < 0 || value > setting("SHARED", 232448)) return CUDA_ERROR_INVALID_VALUE;
    function->most_shared = (unsigned)value;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned x, unsigned y, unsigned z, unsigned threads_x, unsigned threads_y,
                               unsigned threads_z, unsigned shared, CUstream stream, void **places, void **extra) {
    Turn turn;
    const char *name = function->name.c_str();
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
    if (function->context != current_context() || context_of(stream) != current_context()) return CUDA_ERROR_INVALID_HANDLE;
    if (!function->kernel) fault("kernel %s is launched, and there is none of that name", name);
    if (extra) fault("kernel %s: arguments in a buffer are not understood", name);
    size_t threads = (size_t)threads_x * threads_y * threads_z;
    if (x == 0 || y == 0 || z == 0 || x > 2147483647 || y > 65535 || z > 65535 || threads == 0 || threads > 1024 ||
        shared > function->most_shared) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (threads_y != 1 || threads_z != 1) fault("kernel %s: blocks of threads in one dimension only", name);
    count("launches", name);
    enqueue(stream, function->name, function->kernel->bind(places, {{x, y, z}, threads_x, shared}));
    return CUDA_SUCCESS;
}
