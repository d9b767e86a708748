// The LIF equation over a sequence, with or without a norm on the way: one thread goes through time with N neighbouring neurons,
// whose loads and stores are one access each. The equations are those of mod.rs, the arithmetic that of neuron.rs, operation by
// operation: the same spikes from the same currents.
#pragma once
#include "kernel.h"

enum Surrogate { TRIANGLE, RECTANGLE, ATAN, FAST_SIGMOID };

// As `Neuron` in cuda.rs lays it out.
struct Neuron {
    float leak;
    float gain;
    float inverse_threshold;
    float exact_threshold;
    float keep;
    float drop;
    int fire_before_integrate;
    int surrogate;
    float parameter;  // height, width, alpha or slope
};

__device__ inline float magnitude(float x) { return x < 0.0f ? -x : x; }

template <int SURROGATE> __device__ inline float derivative(const Neuron &neuron, float x) {
    float p = neuron.parameter;
    switch (SURROGATE) {
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
__device__ inline float integrate(const Neuron &neuron, float &potential, float current) {
    float integrated = neuron.leak * potential + neuron.gain * current;
    float pre_spike = neuron.fire_before_integrate ? potential : integrated;
    potential = pre_spike > neuron.exact_threshold ? neuron.keep * integrated - neuron.drop : integrated;
    return pre_spike;
}

// One time-step of the reverse: from the spike's gradient to the current's; `potential_gradient` moves back by one step.
template <int SURROGATE>
__device__ inline float reverse(const Neuron &neuron, float pre_spike, float grad, float &potential_gradient) {
    float slope = derivative<SURROGATE>(neuron, pre_spike * neuron.inverse_threshold - 1.0f) * neuron.inverse_threshold;
    float pre_spike_gradient = grad * slope;
    float kept = pre_spike > neuron.exact_threshold ? neuron.keep * potential_gradient : potential_gradient;
    if (neuron.fire_before_integrate) {
        potential_gradient = neuron.leak * kept + pre_spike_gradient;
        return neuron.gain * kept;
    }
    float integrated_gradient = pre_spike_gradient + kept;
    potential_gradient = neuron.leak * integrated_gradient;
    return neuron.gain * integrated_gradient;
}

// What is stored and how it becomes currents.
template <class T> struct Currents {
    const T *x;           // [T, n], or [n] where it is the same at every time-step
    i64 step;             // n, or 0
    i64 neurons;          // n
    int time_steps;       // T
    const float *factor;  // [G, C], with a norm
    const float *offset;  // [G, C]
    int channels;         // C
    int steps_per_group;  // T / G
};

// Time-steps that a thread loads ahead of the arithmetic, which depends from step to step: so many loads are on their way at once.
#define AHEAD 8

// Walks through the sequence of N neurons from `neuron` on, AHEAD time-steps of currents at a time.
template <int N, bool NORM, class T> struct Walk {
    const T *__restrict__ at;  // what comes next
    i64 step;
    const float *factor;       // of the group of the next time-step
    const float *offset;
    int channels;
    int steps_per_group;
    int left;                  // time-steps of that group that are left

    __device__ inline Walk(const Currents<T> &in, i64 neuron) {
        at = in.x + neuron;
        step = in.step;
        channels = in.channels;
        steps_per_group = left = in.steps_per_group;
        factor = in.factor;
        offset = in.offset;
        if (NORM) {
            factor += neuron % in.channels;
            offset += neuron % in.channels;
        }
    }

    // The stored values of the next `count` time-steps.
    __device__ inline void fetch(Pack<T, N> stored[AHEAD], int count) {
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (i < count) stored[i] = load<N>(at + i * step);
        }
        at += count * step;
    }

    // The currents of the time-step that follows the last one asked for.
    __device__ inline void currents(const Pack<T, N> &stored, float currents[N]) {
        for (int k = 0; k < N; k++) {
            currents[k] = value_of(stored.values[k]);
            if (NORM) currents[k] = currents[k] * factor[k] + offset[k];
        }
        if (NORM && --left == 0) {
            factor += channels;
            offset += channels;
            left = steps_per_group;
        }
    }
};

template <int N, bool NORM, class T, class S>
__device__ inline void forward(const Currents<T> &in, const Neuron &neuron, S *__restrict__ spikes, u64 *count) {
    DYNAMIC_SHARED(u32, scratch);
    i64 first = thread_number() * N;
    u32 fired = 0;
    if (first < in.neurons) {
        float potentials[N];
        for (int k = 0; k < N; k++) potentials[k] = 0.0f;
        Walk<N, NORM, T> walk(in, first);
        S *to = spikes + first;
        for (int t = 0; t < in.time_steps; t += AHEAD) {
            Pack<T, N> stored[AHEAD];
            int steps = in.time_steps - t < AHEAD ? in.time_steps - t : AHEAD;
            walk.fetch(stored, steps);
#pragma unroll
            for (int i = 0; i < AHEAD; i++) {
                if (i == steps) break;
                float currents[N];
                walk.currents(stored[i], currents);
                Pack<S, N> out;
                for (int k = 0; k < N; k++) {
                    bool fires = integrate(neuron, potentials[k], currents[k]) > neuron.exact_threshold;
                    set(out.values[k], fires ? 1.0f : 0.0f);
                    fired += fires;
                }
                store(to, out);
                to += in.neurons;
            }
        }
    }
    u32 sum = block_sum(fired, scratch);
    // Whole numbers: the same sum in any order.
    if (threadIdx.x == 0) atomicAdd(count, (u64)sum);
}

template <int SURROGATE, int N, bool NORM, class T, class G>
__device__ inline void backward_through(const Currents<T> &in, const Neuron &neuron, const G *__restrict__ grad,
                                        T *__restrict__ out, float *pre_spike) {
    i64 first = thread_number() * N;
    if (first >= in.neurons) return;
    float potentials[N], potential_gradient[N];
    for (int k = 0; k < N; k++) potentials[k] = potential_gradient[k] = 0.0f;
    // [T][threads][N]
    float *kept = pre_spike + threadIdx.x * N;
    int row = blockDim.x * N;
    Walk<N, NORM, T> walk(in, first);
    for (int t = 0; t < in.time_steps; t += AHEAD) {
        Pack<T, N> stored[AHEAD];
        int steps = in.time_steps - t < AHEAD ? in.time_steps - t : AHEAD;
        walk.fetch(stored, steps);
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (i == steps) break;
            float currents[N];
            walk.currents(stored[i], currents);
            for (int k = 0; k < N; k++) kept[k] = integrate(neuron, potentials[k], currents[k]);
            kept += row;
        }
    }
    for (int t = in.time_steps; t > 0; t -= AHEAD) {
        Pack<G, N> by_spike[AHEAD];
        int steps = t < AHEAD ? t : AHEAD;
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (i < steps) by_spike[i] = load<N>(grad + (t - 1 - i) * in.neurons + first);
        }
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (i == steps) break;
            kept -= row;
            Pack<T, N> by_current;
            for (int k = 0; k < N; k++) {
                float value = value_of(by_spike[i].values[k]);
                set(by_current.values[k], reverse<SURROGATE>(neuron, kept[k], value, potential_gradient[k]));
            }
            store(out + (t - 1 - i) * in.neurons + first, by_current);
        }
    }
}

template <int N, bool NORM, class T, class G>
__device__ inline void backward(const Currents<T> &in, const Neuron &neuron, const G *grad, T *out) {
    DYNAMIC_SHARED(float, pre_spike);
    // One choice for the launch, not one for every time-step.
    switch (neuron.surrogate) {
    case TRIANGLE: return backward_through<TRIANGLE, N, NORM>(in, neuron, grad, out, pre_spike);
    case RECTANGLE: return backward_through<RECTANGLE, N, NORM>(in, neuron, grad, out, pre_spike);
    case ATAN: return backward_through<ATAN, N, NORM>(in, neuron, grad, out, pre_spike);
    default: return backward_through<FAST_SIGMOID, N, NORM>(in, neuron, grad, out, pre_spike);
    }
}
