//! The products of a linear layer on the CPU. The weight is far larger than the sequence, so every way reads or writes
//! it once, in blocks that stay in the cache, and repacks the sequence instead: panels of 32 columns, as
//! [`multiply_panel`] reads them.

use crate::ops::product::tile::{PANEL, ROWS, StridedMatrix, multiply_panel};
use crate::ops::product::{Matrix, multiply_parallel};
use crate::ops::scratch::Scratch;
use crate::ops::simd::arch;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Outputs per task of the forward product and of the weight's gradient.
const OUTPUTS: usize = 64;
/// Products added before a block of the sequence is left: a panel of as many rows stays in the first-level cache.
const DEPTH: usize = 256;

/// Whether the gradients' way by panels is open; few outputs, such as classes, go the plain way.
fn fits(features: usize, outputs: usize) -> bool {
    features > 0 && features.is_multiple_of(PANEL) && outputs > 0 && outputs.is_multiple_of(OUTPUTS)
}

/// The sizes of a product: N rows of F features, O outputs.
#[derive(Clone, Copy, Debug)]
pub struct ProductSizes {
    pub n: usize,
    pub features: usize,
    pub outputs: usize,
}

/// Y [N, O] = X W^T. A row of X has the same Y whatever the others are.
pub fn forward<T: Copy + Into<f32> + Sync>(x: &[T], w: &[f32], s: ProductSizes) -> Vec<f32> {
    if !s.outputs.is_multiple_of(ROWS) {
        // Products take outputs in eights: the last few, such as classes, get company that is all zero.
        let outputs = s.outputs.next_multiple_of(ROWS);
        let mut padded = vec![0f32; outputs * s.features];
        padded[..w.len()].copy_from_slice(w);
        let y = forward(x, &padded, ProductSizes { outputs, ..s });
        return y.chunks_exact(outputs.max(1)).flat_map(|row| &row[..s.outputs]).copied().collect();
    }
    // Y^T = W X^T, with X^T in panels of rows of X.
    let columns = s.n.next_multiple_of(PANEL);
    let mut packed = Scratch::zeroed(columns * s.features);
    packed.par_chunks_mut(s.features * PANEL).zip(x.par_chunks(s.features * PANEL)).for_each(|(panel, x)| {
        for (i, x) in x.chunks(s.features).enumerate() {
            panel[i..].iter_mut().step_by(PANEL).zip(x).for_each(|(to, &from)| *to = from.into());
        }
    });
    let mut y = vec![0f32; s.outputs * columns];
    y.par_chunks_mut(OUTPUTS * columns).zip(w.par_chunks(OUTPUTS * s.features)).for_each(|(y, w)| {
        arch().dispatch(Outputs { w, packed: &packed, y, features: s.features, columns });
    });
    let mut y = transposed(&y, s.outputs);
    y.truncate(s.n * s.outputs);
    y
}

/// [O][columns] to [columns][O].
fn transposed(y: &[f32], outputs: usize) -> Vec<f32> {
    let columns = y.len() / outputs.max(1);
    let mut rows = vec![0f32; y.len()];
    rows.par_chunks_mut(outputs.max(1)).enumerate().for_each(|(row, to)| {
        to.iter_mut().zip(y[row..].iter().step_by(columns.max(1))).for_each(|(to, from)| *to = *from);
    });
    rows
}

fn floats<T: Copy + Into<f32>>(x: &[T]) -> Vec<f32> {
    x.iter().map(|&v| v.into()).collect()
}

struct Outputs<'a> {
    w: &'a [f32],
    packed: &'a [f32],
    y: &'a mut [f32],
    features: usize,
    columns: usize,
}

impl WithSimd for Outputs<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { w, packed, y, features, columns } = self;
        let outputs = w.len() / features;
        for (number, panel) in packed.chunks_exact(features * PANEL).enumerate() {
            for first in (0..features).step_by(DEPTH) {
                let depth = DEPTH.min(features - first);
                let a = StridedMatrix { data: &w[first..], row: features, column: 1 };
                let b = &panel[first * PANEL..][..depth * PANEL];
                multiply_panel(simd, (outputs, PANEL, depth), a, b, &mut y[number * PANEL..], columns, first > 0);
            }
        }
    }
}

