// Sums over rows of channels that lie side by side: a block sums a chunk of rows of a tile of channels, a thread the same N channels of
// every few rows; then a few threads a channel join the chunks, in a fixed order and in double precision.
#pragma once
#include "kernel.h"

// How rows of channels are divided: gridDim is (chunks, tiles, groups).
struct Rows {
    i64 per_group;   // rows of a group: what its mean is taken over
    int per_chunk;   // rows of a chunk
    int chunks;      // chunks of a group
    int channels;    // C
    int lanes;       // threads side by side in a row, N channels each
};

struct Place {
    int channel;     // first of this thread's channels; C or more: it has none
    int lane;        // among its row's threads
    int row;         // which of the block's rows
    int rows;        // rows that the block takes at a time
    i64 first;       // of the chunk, in its group
    i64 last;
    i64 base;        // the group's first element
};

template <int N> __device__ inline Place place(const Rows &rows) {
    Place p;
    p.lane = threadIdx.x % rows.lanes;
    p.row = threadIdx.x / rows.lanes;
    p.rows = blockDim.x / rows.lanes;
    p.channel = (blockIdx.y * rows.lanes + p.lane) * N;
    p.first = (i64)blockIdx.x * rows.per_chunk;
    p.last = p.first + rows.per_chunk;
    if (p.last > rows.per_group) p.last = rows.per_group;
    p.base = blockIdx.z * rows.per_group * rows.channels;
    return p;
}

// Adds two numbers of every thread over the block's rows, in the order of the rows; the threads of row 0 have the sums.
template <int N> __device__ inline void sum_rows(const Place &p, int lanes, float a[N], float b[N], float *scratch) {
    for (int k = 0; k < N; k++) {
        scratch[(threadIdx.x * N + k) * 2] = a[k];
        scratch[(threadIdx.x * N + k) * 2 + 1] = b[k];
    }
    __syncthreads();
    if (p.row > 0) return;
    for (int row = 1; row < p.rows; row++) {
        for (int k = 0; k < N; k++) {
            a[k] += scratch[((row * lanes + p.lane) * N + k) * 2];
            b[k] += scratch[((row * lanes + p.lane) * N + k) * 2 + 1];
        }
    }
}

// Channels and lanes of a block that joins chunks: neighbours read neighbouring channels, a lane every so many chunks.
#define JOIN_CHANNELS 8
#define JOIN_LANES 32

// What this thread joins: gridDim is (tiles of channels, groups).
struct Join {
    int channel;
    int lane;
    int group;
    bool exists;
    int at;  // in [G, C]

    __device__ inline Join(const Rows &rows) {
        channel = blockIdx.x * JOIN_CHANNELS + threadIdx.x % JOIN_CHANNELS;
        lane = threadIdx.x / JOIN_CHANNELS;
        group = blockIdx.y;
        exists = channel < rows.channels;
        at = group * rows.channels + channel;
    }

    // The two numbers of a chunk in parts [G, chunks, C, 2].
    __device__ inline const float *part(const float *parts, const Rows &rows, int chunk) const {
        return parts + (((i64)group * rows.chunks + chunk) * rows.channels + channel) * 2;
    }
};

// The sum over a channel's lanes, in their order; all its threads have it. `scratch` holds a number for every thread.
__device__ inline double sum_lanes(double value, double *scratch) {
    scratch[threadIdx.x] = value;
    __syncthreads();
    double sum = 0.0;
    for (int lane = 0; lane < JOIN_LANES; lane++) sum += scratch[lane * JOIN_CHANNELS + threadIdx.x % JOIN_CHANNELS];
    __syncthreads();
    return sum;
}

// Rows of a chunk.
__device__ inline double rows_of(const Rows &rows, int chunk) {
    i64 first = (i64)chunk * rows.per_chunk, last = first + rows.per_chunk;
    return (double)((last > rows.per_group ? rows.per_group : last) - first);
}
