// LIF alone, nothing learned, for every type of currents and spikes.
#include "lif.h"

#define FORWARD(name, T, S, N)                                                                                          \
    KERNEL name(Currents<T> in, Neuron neuron, S *spikes, u64 *count) { forward<N, false, false>(in, neuron, spikes, count); }

FORWARD(lif_forward_f32_u8_x4, float, u8, 4)
FORWARD(lif_forward_f32_u8_x1, float, u8, 1)
FORWARD(lif_forward_f32_f32_x4, float, float, 4)
FORWARD(lif_forward_f32_f32_x1, float, float, 1)
FORWARD(lif_forward_bf16_bf16_x8, bf16, bf16, 8)
FORWARD(lif_forward_bf16_bf16_x1, bf16, bf16, 1)

// A thread's N neurons.
template <int N, class T, class G> struct Backward {
    const Currents<T> &in;
    const Neuron &neuron;
    const SpikeGradient<G> &grad;
    T *out;
    float *starts;

    template <int SURROGATE> __device__ inline void through() {
        i64 first = thread_number() * N;
        NoSums none;
        if (first < in.neurons) back<SURROGATE, N, false, false>(in, neuron, grad, out, first, starts + threadIdx.x * N, none);
    }
};

#define BACKWARD(name, T, G, N)                                                                                          \
    KERNEL name(Currents<T> in, Neuron neuron, SpikeGradient<G> grad, T *out) {                                                 \
        DYNAMIC_SHARED(float, starts);                                                                                  \
        Backward<N, T, G> work = {in, neuron, grad, out, starts};                                                       \
        by_surrogate(neuron.surrogate, work);                                                                           \
    }

BACKWARD(lif_backward_f32_f32_x2, float, float, 2)
BACKWARD(lif_backward_f32_f32_x1, float, float, 1)
BACKWARD(lif_backward_bf16_bf16_x2, bf16, bf16, 2)
BACKWARD(lif_backward_bf16_bf16_x1, bf16, bf16, 1)
BACKWARD(lif_backward_bf16_f32_x1, bf16, float, 1)
BACKWARD(lif_backward_f32_bf16_x1, float, bf16, 1)
