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

__device__ inline float derivative(const Neuron &neuron, float x) {
    float p = neuron.parameter;
    switch (neuron.surrogate) {
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
__device__ inline float reverse(const Neuron &neuron, float pre_spike, float grad, float &potential_gradient) {
    float slope = derivative(neuron, pre_spike * neuron.inverse_threshold - 1.0f) * neuron.inverse_threshold;
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

// The currents of N neurons from `neuron` on at time-step t.
template <int N, bool NORM, class T>
__device__ inline void currents_at(const Currents<T> &in, int t, i64 neuron, float currents[N]) {
    Pack<T, N> stored = load<N>(in.x + t * in.step + neuron);
    int at = 0;
    if (NORM) at = t / in.steps_per_group * in.channels + (int)(neuron % in.channels);
    for (int k = 0; k < N; k++) {
        currents[k] = value_of(stored.values[k]);
        if (NORM) currents[k] = currents[k] * in.factor[at + k] + in.offset[at + k];
    }
}

template <int N, bool NORM, class T, class S>
__device__ inline void forward(const Currents<T> &in, const Neuron &neuron, S *spikes, u64 *count) {
    DYNAMIC_SHARED(u32, scratch);
    i64 first = thread_number() * N;
    u32 fired = 0;
    if (first < in.neurons) {
        float potentials[N];
        for (int k = 0; k < N; k++) potentials[k] = 0.0f;
        for (int t = 0; t < in.time_steps; t++) {
            float currents[N];
            currents_at<N, NORM>(in, t, first, currents);
            Pack<S, N> out;
            for (int k = 0; k < N; k++) {
                bool fires = integrate(neuron, potentials[k], currents[k]) > neuron.exact_threshold;
                set(out.values[k], fires ? 1.0f : 0.0f);
                fired += fires;
            }
            store(spikes + t * in.neurons + first, out);
        }
    }
    u32 sum = block_sum(fired, scratch);
    // Whole numbers: the same sum in any order.
    if (threadIdx.x == 0) atomicAdd(count, (u64)sum);
}

template <int N, bool NORM, class T, class G>
__device__ inline void backward(const Currents<T> &in, const Neuron &neuron, const G *grad, T *out) {
    DYNAMIC_SHARED(float, pre_spike);  // [T][threads][N]
    i64 first = thread_number() * N;
    if (first >= in.neurons) return;
    float potentials[N], potential_gradient[N];
    for (int k = 0; k < N; k++) potentials[k] = potential_gradient[k] = 0.0f;
    for (int t = 0; t < in.time_steps; t++) {
        float currents[N];
        currents_at<N, NORM>(in, t, first, currents);
        float *kept = pre_spike + (t * blockDim.x + threadIdx.x) * N;
        for (int k = 0; k < N; k++) kept[k] = integrate(neuron, potentials[k], currents[k]);
    }
    for (int t = in.time_steps - 1; t >= 0; t--) {
        Pack<G, N> by_spike = load<N>(grad + t * in.neurons + first);
        const float *kept = pre_spike + (t * blockDim.x + threadIdx.x) * N;
        Pack<T, N> by_current;
        for (int k = 0; k < N; k++) {
            set(by_current.values[k], reverse(neuron, kept[k], value_of(by_spike.values[k]), potential_gradient[k]));
        }
        store(out + t * in.neurons + first, by_current);
    }
}
