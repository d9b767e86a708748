// The state that the four libraries share; it lives in libcuda.
#pragma once
#include "nvidia.h"
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#pragma GCC visibility push(default)

namespace stand_in {
typedef std::function<void()> Work;

// All calls take turns: one holds this from its begin to its end.
struct Turn {
    Turn();
    ~Turn();
};

// For what a GPU would answer with wrong numbers, or not at all: says it, and ends the process.
[[noreturn]] void fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

// An environment variable BNTT_STAND_IN_<name>, as a number.
long setting(const char *name, long otherwise);

// From the seed BNTT_STAND_IN_SEED.
unsigned long draw();

// Adds to a number of the report: `group` is empty, or names what the numbers are of.
void count(const std::string &group, const std::string &name, unsigned long by = 1);

// What a stream does next, after all it was given before. `what` names it in messages.
void enqueue(CUstream stream, const std::string &what, Work work);
// Runs what streams were given until `done` says so.
void run_until(CUstream stream, const std::function<bool()> &done);
void finish(CUstream stream);
void finish_all(CUcontext context);
CUcontext context_of(CUstream stream);

// Ends the process where these bytes are not all of one piece of memory.
void check_memory(CUdeviceptr address, size_t bytes, const char *what);
bool is_pinned(const void *address);
size_t device_memory();

// What runs now, for messages.
extern const char *running;

// The context of this thread, or null.
CUcontext current_context();
long driver_version();
// Of the devices: 9.0 as 90.
int capability();

// A kernel on the host: makes work of its arguments and its grid.
struct Grid {
    unsigned blocks[3];
    unsigned threads;
    unsigned shared;
};
struct Kernel {
    std::function<Work(void **places, const Grid &grid)> bind;
    std::vector<unsigned> sizes;  // bytes of each argument; none: not known
};
std::map<std::string, Kernel> &kernels();
} // namespace stand_in

struct CUmemPoolHandle_st {
    size_t reserved = 0, reserved_high = 0, used = 0, used_high = 0, threshold = 0;
    // Bytes outside of the pool.
    size_t plain = 0;
    // Freed and kept: sizes, and whether the stream has come by the end of their use.
    std::multimap<size_t, std::shared_ptr<bool>> idle;
    void trim(size_t keep);
};

struct CUctx_st {
    CUdevice device;
    CUmemPoolHandle_st pool;
};

#pragma GCC visibility pop
