// What kernels need where there is no GPU: a block's threads are fibers that take turns at barriers, blocks follow one another.
#pragma once
#include <cmath>
#include <cstring>

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

// Runs `kernel(arguments)` on every thread of the grid.
void run(const unsigned blocks[3], unsigned threads, unsigned shared_bytes, void (*kernel)(void *), void *arguments);

template <class... A> struct Call {
    void (*kernel)(A...);
    void **places;
    template <int... I> struct Indices {};
    template <int N, int... I> struct Count : Count<N - 1, N - 1, I...> {};
    template <int... I> struct Count<0, I...> {
        typedef Indices<I...> Type;
    };
    template <int... I> void at(Indices<I...>) { kernel(*static_cast<A *>(places[I])...); }
    static void run(void *self) {
        Call *call = static_cast<Call *>(self);
        call->at(typename Count<sizeof...(A)>::Type());
    }
};

// As a driver launches: a place for every argument.
template <class... A>
void launch(void (*kernel)(A...), const unsigned blocks[3], unsigned threads, unsigned shared_bytes, void **places) {
    Call<A...> call = {kernel, places};
    run(blocks, threads, shared_bytes, Call<A...>::run, &call);
}
} // namespace host

#define HOST(name)                                                                                                       \
    extern "C" void host_##name(const unsigned *blocks, unsigned threads, unsigned shared_bytes, void **places) {       \
        host::launch(name, blocks, threads, shared_bytes, places);                                                      \
    }
