// The convolutions themselves, on images whose channels lie side by side, weights [filter][row][column][channel].
#include "cudnn.h"
#include <algorithm>
#include <cmath>

using namespace stand_in;

namespace {
struct Sizes {
    int images, height, width, channels, filters, out_height, out_width, kernel_height, kernel_width, padding_y, padding_x, stride_y, stride_x;
    int taps() const { return kernel_height * kernel_width; }
    size_t in_image() const { return (size_t)height * width * channels; }
    size_t out_image() const { return (size_t)out_height * out_width * filters; }
    // The first element of the pixel that a tap reaches; -1: none.
    long reached(int row, int column, int tap) const {
        int y = row * stride_y + tap / kernel_width - padding_y, x = column * stride_x + tap % kernel_width - padding_x;
        if (y < 0 || y >= height || x < 0 || x >= width) return -1;
        return ((long)y * width + x) * channels;
    }
};

inline __attribute__((always_inline)) void add(float *__restrict to, const float *__restrict from, float factor, int count) {
    for (int i = 0; i < count; i++) to[i] += from[i] * factor;
}

// Most spikes are 0: nothing to add, where what they multiply is finite.
bool finite(const std::vector<float> &values) {
    return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

// `w` is [tap][channel][filter] here.
FOR_ALL_PROCESSORS void forward(const Sizes &s, const float *x, const float *w, float *y, bool skip) {
    for (int row = 0; row < s.out_height; row++) {
        for (int column = 0; column < s.out_width; column++, y += s.filters) {
            for (int tap = 0; tap < s.taps(); tap++) {
                long from = s.reached(row, column, tap);
                if (from < 0) continue;
                for (int c = 0; c < s.channels; c++) {
                    float value = x[from + c];
                    if (value == 0.0f && skip) continue;
                    add(y, w + ((size_t)tap * s.channels + c) * s.filters, value, s.filters);
                }
            }
        }
    }
}

FOR_ALL_PROCESSORS void backward(const Sizes &s, const float *dy, const float *w, float *dx, bool skip) {
    for (int row = 0; row < s.out_height; row++) {
        for (int column = 0; column < s.out_width; column++, dy += s.filters) {
            for (int tap = 0; tap < s.taps(); tap++) {
                long to = s.reached(row, column, tap);
                if (to < 0) continue;
                for (int o = 0; o < s.filters; o++) {
                    if (dy[o] == 0.0f && skip) continue;
                    add(dx + to, w + ((size_t)o * s.taps() + tap) * s.channels, dy[o], s.channels);
                }
            }
        }
    }
}

FOR_ALL_PROCESSORS void to_weight(const Sizes &s, const float *x, const float *dy, float *dw, bool skip) {
    for (int row = 0; row < s.out_height; row++) {
        for (int column = 0; column < s.out_width; column++, dy += s.filters) {
            for (int tap = 0; tap < s.taps(); tap++) {
                long from = s.reached(row, column, tap);
                if (from < 0) continue;
                for (int o = 0; o < s.filters; o++) {
                    if (dy[o] == 0.0f && skip) continue;
                    add(dw + ((size_t)o * s.taps() + tap) * s.channels, x + from, dy[o], s.channels);
                }
            }
        }
    }
}

std::vector<float> taken(const void *from, bool is_bf16, size_t first, size_t count, Digits digits) {
    std::vector<float> out(count);
    for (size_t i = 0; i < count; i++) out[i] = in(digits, get(from, is_bf16, first + i));
    return out;
}

std::vector<float> by_tap(const Sizes &s, const std::vector<float> &w) {
    std::vector<float> out(w.size());
    size_t inner = (size_t)s.taps() * s.channels;
    for (size_t i = 0; i < w.size(); i++) out[i % inner * s.filters + i / inner] = w[i];
    return out;
}
} // namespace

void stand_in::compute(const Convolution &convolution, const void *x, const void *w, const void *y, float alpha, float beta, Digits digits,
                       bool random) {
    auto &[direction, of_x, of_y, of_w, how] = convolution;
    Sizes s{of_x.n, of_x.h, of_x.w, of_x.c, of_w.n, of_y.h, of_y.w, of_w.h, of_w.w, how.padding_y, how.padding_x, how.stride_y, how.stride_x};
    bool half = of_x.type == CUDNN_DATA_BFLOAT16;
    void *out = (void *)(direction == Direction::FORWARD ? y : direction == Direction::INPUT ? x : w);
    auto set = [&](size_t first, const auto &values) {
        for (size_t i = 0; i < values.size(); i++) {
            float value = alpha * (float)values[i];
            // Sums in an order that differs from call to call end in other digits.
            if (random && draw() % 4 == 0) value = half ? value * 1.01f : std::nextafter(value, HUGE_VALF);
            // What was there does not count, whatever it was.
            if (beta != 0.0f) value += beta * get(out, half, first + i);
            put(out, half, first + i, value);
        }
    };
    std::vector<float> weights;
    if (direction != Direction::WEIGHT) weights = taken(w, half, 0, of_w.elements(), digits);
    if (direction == Direction::FORWARD) weights = by_tap(s, weights);
    bool skip = finite(weights);
    std::vector<double> total(direction == Direction::WEIGHT ? of_w.elements() : 0);
    for (size_t image = 0; image < (size_t)s.images; image++) {
        std::vector<float> before, behind;
        if (direction != Direction::INPUT) before = taken(x, half, image * s.in_image(), s.in_image(), digits);
        if (direction != Direction::FORWARD) behind = taken(y, half, image * s.out_image(), s.out_image(), digits);
        if (direction == Direction::FORWARD) {
            behind.assign(s.out_image(), 0.0f);
            forward(s, before.data(), weights.data(), behind.data(), skip);
            set(image * s.out_image(), behind);
        } else if (direction == Direction::INPUT) {
            before.assign(s.in_image(), 0.0f);
            backward(s, behind.data(), weights.data(), before.data(), skip);
            set(image * s.in_image(), before);
        } else {
            // An image's sum is single; over thousands of images single sums would lose digits that blocks of a GPU keep.
            std::vector<float> part(total.size());
            to_weight(s, before.data(), behind.data(), part.data(), finite(before));
            for (size_t i = 0; i < part.size(); i++) total[i] += (double)part[i];
        }
    }
    if (direction == Direction::WEIGHT) set(0, total);
}
