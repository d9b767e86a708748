//! Products of a linear layer on the CPU: which way they go.
//!
//! Both ways take every sum in the same order: blocks of 256 products, each added up from zero, one block after the
//! other. A zero that the sparse way leaves out would not have changed its sum. So the bits are the same by both ways,
//! for any number of threads and whatever the other rows are, and only the time hangs on the choice.

mod dense;
mod lists;
mod sparse;

use crate::ops::input_value::{InputValue, density};

/// Outputs per task of the forward product and of the weight's gradient.
const OUTPUTS: usize = 64;
/// Products of a block.
const DEPTH: usize = 256;

/// Share of inputs that are not zero below which the sparse way wins.
///
/// Measured on one thread of an AMD EPYC with AVX2 at shares from 0.05 to 1, N x F x O from 80 x 1024 x 100 to
/// 3584 x 256 x 256 and 80 x 8192 x 1024, median processor times in turn. The weight's gradient gains at every share,
/// by a factor of 2 to 5 at 0.15; only with 10 or 100 outputs and values that are no spikes are both ways alike from
/// 0.4 on. Forward they meet between 0.6 and 0.9.
const SPARSE: f64 = 0.6;
/// Rows from which on the sparse way may win forward: with fewer, reading the weight is what costs, and the dense way
/// need not turn it.
const SPARSE_ROWS: usize = 32;

/// How a product with a linear layer's input is computed on the CPU. Both ways give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinearAlgorithm {
    /// Additions for every input that is not zero.
    Sparse,
    /// Blocks of all inputs.
    Blocked,
}

impl LinearAlgorithm {
    /// The ways that a linear layer takes, in words; which, the density of its input decides.
    pub const WORDS: &'static str = "sparse / blocked products";

    /// The faster one for `x`.
    fn choose<T: InputValue>(x: &[T]) -> Self {
        if density(x) < SPARSE { Self::Sparse } else { Self::Blocked }
    }
}

/// The sizes of a product: N rows of F features, O outputs.
#[derive(Clone, Copy, Debug)]
pub struct ProductSizes {
    pub n: usize,
    pub features: usize,
    pub outputs: usize,
}

impl ProductSizes {
    fn is_empty(&self) -> bool {
        self.n == 0 || self.features == 0 || self.outputs == 0
    }
}

/// Y [N, O] = X W^T, the faster way unless it is told which.
pub fn forward<T: InputValue>(x: &[T], w: &[f32], s: ProductSizes, algorithm: Option<LinearAlgorithm>) -> Vec<f32> {
    let choose = || if s.n < SPARSE_ROWS { LinearAlgorithm::Blocked } else { LinearAlgorithm::choose(x) };
    match algorithm.unwrap_or_else(choose) {
        _ if s.is_empty() => vec![0.0; s.n * s.outputs],
        LinearAlgorithm::Sparse => sparse::forward(x, w, s),
        LinearAlgorithm::Blocked => dense::forward(x, w, s),
    }
}

/// dX [N, F] = dY W.
pub fn input_gradient(dy: &[f32], w: &[f32], s: ProductSizes) -> Vec<f32> {
    if s.is_empty() { vec![0.0; s.n * s.features] } else { dense::input_gradient(dy, w, s) }
}

