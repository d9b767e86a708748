// A number for every channel, added to rows of channels, and its gradient, the sum over rows: see rows.h for how it is divided.
#include "rows.h"

template <class T> __device__ inline void add(const T *x, const float *bias, i64 elements, int channels, T *y) {
    i64 i = thread_number();
    if (i < elements) set(y[i], value_of(x[i]) + bias[i % channels]);
}

KERNEL bias_add_f32(const float *x, const float *bias, i64 elements, int channels, float *y) {
    add(x, bias, elements, channels, y);
}
KERNEL bias_add_bf16(const bf16 *x, const float *bias, i64 elements, int channels, bf16 *y) {
    add(x, bias, elements, channels, y);
}

// The sum of dY of every chunk and channel: parts [chunks, C, 2], of which the second number is nothing.
template <int N, class T> __device__ inline void bias_sums(const T *dy, Rows rows, float *parts) {
    DYNAMIC_SHARED(float, scratch);  // [threads][N][2]
    Place p = place<N>(rows);
    bool has = p.channel < rows.channels && p.row < p.rows;
    float sum[N], nothing[N];
    for (int k = 0; k < N; k++) sum[k] = nothing[k] = 0.0f;
    if (has) {
        for (i64 row = p.first + p.row; row < p.last; row += p.rows) {
            Pack<T, N> pack = load<N>(dy + row * rows.channels + p.channel);
            for (int k = 0; k < N; k++) sum[k] += value_of(pack.values[k]);
        }
    }
    sum_rows<N>(p, rows.lanes, sum, nothing, scratch);
    if (!has || p.row > 0) return;
    float *out = parts + ((i64)blockIdx.x * rows.channels + p.channel) * 2;
    for (int k = 0; k < N; k++) {
        out[k * 2] = sum[k];
        out[k * 2 + 1] = 0.0f;
    }
}

KERNEL bias_sums_f32_x4(const float *dy, Rows rows, float *parts) { bias_sums<4>(dy, rows, parts); }
KERNEL bias_sums_f32_x1(const float *dy, Rows rows, float *parts) { bias_sums<1>(dy, rows, parts); }
KERNEL bias_sums_bf16_x8(const bf16 *dy, Rows rows, float *parts) { bias_sums<8>(dy, rows, parts); }
KERNEL bias_sums_bf16_x1(const bf16 *dy, Rows rows, float *parts) { bias_sums<1>(dy, rows, parts); }

// The bias's gradient [C].
KERNEL bias_gradient(const float *parts, Rows rows, float *gradient) {
    DYNAMIC_SHARED(double, lanes);
    Join join(rows);
    double sum = 0.0;
    if (join.exists) {
        for (int chunk = join.lane; chunk < rows.chunks; chunk += JOIN_LANES) sum += (double)join.part(parts, rows, chunk)[0];
    }
    sum = sum_lanes(sum, lanes);
    if (join.exists && join.lane == 0) gradient[join.channel] = (float)sum;
}
