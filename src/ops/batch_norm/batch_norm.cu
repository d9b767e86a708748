// Batch norm over pixels whose channels lie side by side: see rows.h for how statistics and sums are divided.
#include "rows.h"

// Mean and sum of squared distances from it of every chunk and channel: parts [G, chunks, C, 2]. Sums run over distances from the
// chunk's first row, so that large means do not swallow small deviations.
template <int N, class T> __device__ inline void statistics(const T *x, Rows rows, float *parts) {
    DYNAMIC_SHARED(float, scratch);  // [threads][N][2]
    Place p = place<N>(rows);
    bool has = p.channel < rows.channels && p.row < p.rows;
    float shift[N], sum[N], squares[N];
    for (int k = 0; k < N; k++) shift[k] = sum[k] = squares[k] = 0.0f;
    if (has) {
        const T *at = x + p.base + p.channel;
        Pack<T, N> start = load<N>(at + p.first * rows.channels);
        for (int k = 0; k < N; k++) shift[k] = value_of(start.values[k]);
        for (i64 row = p.first + p.row; row < p.last; row += p.rows) {
            Pack<T, N> pack = load<N>(at + row * rows.channels);
            for (int k = 0; k < N; k++) {
                float distance = value_of(pack.values[k]) - shift[k];
                sum[k] += distance;
                squares[k] += distance * distance;
            }
        }
    }
    sum_rows<N>(p, rows.lanes, sum, squares, scratch);
    if (!has || p.row > 0) return;
    float n = (float)(p.last - p.first);
    float *out = parts + (((i64)blockIdx.z * rows.chunks + blockIdx.x) * rows.channels + p.channel) * 2;
    for (int k = 0; k < N; k++) {
        float mean = sum[k] / n;
        out[k * 2] = shift[k] + mean;
        out[k * 2 + 1] = squares[k] - sum[k] * mean;
    }
}

KERNEL statistics_f32_x4(const float *x, Rows rows, float *parts) { statistics<4>(x, rows, parts); }
KERNEL statistics_f32_x1(const float *x, Rows rows, float *parts) { statistics<1>(x, rows, parts); }
KERNEL statistics_bf16_x8(const bf16 *x, Rows rows, float *parts) { statistics<8>(x, rows, parts); }
KERNEL statistics_bf16_x1(const bf16 *x, Rows rows, float *parts) { statistics<1>(x, rows, parts); }

// Joins the chunks of every group and channel: mean and biased variance [G, C].
KERNEL statistics_joined(const float *parts, Rows rows, float *mean, float *variance) {
    DYNAMIC_SHARED(double, lanes);
    Join join(rows);
    double total = 0.0, squares = 0.0;
    if (join.exists) {
        for (int chunk = join.lane; chunk < rows.chunks; chunk += JOIN_LANES) {
            total += (double)join.part(parts, rows, chunk)[0] * rows_of(rows, chunk);
        }
    }
    double count = (double)rows.per_group, centre = sum_lanes(total, lanes) / count;
    if (join.exists) {
        for (int chunk = join.lane; chunk < rows.chunks; chunk += JOIN_LANES) {
            const float *part = join.part(parts, rows, chunk);
            double distance = (double)part[0] - centre;
            squares += (double)part[1] + distance * distance * rows_of(rows, chunk);
        }
    }
    squares = sum_lanes(squares, lanes);
    if (!join.exists || join.lane > 0) return;
    mean[join.at] = (float)centre;
    variance[join.at] = (float)(squares / count);
}

// Running statistics [G, C] after a batch: keep of what they were, and share of the batch's, of which the variance is unbiased.
KERNEL running_statistics(const float *mean, const float *variance, const float *running_mean, const float *running_variance,
                          float keep, float share, float share_of_variance, int elements, float *new_mean,
                          float *new_variance) {
    int at = (int)thread_number();
    if (at >= elements) return;
    new_mean[at] = running_mean[at] * keep + mean[at] * share;
    new_variance[at] = running_variance[at] * keep + variance[at] * share_of_variance;
}

// Mean and variance [G, C] of all groups up to each, from those of each alone, which are over as many values.
KERNEL statistics_accumulated(const float *mean, const float *variance, int groups, int channels, float *means, float *variances) {
    int channel = (int)thread_number();
    if (channel >= channels) return;
    double count = 0.0, total = 0.0, squares = 0.0;
    for (int group = 0; group < groups; group++) {
        int at = group * channels + channel;
        double joint = count + 1.0, distance = (double)mean[at] - total;
        total += distance / joint;
        squares += (double)variance[at] + distance * distance * count / joint;
        count = joint;
        means[at] = (float)total;
        variances[at] = (float)(squares / count);
    }
}

