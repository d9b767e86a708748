// candle's own kernels, those that tensors' methods launch: plain loops over the same arguments.
#include "host_kernels.h"
#include <algorithm>
#include <limits>

using namespace stand_in;

namespace {
typedef unsigned char u8;
typedef unsigned u32;
typedef long i64;

struct bf16 {
    unsigned short bits;
    bf16() = default;
    bf16(double value) {
        float single = (float)value;
        u32 all;
        memcpy(&all, &single, 4);
        bool nan = single != single;
        bits = (unsigned short)(nan ? all >> 16 | 0x40 : (all + 0x7fff + (all >> 16 & 1)) >> 16);
    }
    operator float() const {
        u32 all = (u32)bits << 16;
        float value;
        memcpy(&value, &all, 4);
        return value;
    }
};

// Dimensions and strides lie in the device's memory, one list after the other; none: all elements follow one another.
struct Layout {
    size_t rank;
    const size_t *dims;
    size_t at(size_t number, int list) const {
        if (!dims) return number;
        size_t place = 0;
        for (size_t d = rank; d-- > 0; number /= dims[d]) place += number % dims[d] * dims[list * rank + d];
        return place;
    }
};

// A kernel that runs as one piece: these loop over whatever grid they get. Addresses come without types: the fewer signatures, the
// sooner all of this is compiled.
template <class... A> void add(const std::string &name, void (*whole)(A...)) {
    kernels()[name] = {[whole](void **places, const Grid &) -> Work {
                           host::Bound bound = host::bind(whole, places);
                           return [bound] { bound.kernel(bound.arguments.get()); };
                       },
                       {}};
}

template <class S, class T> void cast(size_t count, size_t rank, const size_t *dims, const void *from_address, void *to_address) {
    Layout layout{rank, dims};
    auto from = static_cast<const S *>(from_address);
    auto to = static_cast<T *>(to_address);
    for (size_t i = 0; i < count; i++) to[i] = (T)from[layout.at(i, 1)];
}

template <class T, class F> void unary(size_t count, size_t rank, const size_t *dims, const void *from_address, void *to_address) {
    Layout layout{rank, dims};
    auto from = static_cast<const T *>(from_address);
    auto to = static_cast<T *>(to_address);
    for (size_t i = 0; i < count; i++) to[i] = T(F::of(from ? from[layout.at(i, 1)] : to[i]));
}

template <class T, class Y, class F>
void binary(size_t count, size_t rank, const size_t *dims, const void *left_address, const void *right_address, void *to_address) {
    Layout layout{rank, dims};
    auto left = static_cast<const T *>(left_address), right = static_cast<const T *>(right_address);
    auto to = static_cast<Y *>(to_address);
    for (size_t i = 0; i < count; i++) to[i] = Y(F::of(left[layout.at(i, 1)], right[layout.at(i, 2)]));
}

template <class T> void affine(size_t count, size_t rank, const size_t *dims, const T *from, T *to, T factor, T term) {
    Layout layout{rank, dims};
    for (size_t i = 0; i < count; i++) to[i] = T(T((from ? from[layout.at(i, 1)] : to[i]) * factor) + term);
}

template <class T> void fill(T *to, T value, size_t count) { std::fill(to, to + count, value); }

template <class T> void const_set(size_t count, size_t rank, const size_t *dims, T value, T *to) {
    Layout layout{rank, dims};
    for (size_t i = 0; i < count; i++) to[layout.at(i, 1)] = value;
}

template <class T> void copy2d(const T *from, T *to, u32 rows, u32 columns, u32 from_step, u32 to_step) {
    for (u32 i = 0; i < rows; i++) std::copy(from + (size_t)i * from_step, from + (size_t)i * from_step + columns, to + (size_t)i * to_step);
}

// Each `part` elements in the order of the layout become one; `small` kernels are told how many those are, others of how many.
template <class T, bool SMALL> void sum(size_t count, size_t part, size_t rank, const size_t *dims, const void *from_address, void *to_address) {
    Layout layout{rank, dims};
    auto from = static_cast<const T *>(from_address);
    auto to = static_cast<T *>(to_address);
    for (size_t i = 0; i < (SMALL ? count : count / part); i++) {
        double total = 0.0;
        for (size_t k = 0; k < part; k++) total += (double)from[layout.at(i * part + k, 1)];
        to[i] = (T)total;
    }
}

template <class T, bool LARGEST, class Y, bool PLACE>
void extreme(size_t count, size_t part, size_t rank, const size_t *dims, const void *from_address, void *to_address) {
    Layout layout{rank, dims};
    auto from = static_cast<const T *>(from_address);
    auto to = static_cast<Y *>(to_address);
    for (size_t i = 0; i < count / part; i++) {
        size_t best = 0;
        auto value = [&](size_t k) { return from[layout.at(i * part + k, 1)]; };
        for (size_t k = 1; k < part; k++) {
            if (LARGEST ? value(k) > value(best) : value(k) < value(best)) best = k;
        }
        to[i] = PLACE ? (Y)best : (Y)value(best);
    }
}

#define UNARY(name, expression)                                                                                          \
    struct name {                                                                                                        \
        template <class T> static auto of(T x) { return expression; }                                                   \
    }
#define BINARY(name, expression)                                                                                         \
    struct name {                                                                                                        \
        template <class T> static auto of(T x, T y) { return expression; }                                              \
    }
UNARY(Same, x);
UNARY(Negative, -x);
UNARY(Reciprocal, 1 / x);
UNARY(Square, x * x);
UNARY(Root, std::sqrt(x));
UNARY(Exponential, std::exp(x));
UNARY(Logarithm, std::log(x));
UNARY(Absolute, std::fabs(x));
UNARY(Tangent, std::tanh(x));
UNARY(Sign, (float)(x > 0) - (float)(x < 0));
BINARY(Sum, x + y);
BINARY(Difference, x - y);
BINARY(Product, x *y);
BINARY(Quotient, x / y);
BINARY(Largest, x < y ? y : x);
BINARY(Smallest, y < x ? y : x);
BINARY(Equal, x == y);
BINARY(Unequal, x != y);
BINARY(Less, x < y);
BINARY(LessOrEqual, x <= y);
BINARY(More, x > y);
BINARY(MoreOrEqual, x >= y);

template <class T> void of_type(const std::string &type) {
    add("ucopy_" + type, unary<T, Same>);
    add("affine_" + type, affine<T>);
    add("fill_" + type, fill<T>);
    add("const_set_" + type, const_set<T>);
    add("copy2d_" + type, copy2d<T>);
    add("fast_sum_" + type, sum<T, false>);
    add("fast_sum_small_" + type, sum<T, true>);
    add("fast_max_" + type, extreme<T, true, T, false>);
    add("fast_min_" + type, extreme<T, false, T, false>);
    add("fast_argmax_" + type, extreme<T, true, u32, true>);
    add("fast_argmin_" + type, extreme<T, false, u32, true>);
    add("badd_" + type, binary<T, T, Sum>);
    add("bsub_" + type, binary<T, T, Difference>);
    add("bmul_" + type, binary<T, T, Product>);
    add("bdiv_" + type, binary<T, T, Quotient>);
    add("bmaximum_" + type, binary<T, T, Largest>);
    add("bminimum_" + type, binary<T, T, Smallest>);
    add("eq_" + type, binary<T, u8, Equal>);
    add("ne_" + type, binary<T, u8, Unequal>);
    add("lt_" + type, binary<T, u8, Less>);
    add("le_" + type, binary<T, u8, LessOrEqual>);
    add("gt_" + type, binary<T, u8, More>);
    add("ge_" + type, binary<T, u8, MoreOrEqual>);
    add("cast_" + type + "_u8", cast<T, u8>);
    add("cast_" + type + "_u32", cast<T, u32>);
    add("cast_" + type + "_i64", cast<T, i64>);
    add("cast_" + type + "_f32", cast<T, float>);
    add("cast_" + type + "_f64", cast<T, double>);
    add("cast_" + type + "_bf16", cast<T, bf16>);
}

template <class T> void of_float(const std::string &type) {
    add("uneg_" + type, unary<T, Negative>);
    add("urecip_" + type, unary<T, Reciprocal>);
    add("usqr_" + type, unary<T, Square>);
    add("usqrt_" + type, unary<T, Root>);
    add("uexp_" + type, unary<T, Exponential>);
    add("ulog_" + type, unary<T, Logarithm>);
    add("uabs_" + type, unary<T, Absolute>);
    add("utanh_" + type, unary<T, Tangent>);
    add("usign_" + type, unary<T, Sign>);
}

__attribute__((constructor)) void add_all() {
    of_type<u8>("u8");
    of_type<u32>("u32");
    of_type<i64>("i64");
    of_type<float>("f32");
    of_type<double>("f64");
    of_type<bf16>("bf16");
    of_float<float>("f32");
    of_float<double>("f64");
    of_float<bf16>("bf16");
}
} // namespace
