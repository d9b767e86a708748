// Batch norm and LIF as one: the kernels of lif.h with currents that are normalised as they are loaded, and with the sums over rows that
// the norm's own reverse needs (rows.h), since every gradient comes by here.
#include "lif.h"
#include "rows.h"

#define FORWARD(name, T, S, N)                                                                                          \
    KERNEL name(Currents<T> in, Neuron neuron, S *spikes, u64 *count) { forward<N, true>(in, neuron, spikes, count); }

FORWARD(norm_lif_forward_f32_u8_x4, float, u8, 4)
FORWARD(norm_lif_forward_f32_u8_x1, float, u8, 1)
FORWARD(norm_lif_forward_f32_f32_x4, float, float, 4)
FORWARD(norm_lif_forward_f32_f32_x1, float, float, 1)
FORWARD(norm_lif_forward_bf16_bf16_x8, bf16, bf16, 8)
FORWARD(norm_lif_forward_bf16_bf16_x1, bf16, bf16, 1)

// This thread's sums of dY and dY (X - mean), for every group.
template <int N> struct GroupSums {
    float *at;          // [G][threads][N][2], this thread's first
    int row;            // from group to group
    const float *mean;  // [G, C], of the first of the thread's channels
    int channels;
    int steps_per_group;

    template <class T> __device__ inline void add(int t, const Pack<T, N> &by_current, const Pack<T, N> &stored) {
        int group = steps_per_group == 1 ? t : t / steps_per_group;
        Pack<float, 2 * N> sums = load<2 * N>(at + group * row);
        for (int k = 0; k < N; k++) {
            float value = value_of(by_current.values[k]);
            sums.values[2 * k] += value;
            sums.values[2 * k + 1] += value * (value_of(stored.values[k]) - mean[group * channels + k]);
        }
        store(at + group * row, sums);
    }
};

// A block's pixels of a tile of channels: gridDim is (chunks, tiles), a thread takes N channels of every few pixels.
template <int N, class T, class G> struct Backward {
    const Currents<T> &in;
    const Neuron &neuron;
    const SpikeGradient<G> &grad;
    T *out;
    const float *mean;
    const Rows &rows;  // chunks of pixels, not of rows of a group
    int groups;
    float *parts;      // [G, chunks, C, 2]
    float *shared;     // sums, then the potentials that segments begin with

    template <int SURROGATE> __device__ inline void through() {
        int lane = threadIdx.x % rows.lanes, pixel_of_block = threadIdx.x / rows.lanes, at_a_time = blockDim.x / rows.lanes;
        int channel = (blockIdx.y * rows.lanes + lane) * N, row = blockDim.x * N * 2;
        bool has = channel < rows.channels && pixel_of_block < at_a_time;
        float *starts = shared + groups * row + threadIdx.x * N;
        GroupSums<N> sums = {shared + threadIdx.x * N * 2, row, mean + channel, rows.channels, in.steps_per_group};
        for (int group = 0; group < groups; group++) {
            for (int k = 0; k < 2 * N; k++) sums.at[group * row + k] = 0.0f;
        }
        i64 pixels = in.neurons / rows.channels, last = ((i64)blockIdx.x + 1) * rows.per_chunk;
        if (last > pixels) last = pixels;
        if (has) {
            for (i64 pixel = (i64)blockIdx.x * rows.per_chunk + pixel_of_block; pixel < last; pixel += at_a_time) {
                back<SURROGATE, N, true>(in, neuron, grad, out, pixel * rows.channels + channel, starts, sums);
            }
        }
        __syncthreads();
        // Every group and lane over the pixels that the block takes at a time, in their order.
        for (int item = threadIdx.x; item < groups * rows.lanes; item += blockDim.x) {
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

#define BACKWARD(name, T, G, N)                                                                                          \
    KERNEL name(Currents<T> in, Neuron neuron, SpikeGradient<G> grad, T *out, const float *mean, Rows rows, int groups,         \
                float *parts) {                                                                                         \
        DYNAMIC_SHARED(float, shared);                                                                                  \
        Backward<N, T, G> work = {in, neuron, grad, out, mean, rows, groups, parts, shared};                            \
        by_surrogate(neuron.surrogate, work);                                                                           \
    }

BACKWARD(norm_lif_backward_f32_f32_x2, float, float, 2)
BACKWARD(norm_lif_backward_f32_f32_x1, float, float, 1)
BACKWARD(norm_lif_backward_bf16_bf16_x2, bf16, bf16, 2)
BACKWARD(norm_lif_backward_bf16_bf16_x1, bf16, bf16, 1)
BACKWARD(norm_lif_backward_bf16_f32_x1, bf16, float, 1)
BACKWARD(norm_lif_backward_f32_bf16_x1, float, bf16, 1)
