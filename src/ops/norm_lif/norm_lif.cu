// Batch norm and LIF as one: the kernels of lif.h with currents that are normalised as they are loaded.
#include "lif.h"

#define FORWARD(name, T, S, N)                                                                                          \
    KERNEL name(Currents<T> in, Neuron neuron, S *spikes, u64 *count) { forward<N, true>(in, neuron, spikes, count); }

FORWARD(norm_lif_forward_f32_x4, float, u8, 4)
FORWARD(norm_lif_forward_f32_x1, float, u8, 1)
FORWARD(norm_lif_forward_bf16_x8, bf16, bf16, 8)
FORWARD(norm_lif_forward_bf16_x1, bf16, bf16, 1)

#define BACKWARD(name, T, G, N)                                                                                          \
    KERNEL name(Currents<T> in, Neuron neuron, const G *grad, T *out) { backward<N, true>(in, neuron, grad, out); }

BACKWARD(norm_lif_backward_f32_f32_x2, float, float, 2)
BACKWARD(norm_lif_backward_f32_f32_x1, float, float, 1)
BACKWARD(norm_lif_backward_bf16_bf16_x2, bf16, bf16, 2)
BACKWARD(norm_lif_backward_bf16_bf16_x1, bf16, bf16, 1)
BACKWARD(norm_lif_backward_bf16_f32_x2, bf16, float, 2)
BACKWARD(norm_lif_backward_bf16_f32_x1, bf16, float, 1)
BACKWARD(norm_lif_backward_f32_bf16_x2, float, bf16, 2)
BACKWARD(norm_lif_backward_f32_bf16_x1, float, bf16, 1)
