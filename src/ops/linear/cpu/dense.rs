//! Products of a linear layer whatever its input is. The weight is often far larger than the sequence, so every way
//! reads or writes it once, in blocks that stay in the cache, and repacks the sequence instead: panels of columns, as
//! [`multiply_panel`] reads them. Sizes that do not fit are filled up with zeros.

use super::{DEPTH, OUTPUTS, ProductSizes};
use crate::ops::product::tile::{PANEL, ROWS, StridedMatrix, multiply_panel};
use crate::ops::scratch::Scratch;
use crate::ops::simd::arch;
use crate::ops::transpose::Transpose;
use crate::ops::uninit::{UninitBuffer, UninitPiece};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Rows and columns of dX per task.
const DX_ROWS: usize = 256;
const DX_COLUMNS: usize = 4 * PANEL;

/// Outputs of dW per task.
const DW_OUTPUTS: usize = 32;

/// Y [N, O] = X W^T.
pub fn forward<T: Copy + Into<f32> + Sync>(x: &[T], w: &[f32], s: ProductSizes) -> Vec<f32> {
    let ProductSizes { n, features, outputs } = s;
    if !outputs.is_multiple_of(ROWS) {
        let outputs = outputs.next_multiple_of(ROWS);
        let mut padded = w.to_vec();
        padded.resize(outputs * features, 0.0);
        return first_columns(forward(x, &padded, ProductSizes { outputs, ..s }), outputs, s.outputs);
    }
    // Y^T = W X^T, with X^T in panels of rows of X. Of narrower vectors two are half a panel; a whole one, of which
    // they read one half after the other, would use half of the first-level cache.
    let width = arch().dispatch(ForwardWidth);
    let columns = n.next_multiple_of(width);
    let mut packed = Scratch::zeroed(columns * features);
    packed.par_chunks_mut(features * width).zip(x.par_chunks(features * width)).for_each(|(panel, x)| {
        for (i, x) in x.chunks_exact(features).enumerate() {
            panel[i..].iter_mut().step_by(width).zip(x).for_each(|(to, &from)| *to = from.into());
        }
    });
    let mut transposed = vec![0f32; outputs * columns];
    transposed.par_chunks_mut(OUTPUTS * columns).zip(w.par_chunks(OUTPUTS * features)).for_each(|(y, w)| {
        arch().dispatch(Outputs { w, packed: &packed, y, features, width, columns });
    });
    let mut y = vec![0f32; n * outputs];
    y.par_chunks_mut(PANEL * outputs).enumerate().for_each(|(number, to)| {
        let (from, n) = (&transposed[number * PANEL..], to.len() / outputs);
        arch().dispatch(Transpose { from, from_row: columns, to, to_row: outputs, rows: outputs, columns: n });
    });
    y
}

/// Columns of a panel of X^T: two vectors.
struct ForwardWidth;

impl WithSimd for ForwardWidth {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        (2 * S::F32_LANES).clamp(PANEL / 2, PANEL)
    }
}

struct Outputs<'a> {
    w: &'a [f32],
    packed: &'a [f32],
    y: &'a mut [f32],
    features: usize,
    width: usize,
    columns: usize,
}

impl WithSimd for Outputs<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { w, packed, y, features, width, columns } = self;
        let outputs = w.len() / features;
        for (number, panel) in packed.chunks_exact(features * width).enumerate() {
            for first in (0..features).step_by(DEPTH) {
                let depth = DEPTH.min(features - first);
                let a = StridedMatrix { data: &w[first..], row: features, column: 1 };
                let b = &panel[first * width..][..depth * width];
                multiply_panel(simd, (outputs, width, depth), a, b, &mut y[number * width..], columns, first > 0);
            }
        }
    }
}