// Factor and offset [G, C] of Y = factor X + offset; `shifts` is C or G C.
KERNEL norm_line(const float *mean, const float *variance, const float *scale, const float *shift, int shifts, float eps,
                 int groups, int channels, float *factor, float *offset) {
    int at = (int)thread_number();
    if (at >= groups * channels) return;
    factor[at] = scale[at] * (1.0f / sqrtf(variance[at] + eps));
    offset[at] = (shift ? shift[at % shifts] : 0.0f) - factor[at] * mean[at];
}

template <int N, class T>
__device__ inline void normalize(const T *x, const float *factor, const float *offset, i64 per_group, i64 elements, int channels,
                                 T *y) {
    i64 i = thread_number() * N;
    if (i >= elements) return;
    int at = (int)(i / per_group * channels + i % channels);
    Pack<T, N> pack = load<N>(x + i);
    for (int k = 0; k < N; k++) set(pack.values[k], value_of(pack.values[k]) * factor[at + k] + offset[at + k]);
    store(y + i, pack);
}

#define NORMALIZE(name, T, N)                                                                                            \
    KERNEL name(const T *x, const float *factor, const float *offset, i64 per_group, i64 elements, int channels, T *y) { \
        normalize<N>(x, factor, offset, per_group, elements, channels, y);                                              \
    }

NORMALIZE(normalize_f32_x4, float, 4)
NORMALIZE(normalize_f32_x1, float, 1)
NORMALIZE(normalize_bf16_x8, bf16, 8)
NORMALIZE(normalize_bf16_x1, bf16, 1)

// Sums of dY and dY (X - mean) of every chunk and channel: parts [G, chunks, C, 2]. `step` is the distance in X from one group to the
// next: 0 where X is the same at every time-step.
template <int N, class T>
__device__ inline void gradient_sums(const T *x, i64 step, const T *dy, const float *mean, Rows rows, float *parts) {
    DYNAMIC_SHARED(float, scratch);
    Place p = place<N>(rows);
    bool has = p.channel < rows.channels && p.row < p.rows;
    float sum[N], centred[N], centre[N];
    for (int k = 0; k < N; k++) sum[k] = centred[k] = centre[k] = 0.0f;
    if (has) {
        for (int k = 0; k < N; k++) centre[k] = mean[blockIdx.z * rows.channels + p.channel + k];
        for (i64 row = p.first + p.row; row < p.last; row += p.rows) {
            i64 element = p.base + row * rows.channels + p.channel;
            Pack<T, N> grad = load<N>(dy + element);
            // Only whole time-steps repeat: the element's place in its time-step is its place in X.
            Pack<T, N> pack = load<N>(x + (step ? element % step : element));
            for (int k = 0; k < N; k++) {
                float value = value_of(grad.values[k]);
                sum[k] += value;
                centred[k] += value * (value_of(pack.values[k]) - centre[k]);
            }
        }
    }
    sum_rows<N>(p, rows.lanes, sum, centred, scratch);
    if (!has || p.row > 0) return;
    float *out = parts + (((i64)blockIdx.z * rows.chunks + blockIdx.x) * rows.channels + p.channel) * 2;
    for (int k = 0; k < N; k++) {
        out[k * 2] = sum[k];
        out[k * 2 + 1] = centred[k];
    }
}

#define GRADIENT_SUMS(name, T, N)                                                                                        \
    KERNEL name(const T *x, i64 step, const T *dy, const float *mean, Rows rows, float *parts) {                        \
        gradient_sums<N>(x, step, dy, mean, rows, parts);                                                               \
    }

GRADIENT_SUMS(gradient_sums_f32_x4, float, 4)
GRADIENT_SUMS(gradient_sums_f32_x1, float, 1)
GRADIENT_SUMS(gradient_sums_bf16_x8, bf16, 8)
GRADIENT_SUMS(gradient_sums_bf16_x1, bf16, 1)

