//! The matrices of Winograd's F(m x m, 3x3), as sums of vectors: a tile of m x m outputs reads t x t inputs, t = m + 2.
//!
//! The convolution of a line of t inputs with three taps is A^T [(G f) * (B^T d)], by the theorem of Toom and Cook:
//! both sides are polynomials of known degree, multiplied at t - 1 points and at infinity. Source: Lavin & Gray 2016
//! (arXiv 1509.09308), sections 4.1 (points 0, 1, -1) and 4.3.

use pulp::Simd;

/// The matrices for tiles of `M` x `M` outputs and `T` x `T` inputs. Nothing is computed by the type itself.
pub trait Tile<const M: usize, const T: usize>: Send + Sync {
    /// B^T d, of inputs.
    fn input<S: Simd>(simd: S, d: [S::f32s; T]) -> [S::f32s; T];
    /// G f, of a filter.
    fn filter<S: Simd>(simd: S, f: [S::f32s; 3]) -> [S::f32s; T];
    /// A^T m, to outputs.
    fn output<S: Simd>(simd: S, m: [S::f32s; T]) -> [S::f32s; M];
    /// A e, of the outputs' gradients.
    fn gradient<S: Simd>(simd: S, e: [S::f32s; M]) -> [S::f32s; T];
    /// G^T u, to a filter's gradient.
    fn filter_gradient<S: Simd>(simd: S, u: [S::f32s; T]) -> [S::f32s; 3];
}

/// F(2x2, 3x3): 16 products for 4 outputs, where the definition takes 36.
pub struct Two;

/// F(4x4, 3x3): 36 products for 16 outputs, where the definition takes 144.
pub struct Four;

impl Tile<2, 4> for Two {
    #[inline(always)]
    fn input<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
        [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
    }

    #[inline(always)]
    fn filter<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 4] {
        let (half, outer) = (simd.splat_f32s(0.5), simd.add_f32s(a, c));
        [a, simd.mul_f32s(half, simd.add_f32s(outer, b)), simd.mul_f32s(half, simd.sub_f32s(outer, b)), c]
    }

    #[inline(always)]
    fn output<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
        let (sum, difference) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        [simd.add_f32s(a, sum), simd.sub_f32s(difference, d)]
    }

    #[inline(always)]
    fn gradient<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 4] {
        [a, simd.add_f32s(a, b), simd.sub_f32s(a, b), simd.neg_f32s(b)]
    }

    #[inline(always)]
    fn filter_gradient<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 3] {
        let half = simd.splat_f32s(0.5);
        let (sum, difference) = (simd.mul_f32s(half, simd.add_f32s(b, c)), simd.mul_f32s(half, simd.sub_f32s(b, c)));
        [simd.add_f32s(a, sum), difference, simd.add_f32s(sum, d)]
    }
}

/// The points of [`Four`] beside 0 and infinity: P, -P, Q and -Q. With 1 and 2, which most texts take, errors are six
/// times as large: these keep the matrices' entries close to one another, and are sums of few powers of two, so that
/// products of theirs are exact.
const P: f32 = 0.75;
const Q: f32 = 1.5;
/// What a filter's elements are divided by at 0, at P and -P, at Q and -Q: the product of a point's distances from the
/// others.
const AT_0: f32 = P * P * Q * Q;
const AT_P: f32 = 2.0 * P * P * (P * P - Q * Q);
const AT_Q: f32 = 2.0 * Q * Q * (Q * Q - P * P);