/// dX [N, F] = dY W.
pub fn input_gradient(dy: &[f32], w: &[f32], s: ProductSizes) -> Vec<f32> {
    let ProductSizes { n, features, outputs } = s;
    let mut padded = Scratch::default();
    let dy = if n.is_multiple_of(ROWS) {
        dy
    } else {
        padded.lend_zeroed(n.next_multiple_of(ROWS) * outputs)[..dy.len()].copy_from_slice(dy);
        &padded
    };
    let mut dx = UninitBuffer::new(n * features);
    let pieces = dx.pieces(features, DX_ROWS, DX_COLUMNS);
    pieces.into_par_iter().for_each_init(<(Scratch, Scratch)>::default, |(packed, sums), piece| {
        let columns = DX_COLUMNS.min(features - piece.column);
        let (rows, width) = (piece.rows.len().next_multiple_of(ROWS), columns.next_multiple_of(PANEL));
        // The columns of W in panels, [O][32] each.
        let packed = packed.lend(outputs * width);
        if columns < width {
            packed.fill(0.0);
        }
        for (number, panel) in packed.chunks_exact_mut(outputs * PANEL).enumerate() {
            let (first, count) = (piece.column + number * PANEL, PANEL.min(columns - number * PANEL));
            for (to, from) in panel.chunks_exact_mut(PANEL).zip(w.chunks_exact(features)) {
                to[..count].copy_from_slice(&from[first..][..count]);
            }
        }
        let dx = sums.lend(rows * width);
        let dy = &dy[piece.row * outputs..][..rows * outputs];
        arch().dispatch(Columns { dy, packed, dx, outputs, width });
        let UninitPiece { rows, .. } = piece;
        rows.into_iter().zip(dx.chunks_exact(width)).for_each(|(dx, sums)| dx.copy_from(&sums[..columns]));
    });
    dx.done()
}

struct Columns<'a> {
    dy: &'a [f32],
    packed: &'a [f32],
    dx: &'a mut [f32],
    outputs: usize,
    width: usize,
}

impl WithSimd for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { dy, packed, dx, outputs, width } = self;
        for (number, panel) in packed.chunks_exact(outputs * PANEL).enumerate() {
            for first in (0..outputs).step_by(DEPTH) {
                let depth = DEPTH.min(outputs - first);
                let a = StridedMatrix { data: &dy[first..], row: outputs, column: 1 };
                let (sizes, b) = ((dy.len() / outputs, PANEL, depth), &panel[first * PANEL..][..depth * PANEL]);
                multiply_panel(simd, sizes, a, b, &mut dx[number * PANEL..], width, first > 0);
            }
        }
    }
}

/// dW [O, F] = dY^T X.
pub fn weight_gradient<T: Copy + Into<f32> + Sync>(x: &[T], dy: &[f32], s: ProductSizes) -> Vec<f32> {
    let ProductSizes { n, features, outputs } = s;
    if !outputs.is_multiple_of(ROWS) {
        let outputs = outputs.next_multiple_of(ROWS);
        let mut padded = vec![0f32; n * outputs];
        for (to, from) in padded.chunks_exact_mut(outputs).zip(dy.chunks_exact(s.outputs)) {
            to[..s.outputs].copy_from_slice(from);
        }
        let mut dw = weight_gradient(x, &padded, ProductSizes { outputs, ..s });
        dw.truncate(s.outputs * features);
        return dw;
    }
    // X in panels of columns, [N][32] each.
    let columns = features.next_multiple_of(PANEL);
    let mut packed = Scratch::zeroed(n * columns);
    packed.par_chunks_mut(n * PANEL).enumerate().for_each(|(number, panel)| {
        for (to, from) in panel.chunks_exact_mut(PANEL).zip(x.chunks_exact(features)) {
            to.iter_mut().zip(&from[number * PANEL..]).for_each(|(to, &from)| *to = from.into());
        }
    });
    let mut dw = UninitBuffer::new(outputs * columns);
    let parts = dw.parts(DW_OUTPUTS * columns);
    parts.into_par_iter().enumerate().for_each(|(task, dw)| {
        let dy = StridedMatrix { data: &dy[task * DW_OUTPUTS..], row: 1, column: outputs };
        arch().dispatch(Weights { dy, packed: &packed, dw: dw.zero(), n, columns });
    });
    first_columns(dw.done(), columns, features)
}

struct Weights<'a> {
    dy: StridedMatrix<'a>,
    packed: &'a [f32],
    dw: &'a mut [f32],
    n: usize,
    columns: usize,
}

impl WithSimd for Weights<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { dy, packed, dw, n, columns } = self;
        let outputs = dw.len() / columns;
        for (number, panel) in packed.chunks_exact(n * PANEL).enumerate() {
            for first in (0..n).step_by(DEPTH) {
                let depth = DEPTH.min(n - first);
                let a = StridedMatrix { data: &dy.data[first * dy.column..], ..dy };
                let b = &panel[first * PANEL..][..depth * PANEL];
                multiply_panel(simd, (outputs, PANEL, depth), a, b, &mut dw[number * PANEL..], columns, first > 0);
            }
        }
    }
}

/// The first `kept` of the `columns` of every row.
fn first_columns(mut matrix: Vec<f32>, columns: usize, kept: usize) -> Vec<f32> {
    if kept < columns {
        let rows = matrix.len() / columns;
        for row in 1..rows {
            matrix.copy_within(row * columns..row * columns + kept, row * kept);
        }
        matrix.truncate(rows * kept);
    }
    matrix
}
