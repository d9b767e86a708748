// What kernels need where there is no GPU: a block's threads are fibers that take turns at barriers, blocks follow one another. Both
// come in an order drawn at random, so that nothing can lean on one.
#pragma once
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <tuple>
#include <vector>

#define __device__
#define KERNEL extern "C" void
#define DYNAMIC_SHARED(type, name) type *name = reinterpret_cast<type *>(host::shared)

struct Dim {
    unsigned x, y, z;
};

// Those of the fiber that runs.
extern Dim threadIdx, blockIdx, blockDim, gridDim;

// Lets every other thread of the block come here too.
void __syncthreads();

template <class T> T atomicAdd(T *at, T value) {
    T old = *at;
    *at += value;
    return old;
}

namespace host {
extern char *shared;

// Of the order in which threads and blocks run.
extern unsigned long seed;

// Runs `kernel(arguments)` on every thread of the grid.
void run(const unsigned blocks[3], unsigned threads, unsigned shared_bytes, void (*kernel)(void *), void *arguments);

// A kernel with arguments of its own.
struct Bound {
    void (*kernel)(void *);
    std::shared_ptr<void> arguments;
};

template <class... A> struct Call {
    void (*kernel)(A...);
    std::tuple<A...> arguments;
    static void run(void *self) {
        Call *call = static_cast<Call *>(self);
        std::apply(call->kernel, call->arguments);
    }
};

template <class... A, size_t... I> Bound take(void (*kernel)(A...), void **places, std::index_sequence<I...>) {
    Call<A...> call = {kernel, {*static_cast<A *>(places[I])...}};
    return {Call<A...>::run, std::make_shared<Call<A...>>(call)};
}

// As a driver takes arguments: a place for every one, which may be gone afterwards.
template <class... A> Bound bind(void (*kernel)(A...), void **places) {
    return take(kernel, places, std::index_sequence_for<A...>());
}

// Bytes of every argument.
template <class... A> std::vector<unsigned> sizes(void (*)(A...)) { return {(unsigned)sizeof(A)...}; }
} // namespace host

#define HOST(name)                                                                                                       \
    extern "C" void host_##name(const unsigned *blocks, unsigned threads, unsigned shared_bytes, void **places) {       \
        host::Bound bound = host::bind(name, places);                                                                   \
        host::run(blocks, threads, shared_bytes, bound.kernel, bound.arguments.get());                                  \
    }