/// dW [O, F] = dY^T X, the faster way unless it is told which.
pub fn weight_gradient<T: InputValue>(
    x: &[T],
    dy: &[f32],
    s: ProductSizes,
    algorithm: Option<LinearAlgorithm>,
) -> Vec<f32> {
    match algorithm.unwrap_or_else(|| LinearAlgorithm::choose(x)) {
        _ if s.is_empty() => vec![0.0; s.outputs * s.features],
        LinearAlgorithm::Sparse => sparse::weight_gradient(x, dy, s),
        LinearAlgorithm::Blocked => dense::weight_gradient(x, dy, s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    const BOTH: [Option<LinearAlgorithm>; 2] = [Some(LinearAlgorithm::Sparse), Some(LinearAlgorithm::Blocked)];

    fn random(n: usize, epoch: usize) -> Vec<f32> {
        let stream = Stream::new(0, Purpose::Synthetic, 0, epoch, 0);
        (0..n as u64).map(|i| stream.uniform(i) - 0.5).collect()
    }

    /// Values of either sign, of which a share of `density` is not zero.
    fn sparse_values(n: usize, density: f32) -> Vec<f32> {
        let keep = random(n, 9);
        random(n, 8).into_iter().zip(keep).map(|(value, keep)| if keep + 0.5 < density { value } else { 0.0 }).collect()
    }

    #[test]
    fn a_row_has_the_same_outputs_whatever_the_others_are() {
        let s = ProductSizes { n: 90, features: 300, outputs: 10 };
        // Rows of every density: alone some would go the sparse way and others not.
        let x = (0..s.n).flat_map(|row| sparse_values(s.features, row as f32 / 90.0)).collect::<Vec<_>>();
        let w = random(s.outputs * s.features, 2);
        for algorithm in [BOTH[0], BOTH[1], None] {
            let together = forward(&x, &w, s, None);
            for (x, y) in x.chunks(s.features).zip(together.chunks(s.outputs)) {
                assert_eq!(forward(x, &w, ProductSizes { n: 1, ..s }, algorithm), y);
            }
        }
    }

    #[test]
    fn every_product_agrees_with_its_definition_by_both_ways() {
        for (n, features, outputs) in
            [(5, 7, 3), (1, 32, 64), (37, 320, 128), (300, 64, 64), (16, 96, 70), (80, 544, 320), (1, 1, 1)]
        {
            let s = ProductSizes { n, features, outputs };
            let (x, w, dy) = (random(n * features, 1), random(outputs * features, 2), random(n * outputs, 3));
            let check = |found: &[f32], columns: usize, entry: &dyn Fn(usize, usize) -> f64, what: &str| {
                for (at, &found) in found.iter().enumerate() {
                    let expected = entry(at / columns, at % columns);
                    assert!((f64::from(found) - expected).abs() < 1e-4, "{what}[{at}] of {n} {features} {outputs}");
                }
            };
            let product = |a: f32, b: f32| f64::from(a) * f64::from(b);
            let y = |i: usize, o: usize| (0..features).map(|f| product(x[i * features + f], w[o * features + f])).sum();
            let dx = |i: usize, f: usize| (0..outputs).map(|o| product(dy[i * outputs + o], w[o * features + f])).sum();
            let dw = |o: usize, f: usize| (0..n).map(|i| product(dy[i * outputs + o], x[i * features + f])).sum();
            let found = input_gradient(&dy, &w, s);
            assert_eq!(found.len(), n * features);
            check(&found, features, &dx, "dx");
            for algorithm in BOTH {
                let found = (forward(&x, &w, s, algorithm), weight_gradient(&x, &dy, s, algorithm));
                assert_eq!((found.0.len(), found.1.len()), (n * outputs, outputs * features));
                check(&found.0, outputs, &y, "y");
                check(&found.1, features, &dw, "dw");
            }
        }
    }

    #[test]
    fn both_ways_give_the_same_bits_of_values_and_of_spikes() {
        for (n, features, outputs) in [(1, 1, 1), (70, 33, 10), (300, 7, 65), (530, 300, 24), (65, 600, 130)] {
            let s = ProductSizes { n, features, outputs };
            let (w, dy) = (random(outputs * features, 2), random(n * outputs, 3));
            for density in [0.0, 0.05, 0.35, 1.0] {
                let x = sparse_values(n * features, density);
                let bytes: Vec<u8> = x.iter().map(|&x| u8::from(x != 0.0)).collect();
                let floats: Vec<f32> = bytes.iter().map(|&x| f32::from(x)).collect();
                let what = format!("{s:?} at {density}");
                let [sparse, blocked] = BOTH.map(|way| (forward(&x, &w, s, way), weight_gradient(&x, &dy, s, way)));
                assert!(sparse == blocked, "values, {what}");
                let of_bytes = BOTH.map(|way| (forward(&bytes, &w, s, way), weight_gradient(&bytes, &dy, s, way)));
                let of_floats = BOTH.map(|way| (forward(&floats, &w, s, way), weight_gradient(&floats, &dy, s, way)));
                assert!(of_bytes[0] == of_bytes[1] && of_bytes == of_floats, "spikes, {what}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_comes_out_not_finite_at_the_same_places_by_both_ways() {
        let s = ProductSizes { n: 40, features: 300, outputs: 20 };
        let x = sparse_values(s.n * s.features, 0.1);
        let same = |way: &dyn Fn(Option<LinearAlgorithm>) -> Vec<f32>, expected: usize| {
            let [sparse, blocked] = BOTH.map(way);
            assert_eq!(sparse.iter().filter(|v| !v.is_finite()).count(), expected);
            let alike = |(a, b): (&f32, &f32)| a == b || !(a.is_finite() || b.is_finite());
            assert!(sparse.iter().zip(&blocked).all(alike));
        };
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (mut w, mut dy) = (random(s.outputs * s.features, 2), random(s.n * s.outputs, 3));
            w[7 * s.features + 280] = value;
            dy[3 * s.outputs + 11] = value;
            same(&|way| forward(&x, &w, s, way), s.n);
            same(&|way| weight_gradient(&x, &dy, s, way), s.features);
            let mut x = x.clone();
            x[2 * s.features + 5] = value;
            let (w, dy) = (random(s.outputs * s.features, 2), random(s.n * s.outputs, 3));
            same(&|way| forward(&x, &w, s, way), s.outputs);
            same(&|way| weight_gradient(&x, &dy, s, way), s.outputs);
        }
    }

    #[test]
    fn without_rows_gradients_are_zero() {
        let s = ProductSizes { n: 0, features: 3, outputs: 2 };
        for algorithm in BOTH {
            assert!(forward::<f32>(&[], &[1.0; 6], s, algorithm).is_empty());
            assert_eq!(weight_gradient::<f32>(&[], &[], s, algorithm), [0.0; 6]);
        }
        assert!(input_gradient(&[], &[1.0; 6], s).is_empty());
    }
}
