// Neurons that learn their leak or threshold, with or without a norm on the way: the kernels of lif.h with a cell for every channel.
#include "pixels.h"

// The largest potential that does not fire: see neuron.rs.
__device__ inline float exact_threshold(float threshold) {
    float exact = threshold;
    while (exact / threshold > 1.0f) exact = as_float(as_bits(exact) - 1);
    while (as_float(as_bits(exact) + 1) / threshold <= 1.0f) exact = as_float(as_bits(exact) + 1);
    return exact;
}

// Cells from the learned leaks and thresholds, each one or of every channel; what is not learned has no address.
KERNEL neuron_cells(const float *leaks, int leak_step, float leak, float gain, int gain_of_leak, const float *thresholds, int threshold_step,
                    float threshold, int soft, int count, NeuronCell *cells) {
    i64 i = thread_number();
    if (i >= count) return;
    if (leaks) {
        leak = leaks[i * leak_step];
        gain = gain_of_leak ? 1.0f - leak : 1.0f;
    }
    if (thresholds) threshold = thresholds[i * threshold_step];
    if (!(threshold > 0.0f)) threshold = as_float(0x7fc00000);  // NaN: see neuron.rs
    cells[i].leak = leak;
    cells[i].gain = gain;
    cells[i].inverse_threshold = 1.0f / threshold;
    cells[i].exact_threshold = threshold > 0.0f ? exact_threshold(threshold) : threshold;
    cells[i].drop = soft ? threshold : 0.0f;
}

// Gradients by leak and by threshold [C] from their parts [chunks, C, 2].
KERNEL learned_joined(const float *parts, Rows rows, float *leak, float *threshold) {
    DYNAMIC_SHARED(double, joined);
    Join join(rows);
    double by_leak = 0.0, by_threshold = 0.0;
    for (int chunk = join.lane; join.exists && chunk < rows.chunks; chunk += JOIN_LANES) {
        const float *part = join.part(parts, rows, chunk);
        by_leak += part[0];
        by_threshold += part[1];
    }
    by_leak = sum_lanes(by_leak, joined);
    by_threshold = sum_lanes(by_threshold, joined);
    if (join.exists && join.lane == 0) {
        leak[join.at] = (float)by_leak;
        threshold[join.at] = (float)by_threshold;
    }
}

#define FORWARD(name, NORM, T, S)                                                                                       \
    KERNEL name(Currents<T> in, Neuron neuron, S *spikes, u64 *count) { forward<1, NORM, true>(in, neuron, spikes, count); }

FORWARD(learned_lif_forward_f32_u8_x1, false, float, u8)
FORWARD(learned_lif_forward_f32_f32_x1, false, float, float)
FORWARD(learned_lif_forward_bf16_bf16_x1, false, bf16, bf16)
FORWARD(learned_norm_lif_forward_f32_u8_x1, true, float, u8)
FORWARD(learned_norm_lif_forward_f32_f32_x1, true, float, float)
FORWARD(learned_norm_lif_forward_bf16_bf16_x1, true, bf16, bf16)

// One surrogate for all, asked at every time-step: few neurons learn.
#define BACKWARD(name, NORM, T, G)                                                                                       \
    KERNEL name(Currents<T> in, Neuron neuron, SpikeGradient<G> grad, T *out, const float *mean, Rows rows, int groups,         \
                float *parts) {                                                                                         \
        DYNAMIC_SHARED(float, learning);                                                                                \
        PixelsBack<1, NORM, true, T, G> work = {in, neuron, grad, out, mean, rows, groups, parts, learning};            \
        work.template through<ANY>();                                                                                   \
    }

BACKWARD(learned_lif_backward_f32_f32_x1, false, float, float)
BACKWARD(learned_lif_backward_bf16_bf16_x1, false, bf16, bf16)
BACKWARD(learned_lif_backward_bf16_f32_x1, false, bf16, float)
BACKWARD(learned_lif_backward_f32_bf16_x1, false, float, bf16)
BACKWARD(learned_norm_lif_backward_f32_f32_x1, true, float, float)
BACKWARD(learned_norm_lif_backward_bf16_bf16_x1, true, bf16, bf16)
BACKWARD(learned_norm_lif_backward_bf16_f32_x1, true, bf16, float)
BACKWARD(learned_norm_lif_backward_f32_bf16_x1, true, float, bf16)
