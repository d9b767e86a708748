// Numbers as matrix units take them: shortened, sums in single precision.
#pragma once
#include "device.h"
#include <cmath>
#include <cstring>

// The same bits from every set of instructions, as products and sums are rounded one by one.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_ALL_PROCESSORS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_ALL_PROCESSORS
#endif

namespace stand_in {
enum class Digits { SINGLE, TF32, BF16, HALF };

// Rounded to nearest, ties to even, after the first `kept` of 23 binary digits.
inline float shortened(float value, int kept) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    int dropped = 23 - kept;
    if ((bits & 0x7f800000) == 0x7f800000) return value;
    bits += (1u << (dropped - 1)) - 1 + (bits >> dropped & 1);
    bits &= ~((1u << dropped) - 1);
    memcpy(&value, &bits, 4);
    return value;
}

inline float in(Digits digits, float value) {
    switch (digits) {
    case Digits::TF32: return shortened(value, 10);
    case Digits::BF16: return shortened(value, 7);
    // Ten digits, and a range that ends where gradients may lie.
    case Digits::HALF: return value > 65504 ? HUGE_VALF : value < -65504 ? -HUGE_VALF : value * value < 3.7e-9f ? 0 : shortened(value, 10);
    default: return value;
    }
}

// Elements of memory, single or bf16.
inline float get(const void *from, bool is_bf16, size_t at) {
    if (!is_bf16) return static_cast<const float *>(from)[at];
    uint32_t bits = (uint32_t)static_cast<const uint16_t *>(from)[at] << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

inline void put(void *to, bool is_bf16, size_t at, float value) {
    if (!is_bf16) {
        static_cast<float *>(to)[at] = value;
        return;
    }
    float rounded = in(Digits::BF16, value);
    uint32_t bits;
    memcpy(&bits, &rounded, 4);
    static_cast<uint16_t *>(to)[at] = (uint16_t)(bits >> 16 | (value != value ? 0x40 : 0));
}
} // namespace stand_in
