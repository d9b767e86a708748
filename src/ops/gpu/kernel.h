// What every kernel shares. Kernels are plain C++ over this header, so that they also compile for the host, where the tests run them
// (tests/kernels): no intrinsics but the thread's place, the barrier and one cast, products and sums rounded one by one (-fmad=false).
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#ifdef __CUDACC__
#define KERNEL extern "C" __global__ void
#define DYNAMIC_SHARED(type, name) extern __shared__ __align__(16) type name[]
#else
#include "host.h"
#endif

// A float's upper half; rounded to nearest, ties to even.
struct bf16 {
    u16 bits;
};

__device__ inline float as_float(u32 bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

__device__ inline u32 as_bits(float value) {
    u32 bits;
    memcpy(&bits, &value, 4);
    return bits;
}

__device__ inline float value_of(float x) { return x; }
__device__ inline float value_of(bf16 x) { return as_float((u32)x.bits << 16); }
__device__ inline float value_of(u8 x) { return (float)x; }

__device__ inline void set(float &to, float x) { to = x; }
__device__ inline void set(u8 &to, float x) { to = (u8)x; }
__device__ inline void set(bf16 &to, float x) {
#ifdef __CUDA_ARCH__
    // One instruction, which rounds as below.
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(to.bits) : "f"(x));
#else
    u32 bits = as_bits(x);
    if ((bits & 0x7fffffff) > 0x7f800000) {
        to.bits = (u16)(bits >> 16 | 0x40);  // NaN stays NaN
    } else {
        to.bits = (u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
#endif
}

// N neighbours that one thread loads and stores together: up to 16 bytes.
template <class T, int N> struct alignas(sizeof(T) * N) Pack {
    T values[N];
};

template <int N, class T> __device__ inline Pack<T, N> load(const T *from) {
    return *reinterpret_cast<const Pack<T, N> *>(from);
}

template <int N, class T> __device__ inline void store(T *to, const Pack<T, N> &pack) {
    *reinterpret_cast<Pack<T, N> *>(to) = pack;
}

// This thread's number among all of a one-dimensional launch.
__device__ inline i64 thread_number() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }

// The sum over a block's threads, in the order of a tree that depends on the block's size alone; thread 0 has it. `scratch` holds a
// value for every thread.
template <class T> __device__ inline T block_sum(T value, T *scratch) {
    u32 thread = threadIdx.x;
    scratch[thread] = value;
    __syncthreads();
    for (u32 active = blockDim.x; active > 1;) {
        u32 half = (active + 1) / 2;
        if (thread + half < active) scratch[thread] = scratch[thread] + scratch[thread + half];
        __syncthreads();
        active = half;
    }
    T sum = scratch[0];
    __syncthreads();
    return sum;
}

// Ten rounds of Philox4x32: the numbers of src/rng.rs.
__device__ inline void philox(u32 counter[4], u32 key0, u32 key1) {
    for (int round = 0; round < 10; round++) {
        if (round > 0) {
            key0 += 0x9E3779B9u;
            key1 += 0xBB67AE85u;
        }
        u64 even = (u64)counter[0] * 0xD2511F53u;
        u64 odd = (u64)counter[2] * 0xCD9E8D57u;
        u32 next[4] = {(u32)(odd >> 32) ^ counter[1] ^ key0, (u32)odd, (u32)(even >> 32) ^ counter[3] ^ key1, (u32)even};
        for (int i = 0; i < 4; i++) counter[i] = next[i];
    }
}

// The top 24 bits as a number in [0, 1).
__device__ inline float unit(u32 bits) { return (float)(bits >> 8) * (1.0f / 16777216.0f); }