impl Tile<4, 6> for Four {
    #[inline(always)]
    fn input<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 6] {
        // Even and odd powers of the point: their sum belongs to the point, their difference to its negative.
        let (even_p, odd_p) = (plus(simd, e, -Q * Q, c), times(simd, P, plus(simd, d, -Q * Q, b)));
        let (even_q, odd_q) = (plus(simd, e, -P * P, c), times(simd, Q, plus(simd, d, -P * P, b)));
        [
            plus(simd, plus(simd, e, -(P * P + Q * Q), c), P * P * Q * Q, a),
            simd.add_f32s(even_p, odd_p),
            simd.sub_f32s(even_p, odd_p),
            simd.add_f32s(even_q, odd_q),
            simd.sub_f32s(even_q, odd_q),
            plus(simd, plus(simd, f, -(P * P + Q * Q), d), P * P * Q * Q, b),
        ]
    }

    #[inline(always)]
    fn filter<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 6] {
        let (even_p, odd_p) = (times(simd, 1.0 / AT_P, plus(simd, a, P * P, c)), times(simd, P / AT_P, b));
        let (even_q, odd_q) = (times(simd, 1.0 / AT_Q, plus(simd, a, Q * Q, c)), times(simd, Q / AT_Q, b));
        [
            times(simd, 1.0 / AT_0, a),
            simd.add_f32s(even_p, odd_p),
            simd.sub_f32s(even_p, odd_p),
            simd.add_f32s(even_q, odd_q),
            simd.sub_f32s(even_q, odd_q),
            c,
        ]
    }

    #[inline(always)]
    fn output<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 4] {
        let (even_p, odd_p) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        let (even_q, odd_q) = (simd.add_f32s(d, e), simd.sub_f32s(d, e));
        [
            simd.add_f32s(a, simd.add_f32s(even_p, even_q)),
            plus(simd, times(simd, P, odd_p), Q, odd_q),
            plus(simd, times(simd, P * P, even_p), Q * Q, even_q),
            plus(simd, plus(simd, f, P * P * P, odd_p), Q * Q * Q, odd_q),
        ]
    }

    #[inline(always)]
    fn gradient<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 6] {
        let (even_p, odd_p) = (plus(simd, a, P * P, c), times(simd, P, plus(simd, b, P * P, d)));
        let (even_q, odd_q) = (plus(simd, a, Q * Q, c), times(simd, Q, plus(simd, b, Q * Q, d)));
        [
            a,
            simd.add_f32s(even_p, odd_p),
            simd.sub_f32s(even_p, odd_p),
            simd.add_f32s(even_q, odd_q),
            simd.sub_f32s(even_q, odd_q),
            d,
        ]
    }

    #[inline(always)]
    fn filter_gradient<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 3] {
        let (even_p, odd_p) = (times(simd, 1.0 / AT_P, simd.add_f32s(b, c)), simd.sub_f32s(b, c));
        let (even_q, odd_q) = (times(simd, 1.0 / AT_Q, simd.add_f32s(d, e)), simd.sub_f32s(d, e));
        [
            plus(simd, simd.add_f32s(even_p, even_q), 1.0 / AT_0, a),
            plus(simd, times(simd, P / AT_P, odd_p), Q / AT_Q, odd_q),
            plus(simd, plus(simd, f, P * P, even_p), Q * Q, even_q),
        ]
    }
}

/// factor x.
#[inline(always)]
fn times<S: Simd>(simd: S, factor: f32, x: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.splat_f32s(factor), x)
}

/// x + factor y.
#[inline(always)]
fn plus<S: Simd>(simd: S, x: S::f32s, factor: f32, y: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(factor), y, x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::Scalar;

    /// One line: outputs y_i = sum over j of d_(i+j) f_j, and the filter's gradient, f_j = sum over i of e_i d_(i+j).
    fn lines_agree_with_the_definition<W: Tile<M, T>, const M: usize, const T: usize>() {
        let d: [f32; T] = std::array::from_fn(|i| [1.0, -2.0, 3.0, 0.5, -1.0, 4.0][i]);
        let (f, e) = ([2.0f32, -1.0, 0.5], std::array::from_fn::<f32, M, _>(|i| [1.0, 3.0, -2.0, 0.5][i]));
        let (v, u) = (W::input(Scalar, d), W::filter(Scalar, f));
        let found = W::output(Scalar, std::array::from_fn(|i| v[i] * u[i]));
        for (i, found) in found.into_iter().enumerate() {
            let expected: f32 = (0..3).map(|j| d[i + j] * f[j]).sum();
            assert!((found - expected).abs() < 1e-5, "output {i}: {found} against {expected}");
        }
        let g = W::gradient(Scalar, e);
        let found = W::filter_gradient(Scalar, std::array::from_fn(|i| v[i] * g[i]));
        for (j, found) in found.into_iter().enumerate() {
            let expected: f32 = (0..M).map(|i| d[i + j] * e[i]).sum();
            assert!((found - expected).abs() < 1e-5, "tap {j}: {found} against {expected}");
        }
    }

    #[test]
    fn both_tiles_agree_with_the_definition_of_a_line() {
        lines_agree_with_the_definition::<Two, 2, 4>();
        lines_agree_with_the_definition::<Four, 4, 6>();
    }
}
