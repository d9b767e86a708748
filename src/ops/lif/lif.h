// The LIF equation over a sequence, with or without a norm on the way: one thread goes through time with N neighbouring neurons,
// whose loads and stores are one access each. The equations are those of mod.rs, the arithmetic that of neuron.rs, operation by
// operation: the same spikes from the same currents.
#pragma once
#include "kernel.h"

// ANY: whichever the neuron has, asked at every time-step.
enum Surrogate { TRIANGLE, RECTANGLE, ATAN, FAST_SIGMOID, ANY };

// What may differ from channel to channel.
struct NeuronCell {
    float leak;
    float gain;
    float inverse_threshold;
    float exact_threshold;
    float drop;
};

// As `neuron_layout` in cuda.rs lays it out.
struct Neuron {
    NeuronCell cell;            // of all channels, where nothing is learned
    float keep;
    int fire_before_integrate;
    int detach_reset;
    int gain_of_leak;
    int soft;
    int surrogate;
    float parameter;      // height, width, alpha or slope
    const NeuronCell *cells;    // where something is: of every channel, or of all
    int cell_step;        // from channel to channel: 1, or 0
};

// The cells of N neighbours from `channel` on.
template <int N, bool LEARNED> struct Cells {
    const NeuronCell &cell;

    __device__ inline Cells(const Neuron &neuron, int) : cell(neuron.cell) {}
    __device__ inline const NeuronCell &at(int) const { return cell; }
};

template <int N> struct Cells<N, true> {
    NeuronCell cells[N];

    __device__ inline Cells(const Neuron &neuron, int channel) {
        for (int k = 0; k < N; k++) cells[k] = neuron.cells[(channel + k) * neuron.cell_step];
    }
    __device__ inline const NeuronCell &at(int k) const { return cells[k]; }
};

__device__ inline float magnitude(float x) { return x < 0.0f ? -x : x; }

template <int SURROGATE> __device__ inline float derivative(const Neuron &neuron, float x) {
    float p = neuron.parameter;
    switch (SURROGATE == ANY ? neuron.surrogate : SURROGATE) {
    case TRIANGLE: {
        float left = 1.0f - magnitude(x);
        return p * (left > 0.0f ? left : 0.0f);
    }
    case RECTANGLE: return magnitude(x) < p / 2.0f ? 1.0f / p : 0.0f;
    case ATAN: {
        float slope = 1.57079632679489661923f * p * x;
        return p / 2.0f / (1.0f + slope * slope);
    }
    default: {
        float width = p * magnitude(x) + 1.0f;
        return 1.0f / (width * width);
    }
    }
}

// One time-step: moves the potential and returns the one that decides the spike.
__device__ inline float integrate(const Neuron &neuron, const NeuronCell &cell, float &potential, float current) {
    float integrated = cell.leak * potential + cell.gain * current;
    float pre_spike = neuron.fire_before_integrate ? potential : integrated;
    potential = pre_spike > cell.exact_threshold ? neuron.keep * integrated - cell.drop : integrated;
    return pre_spike;
}

// The sums over time that the gradients of leak and threshold are made of; `found` is the potential that the step found.
struct ByCell {
    float leak;
    float threshold;
};

// One time-step of the reverse: from the spike's gradient to the current's; `potential_gradient` moves back by one step. The current is
// read where the reset is attached and spikes come first, or with `by_cell`.
template <int SURROGATE>
__device__ inline float reverse(const Neuron &neuron, const NeuronCell &cell, float pre_spike, float current, float grad, float &potential_gradient,
                                ByCell *by_cell = nullptr, float found = 0.0f) {
    float after = potential_gradient;
    if (!neuron.detach_reset) {
        float integrated = neuron.fire_before_integrate ? cell.leak * pre_spike + cell.gain * current : pre_spike;
        grad -= ((1.0f - neuron.keep) * integrated + cell.drop) * after;
    }
    float slope = derivative<SURROGATE>(neuron, pre_spike * cell.inverse_threshold - 1.0f) * cell.inverse_threshold;
    float pre_spike_gradient = grad * slope;
    bool fires = pre_spike > cell.exact_threshold;
    float kept = fires ? neuron.keep * after : after;
    float integrated_gradient;
    if (neuron.fire_before_integrate) {
        integrated_gradient = kept;
        potential_gradient = cell.leak * kept + pre_spike_gradient;
    } else {
        integrated_gradient = pre_spike_gradient + kept;
        potential_gradient = cell.leak * integrated_gradient;
    }
    if (by_cell) {
        by_cell->leak += integrated_gradient * (found - (neuron.gain_of_leak ? current : 0.0f));
        by_cell->threshold -= pre_spike_gradient * pre_spike * cell.inverse_threshold + (fires && neuron.soft ? after : 0.0f);
    }
    return cell.gain * integrated_gradient;
}