/// dX [N, F] = dY W.
pub fn input_gradient(dy: &[f32], w: &[f32], s: ProductSizes) -> Vec<f32> {
    let ProductSizes { n, features, outputs } = s;
    if !fits(features, outputs) {
        return multiply_parallel((n, features, outputs), Matrix::rows(dy, outputs), Matrix::rows(w, features));
    }
    let rows = n.next_multiple_of(ROWS);
    let mut padded = Scratch::zeroed(rows * outputs);
    padded[..dy.len()].copy_from_slice(dy);
    // A task makes a panel of columns of dX, [rows][32].
    let mut panels = vec![0f32; rows * features];
    panels.par_chunks_mut(rows * PANEL).enumerate().for_each_init(Scratch::default, |packed, (number, dx)| {
        let packed = packed.lend(outputs * PANEL);
        for (to, from) in packed.chunks_exact_mut(PANEL).zip(w.chunks_exact(features)) {
            to.copy_from_slice(&from[number * PANEL..][..PANEL]);
        }
        arch().dispatch(Columns { dy: &padded, packed, dx, outputs });
    });
    let mut dx = vec![0f32; n * features];
    dx.par_chunks_mut(features.max(1)).enumerate().for_each(|(row, dx)| {
        for (to, panel) in dx.chunks_exact_mut(PANEL).zip(panels.chunks_exact(rows * PANEL)) {
            to.copy_from_slice(&panel[row * PANEL..][..PANEL]);
        }
    });
    dx
}

struct Columns<'a> {
    dy: &'a [f32],
    packed: &'a [f32],
    dx: &'a mut [f32],
    outputs: usize,
}

impl WithSimd for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { dy, packed, dx, outputs } = self;
        for first in (0..outputs).step_by(DEPTH) {
            let depth = DEPTH.min(outputs - first);
            let a = StridedMatrix { data: &dy[first..], row: outputs, column: 1 };
            let sizes = (dx.len() / PANEL, PANEL, depth);
            multiply_panel(simd, sizes, a, &packed[first * PANEL..][..depth * PANEL], dx, PANEL, first > 0);
        }
    }
}

/// dW [O, F] = dY^T X.
pub fn weight_gradient<T: Copy + Into<f32> + Sync>(x: &[T], dy: &[f32], s: ProductSizes) -> Vec<f32> {
    let ProductSizes { n, features, outputs } = s;
    if !fits(features, outputs) || n == 0 {
        let floats = floats(x);
        let dy = Matrix::rows(dy, outputs).transposed();
        return multiply_parallel((outputs, features, n), dy, Matrix::rows(&floats, features));
    }
    // X in panels of columns, [N][32] each.
    let mut packed = Scratch::zeroed(n * features);
    packed.par_chunks_mut(n * PANEL).enumerate().for_each(|(number, panel)| {
        for (to, from) in panel.chunks_exact_mut(PANEL).zip(x.chunks_exact(features)) {
            to.iter_mut().zip(&from[number * PANEL..]).for_each(|(to, &from)| *to = from.into());
        }
    });
    let mut dw = vec![0f32; outputs * features];
    dw.par_chunks_mut(OUTPUTS * features).enumerate().for_each(|(task, dw)| {
        let dy = StridedMatrix { data: &dy[task * OUTPUTS..], row: 1, column: outputs };
        arch().dispatch(Weights { dy, packed: &packed, dw, n, features });
    });
    dw
}

struct Weights<'a> {
    dy: StridedMatrix<'a>,
    packed: &'a [f32],
    dw: &'a mut [f32],
    n: usize,
    features: usize,
}

impl WithSimd for Weights<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { dy, packed, dw, n, features } = self;
        for (number, panel) in packed.chunks_exact(n * PANEL).enumerate() {
            for first in (0..n).step_by(DEPTH) {
                let depth = DEPTH.min(n - first);
                let a = StridedMatrix { data: &dy.data[first * dy.column..], ..dy };
                let b = &panel[first * PANEL..][..depth * PANEL];
                multiply_panel(simd, (OUTPUTS, PANEL, depth), a, b, &mut dw[number * PANEL..], features, first > 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    fn random(n: usize, epoch: usize) -> Vec<f32> {
        let stream = Stream::new(0, Purpose::Synthetic, 0, epoch, 0);
        (0..n as u64).map(|i| stream.uniform(i) - 0.5).collect()
    }

    #[test]
    fn a_row_has_the_same_outputs_whatever_the_others_are() {
        let s = ProductSizes { n: 90, features: 300, outputs: 10 };
        let (x, w) = (random(s.n * s.features, 1), random(s.outputs * s.features, 2));
        let together = forward(&x, &w, s);
        for (x, y) in x.chunks(s.features).zip(together.chunks(s.outputs)) {
            assert_eq!(forward(x, &w, ProductSizes { n: 1, ..s }), y);
        }
    }

    #[test]
    fn every_product_agrees_with_its_definition_the_plain_way_and_in_panels() {
        for (n, features, outputs) in
            [(5, 7, 3), (1, 32, 64), (37, 320, 128), (300, 64, 64), (16, 96, 70), (80, 544, 320)]
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
            let found = (forward(&x, &w, s), input_gradient(&dy, &w, s), weight_gradient(&x, &dy, s));
            assert_eq!((found.0.len(), found.1.len(), found.2.len()), (n * outputs, n * features, outputs * features));
            check(&found.0, outputs, &y, "y");
            check(&found.1, features, &dx, "dx");
            check(&found.2, features, &dw, "dw");
        }
    }
}
