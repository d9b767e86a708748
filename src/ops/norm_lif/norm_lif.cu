// Batch norm and LIF as one, nothing learned by neurons: the kernels of lif.h with currents that are normalised as they are loaded.
#include "pixels.h"

#define FORWARD(name, T, S, N)                                                                                          \
    KERNEL name(Currents<T> in, Neuron neuron, S *spikes, u64 *count) { forward<N, true, false>(in, neuron, spikes, count); }

FORWARD(norm_lif_forward_f32_u8_x4, float, u8, 4)
FORWARD(norm_lif_forward_f32_u8_x1, float, u8, 1)
FORWARD(norm_lif_forward_f32_f32_x4, float, float, 4)
FORWARD(norm_lif_forward_f32_f32_x1, float, float, 1)
FORWARD(norm_lif_forward_bf16_bf16_x8, bf16, bf16, 8)
FORWARD(norm_lif_forward_bf16_bf16_x1, bf16, bf16, 1)

#define BACKWARD(name, T, G, N)                                                                                          \
    KERNEL name(Currents<T> in, Neuron neuron, SpikeGradient<G> grad, T *out, const float *mean, Rows rows, int groups,         \
                float *parts) {                                                                                         \
        DYNAMIC_SHARED(float, shared);                                                                                  \
        PixelsBack<N, true, false, T, G> work = {in, neuron, grad, out, mean, rows, groups, parts, shared};                            \
        by_surrogate(neuron.surrogate, work);                                                                           \
    }

BACKWARD(norm_lif_backward_f32_f32_x2, float, float, 2)
BACKWARD(norm_lif_backward_f32_f32_x1, float, float, 1)
BACKWARD(norm_lif_backward_bf16_bf16_x2, bf16, bf16, 2)
BACKWARD(norm_lif_backward_bf16_bf16_x1, bf16, bf16, 1)
BACKWARD(norm_lif_backward_bf16_f32_x1, bf16, float, 1)
BACKWARD(norm_lif_backward_f32_bf16_x1, float, bf16, 1)