// What is stored and how it becomes currents.
template <class T> struct Currents {
    const T *x;           // [T, n], or [n] where it is the same at every time-step
    i64 step;             // n, or 0
    i64 neurons;          // n
    int time_steps;       // T
    const float *factor;  // [G, C], with a norm
    const float *offset;  // [G, C]
    int channels;         // C, with a norm or where something is learned
    int steps_per_group;  // T / G
};

// Time-steps that a thread holds at once: their loads are on their way together, while the arithmetic depends from step to step.
#define AHEAD 8

// The sequence of N neurons from `neuron` on.
template <int N, bool NORM, class T> struct Sequence {
    const T *__restrict__ x;
    i64 step;
    const float *__restrict__ factor;
    const float *__restrict__ offset;
    int channels;
    int steps_per_group;

    __device__ inline Sequence(const Currents<T> &in, i64 neuron) {
        int channel = NORM ? (int)(neuron % in.channels) : 0;
        x = in.x + neuron;
        step = in.step;
        factor = in.factor + channel;
        offset = in.offset + channel;
        channels = in.channels;
        steps_per_group = in.steps_per_group;
    }

    // What is stored for `count` time-steps from t on.
    __device__ inline void fetch(Pack<T, N> stored[AHEAD], int t, int count) const {
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (i < count) stored[i] = load<N>(x + (t + i) * step);
        }
    }

    __device__ inline int group(int t) const { return steps_per_group == 1 ? t : t / steps_per_group; }

    // The currents at time-step t.
    __device__ inline void currents(const Pack<T, N> &stored, int t, float currents[N]) const {
        int at = NORM ? group(t) * channels : 0;
        for (int k = 0; k < N; k++) {
            currents[k] = value_of(stored.values[k]);
            if (NORM) currents[k] = currents[k] * factor[at + k] + offset[at + k];
        }
    }
};

template <int N, bool NORM, bool LEARNED, class T, class S>
__device__ inline void forward(const Currents<T> &in, const Neuron &neuron, S *__restrict__ spikes, u64 *count) {
    DYNAMIC_SHARED(u32, scratch);
    i64 first = thread_number() * N;
    u32 fired = 0;
    if (first < in.neurons) {
        float potentials[N];
        for (int k = 0; k < N; k++) potentials[k] = 0.0f;
        Sequence<N, NORM, T> sequence(in, first);
        Cells<N, LEARNED> cells(neuron, LEARNED ? (int)(first % in.channels) : 0);
        for (int t = 0; t < in.time_steps; t += AHEAD) {
            Pack<T, N> stored[AHEAD];
            int steps = in.time_steps - t < AHEAD ? in.time_steps - t : AHEAD;
            sequence.fetch(stored, t, steps);
#pragma unroll
            for (int i = 0; i < AHEAD; i++) {
                if (i == steps) break;
                float currents[N];
                sequence.currents(stored[i], t + i, currents);
                Pack<S, N> out;
                for (int k = 0; k < N; k++) {
                    bool fires = integrate(neuron, cells.at(k), potentials[k], currents[k]) > cells.at(k).exact_threshold;
                    set(out.values[k], fires ? 1.0f : 0.0f);
                    fired += fires;
                }
                store(spikes + (t + i) * in.neurons + first, out);
            }
        }
    }
    u32 sum = block_sum(fired, scratch);
    // Whole numbers: the same sum in any order.
    if (threadIdx.x == 0) atomicAdd(count, (u64)sum);
}

// The spikes' gradient: of every spike, or, where they are known through means over windows alone, the means' gradient, which is spread
// evenly over each window as it is loaded.
template <class T> struct SpikeGradient {
    const T *at;   // [T, n], or [T, n / window]
    i64 step;      // n, or n / window
    int channels;
    int height;    // of the spikes' images
    int width;
    int window_height;
    int window_width;
    float share;   // 1 / window

    // Where in a time-step the gradient of neuron `first` is.
    __device__ inline i64 place(i64 first) const {
        if (window_height * window_width == 1) return first;
        i64 pixel = first / channels;
        int x = (int)(pixel % width), y = (int)(pixel / width % height);
        i64 image = pixel / width / height;
        i64 row = image * (height / window_height) + y / window_height;
        return (row * (width / window_width) + x / window_width) * channels + first % channels;
    }
};

// Adds nothing up.
struct NoSums {
    template <class T, int N> __device__ inline void add(int, const Pack<T, N> &, const Pack<T, N> &) {}
    __device__ inline void learn(int, const ByCell &) {}
};