// Joins the chunks' sums: the scale's gradient [G, C], the sum of dY [G, C] and a, b, c [3, G, C] of dX = a dY + b (X - mean) + c.
KERNEL gradient_factors(const float *parts, Rows rows, int groups, const float *variance, const float *scale, float eps,
                        float *scale_gradient, float *dy_sum, float *factors) {
    DYNAMIC_SHARED(double, lanes);
    Join join(rows);
    double sum = 0.0, centred = 0.0;
    if (join.exists) {
        for (int chunk = join.lane; chunk < rows.chunks; chunk += JOIN_LANES) {
            const float *part = join.part(parts, rows, chunk);
            sum += (double)part[0];
            centred += (double)part[1];
        }
    }
    sum = sum_lanes(sum, lanes);
    centred = sum_lanes(centred, lanes);
    if (!join.exists || join.lane > 0) return;
    int at = join.at, all = groups * rows.channels;
    double n = (double)rows.per_group;
    double inverse = (double)(1.0f / sqrtf(variance[at] + eps));
    double a = (double)scale[at] * inverse;
    scale_gradient[at] = (float)centred * (1.0f / sqrtf(variance[at] + eps));
    dy_sum[at] = (float)sum;
    factors[at] = (float)a;
    factors[all + at] = (float)(-a * inverse * inverse * centred / n);
    factors[2 * all + at] = (float)(-a * sum / n);
}

// b and c [2, G, C] where statistics are over several groups: of all (`prefix` 0), or of all up to the group's last. Every group whose
// statistics a group has a share in adds b (X - m) + c with its own mean m.
KERNEL shared_factors(const float *scale_gradient, const float *dy_sum, const float *mean, const float *variance,
                      const float *scale, float eps, double per_group, int prefix, int groups, int channels, float *b_and_c) {
    int channel = (int)thread_number();
    if (channel >= channels) return;
    int all = groups * channels;
    double slope = 0.0, constant = 0.0;
    for (int group = groups - 1; group >= 0; group--) {
        int at = group * channels + channel;
        double inverse = (double)(1.0f / sqrtf(variance[at] + eps)), m = (double)mean[at];
        double a = (double)scale[at] * inverse, n = per_group * (prefix ? group + 1 : groups);
        // The scale's gradient is the centred sum over the deviation.
        double b = -a * inverse * (double)scale_gradient[at] / n;
        slope += b;
        constant += -a * (double)dy_sum[at] / n - b * m;
        b_and_c[at] = (float)slope;
        b_and_c[all + at] = (float)(constant + slope * m);
    }
    for (int group = 0; !prefix && group < groups; group++) {
        b_and_c[group * channels + channel] = b_and_c[channel];
        b_and_c[all + group * channels + channel] = b_and_c[all + channel];
    }
}

// The shift's gradient [C]: the groups' sums of dY, added in order.
KERNEL shift_gradient(const float *dy_sum, int groups, int channels, float *gradient) {
    int channel = (int)thread_number();
    if (channel >= channels) return;
    double sum = 0.0;
    for (int group = 0; group < groups; group++) sum += (double)dy_sum[group * channels + channel];
    gradient[channel] = (float)sum;
}

// dX [T, n] in place of dY; where X is one time-step that stands for all, their sum [n] in `total`.
template <int N, class T>
__device__ inline void input_gradient(const T *x, T *dy, const float *factors, const float *mean, i64 neurons, int time_steps,
                                      int steps_per_group, int groups, int channels, T *total) {
    i64 i = thread_number() * N;
    if (i >= (total ? neurons : neurons * time_steps)) return;
    int channel = (int)(i % channels), all = groups * channels;
    float sum[N];
    for (int k = 0; k < N; k++) sum[k] = 0.0f;
    Pack<T, N> pack = load<N>(x + i), grad;
    int first = total ? 0 : (int)(i / neurons), last = total ? time_steps : first + 1;
    for (int t = first; t < last; t++) {
        grad = load<N>(dy + (total ? t * neurons + i : i));
        int at = t / steps_per_group * channels + channel;
        for (int k = 0; k < N; k++) {
            float a = factors[at + k], b = factors[all + at + k], c = factors[2 * all + at + k];
            float dx = a * value_of(grad.values[k]) + (b * (value_of(pack.values[k]) - mean[at + k]) + c);
            sum[k] += dx;
        }
    }
    for (int k = 0; k < N; k++) set(grad.values[k], sum[k]);
    store((total ? total : dy) + i, grad);
}

#define INPUT_GRADIENT(name, T, N)                                                                                       \
    KERNEL name(const T *x, T *dy, const float *factors, const float *mean, i64 neurons, int time_steps,                \
                int steps_per_group, int groups, int channels, T *total) {                                              \
        input_gradient<N>(x, dy, factors, mean, neurons, time_steps, steps_per_group, groups, channels, total);         \
    }

INPUT_GRADIENT(norm_input_gradient_f32_x4, float, 4)
INPUT_GRADIENT(norm_input_gradient_f32_x1, float, 1)
INPUT_GRADIENT(norm_input_gradient_bf16_x8, bf16, 8)
INPUT_GRADIENT(norm_input_gradient_bf16_x1, bf16, 1)
