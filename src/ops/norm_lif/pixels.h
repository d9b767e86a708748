// The reverse of LIF by blocks of pixels, with the sums over them that a norm's own reverse needs (rows.h), since every gradient comes by
// here, and those that leaks and thresholds are learned by.
#pragma once
#include "lif.h"
#include "rows.h"

// This thread's sums: with a norm those of dY and dY (X - mean) for every group, and after them, where something is learned, those by leak
// and by threshold.
template <int N, bool NORM> struct PixelSums {
    float *at;          // [G (+ 1)][threads][N][2], this thread's first
    int row;            // from group to group
    int groups;         // G; 0 without a norm
    const float *mean;  // [G, C], of the first of the thread's channels
    int channels;
    int steps_per_group;

    template <class T> __device__ inline void add(int t, const Pack<T, N> &by_current, const Pack<T, N> &stored) {
        if (!NORM) return;
        int group = steps_per_group == 1 ? t : t / steps_per_group;
        Pack<float, 2 * N> sums = load<2 * N>(at + group * row);
        for (int k = 0; k < N; k++) {
            float value = value_of(by_current.values[k]);
            sums.values[2 * k] += value;
            sums.values[2 * k + 1] += value * (value_of(stored.values[k]) - mean[group * channels + k]);
        }
        store(at + group * row, sums);
    }

    __device__ inline void learn(int k, const ByCell &found) {
        at[groups * row + 2 * k] += found.leak;
        at[groups * row + 2 * k + 1] += found.threshold;
    }
};

// A block's pixels of a tile of channels: gridDim is (chunks, tiles), a thread takes N channels of every few pixels.
template <int N, bool NORM, bool LEARNED, class T, class G> struct PixelsBack {
    const Currents<T> &in;
    const Neuron &neuron;
    const SpikeGradient<G> &grad;
    T *out;
    const float *mean;
    const Rows &rows;  // chunks of pixels, not of rows of a group
    int groups;        // G; 0 without a norm
    float *parts;      // [G (+ 1), chunks, C, 2]
    float *shared;     // sums, then the potentials that segments begin with

    template <int SURROGATE> __device__ inline void through() {
        int lane = threadIdx.x % rows.lanes, pixel_of_block = threadIdx.x / rows.lanes, at_a_time = blockDim.x / rows.lanes;
        int channel = (blockIdx.y * rows.lanes + lane) * N, row = blockDim.x * N * 2;
        bool has = channel < rows.channels && pixel_of_block < at_a_time;
        int sets = groups + (LEARNED ? 1 : 0);
        float *starts = shared + sets * row + threadIdx.x * N;
        PixelSums<N, NORM> sums = {shared + threadIdx.x * N * 2, row, groups, mean + channel, rows.channels, in.steps_per_group};
        for (int group = 0; group < sets; group++) {
            for (int k = 0; k < 2 * N; k++) sums.at[group * row + k] = 0.0f;
        }
        i64 pixels = in.neurons / rows.channels, last = ((i64)blockIdx.x + 1) * rows.per_chunk;
        if (last > pixels) last = pixels;
        if (has) {
            for (i64 pixel = (i64)blockIdx.x * rows.per_chunk + pixel_of_block; pixel < last; pixel += at_a_time) {
                back<SURROGATE, N, NORM, LEARNED>(in, neuron, grad, out, pixel * rows.channels + channel, starts, sums);
            }
        }
        __syncthreads();
        // Every set of sums and lane over the pixels that the block takes at a time, in their order.
        for (int item = threadIdx.x; item < sets * rows.lanes; item += blockDim.x) {
            int group = item / rows.lanes, of_lane = item % rows.lanes;
            int first = (blockIdx.y * rows.lanes + of_lane) * N;
            if (first >= rows.channels) continue;
            float *to = parts + (((i64)group * rows.chunks + blockIdx.x) * rows.channels + first) * 2;
            for (int k = 0; k < 2 * N; k++) {
                float sum = 0.0f;
                for (int i = 0; i < at_a_time; i++) sum += shared[group * row + (i * rows.lanes + of_lane) * N * 2 + k];
                to[k] = sum;
            }
        }
    }
};