// The reverse of N neurons from `first` on. It goes back through segments of AHEAD time-steps: once forward for the potentials that
// they begin with, which `starts` keeps ([segments][threads][N], this thread's first), then from the last segment to the first,
// whose potentials are computed again and stay in registers. The first segment is the one that may be short: the last needs no
// potential kept. `sums` is given every gradient with what is stored beside it, and, with LEARNED, what each neuron adds to the gradients of
// leak and threshold.
template <int SURROGATE, int N, bool NORM, bool LEARNED, class T, class G, class Sums>
__device__ inline void back(const Currents<T> &in, const Neuron &neuron, const SpikeGradient<G> &spikes, T *__restrict__ out, i64 first,
                            float *starts, Sums &sums) {
    float potentials[N], potential_gradient[N];
    for (int k = 0; k < N; k++) potentials[k] = potential_gradient[k] = 0.0f;
    Sequence<N, NORM, T> sequence(in, first);
    Cells<N, LEARNED> cells(neuron, LEARNED ? (int)(first % in.channels) : 0);
    ByCell by_cell[N];
    for (int k = 0; k < N; k++) by_cell[k].leak = by_cell[k].threshold = 0.0f;
    const bool reads_current = LEARNED || (neuron.fire_before_integrate && !neuron.detach_reset);
    const G *__restrict__ grad = spikes.at + spikes.place(first);
    int segments = (in.time_steps + AHEAD - 1) / AHEAD, row = blockDim.x * N;
    int of_first = in.time_steps - (segments - 1) * AHEAD;
    for (int segment = 0; segment + 1 < segments; segment++) {
        for (int k = 0; k < N; k++) starts[segment * row + k] = potentials[k];
        int t = segment == 0 ? 0 : of_first + (segment - 1) * AHEAD, steps = segment == 0 ? of_first : AHEAD;
        Pack<T, N> stored[AHEAD];
        sequence.fetch(stored, t, steps);
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (i == steps) break;
            float currents[N];
            sequence.currents(stored[i], t + i, currents);
            for (int k = 0; k < N; k++) integrate(neuron, cells.at(k), potentials[k], currents[k]);
        }
    }
    for (int segment = segments - 1; segment >= 0; segment--) {
        int t = segment == 0 ? 0 : of_first + (segment - 1) * AHEAD, steps = segment == 0 ? of_first : AHEAD;
        Pack<T, N> stored[AHEAD];
        Pack<G, N> by_spike[AHEAD];
        sequence.fetch(stored, t, steps);
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (i < steps) by_spike[i] = load<N>(grad + (t + i) * spikes.step);
        }
        if (segment + 1 < segments) {
            for (int k = 0; k < N; k++) potentials[k] = starts[segment * row + k];
        }
        float pre_spike[AHEAD][N], found[AHEAD][N];
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (i < steps) {
                float currents[N];
                sequence.currents(stored[i], t + i, currents);
                for (int k = 0; k < N; k++) {
                    if (LEARNED) found[i][k] = potentials[k];
                    pre_spike[i][k] = integrate(neuron, cells.at(k), potentials[k], currents[k]);
                }
            }
        }
#pragma unroll
        for (int i = AHEAD - 1; i >= 0; i--) {
            if (i < steps) {
                Pack<T, N> by_current;
                float currents[N];
                for (int k = 0; k < N; k++) currents[k] = 0.0f;
                // Read once more rather than held: few neurons need them.
                if (reads_current) sequence.currents(load<N>(sequence.x + (t + i) * sequence.step), t + i, currents);
                for (int k = 0; k < N; k++) {
                    float value = value_of(by_spike[i].values[k]) * spikes.share;
                    ByCell *learned = LEARNED ? &by_cell[k] : nullptr;
                    float before = LEARNED ? found[i][k] : 0.0f;
                    value = reverse<SURROGATE>(neuron, cells.at(k), pre_spike[i][k], currents[k], value, potential_gradient[k], learned, before);
                    set(by_current.values[k], value);
                }
                store(out + (t + i) * in.neurons + first, by_current);
                sums.add(t + i, by_current, stored[i]);
            }
        }
    }
    if (LEARNED) {
        for (int k = 0; k < N; k++) sums.learn(k, by_cell[k]);
    }
}

// Calls `work.through<SURROGATE>()`: the papers' surrogate is chosen once for the launch, the others at every time-step, for the sake of
// the time that it takes to compile them.
template <class Work> __device__ inline void by_surrogate(int surrogate, Work &work) {
    if (surrogate == TRIANGLE) {
        work.template through<TRIANGLE>();
    } else {
        work.template through<ANY>();
    }
}
