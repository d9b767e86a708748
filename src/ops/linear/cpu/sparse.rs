//! Products with a linear layer's input when much of it is zero: for every input that is not, a row of up to 64 numbers
//! is added (multiplied by the input's value where that is no spike).
//!
//! Both products are sums of listed rows, R[r] = sum over i in list(r) of value(r, i) B[i]:
//!
//! | | R | r | i | B |
//! |---|---|---|---|---|
//! | Y = X W^T | Y [N, O] | row of the sequence | feature | W^T [F, O] |
//! | dW = dY^T X | dW^T [F, O] | feature | row of the sequence | dY [N, O] |
//!
//! A task owns some rows of R and 64 of its columns. It packs a block of B, [256][64], which stays in the second-level
//! cache, and goes through it in steps of 64 rows, which stay in the first: there it takes one row of R after another,
//! holds its sums in registers and adds the rows that the list names.

use super::lists::{STEP, StepLists};
use super::{DEPTH, OUTPUTS, ProductSizes};
use crate::ops::input_value::InputValue;
use crate::ops::scratch::Scratch;
use crate::ops::simd::arch;
use crate::ops::transpose::Transpose;
use crate::ops::uninit::{UninitBuffer, UninitPiece};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of R per task: as many sums stay in the second-level cache.
const ROWS: usize = 512;
/// Columns are filled up with zeros to a multiple of this number, the widest vector.
const LANES: usize = 16;
/// Floats from one row of transposed sums to the next: a power of two would put all rows into the same few lines of the
/// first-level cache.
const APART: usize = ROWS + LANES;

/// Y [N, O] = X W^T.
pub fn forward<T: InputValue>(x: &[T], w: &[f32], s: ProductSizes) -> Vec<f32> {
    let ProductSizes { n, features, outputs } = s;
    let lists = lists(n, |rows| StepLists::of_rows(x, features, rows));
    let mut y = UninitBuffer::new(n * outputs);
    y.pieces(outputs, ROWS, OUTPUTS).into_par_iter().for_each_init(ListedSums::default, |sums, piece| {
        let UninitPiece { row, column, rows } = piece;
        let columns = OUTPUTS.min(outputs - column);
        let pack = |block: Range<usize>, b: &mut [f32], width: usize| {
            let from = &w[column * features + block.start..];
            let (rows, columns) = (columns, block.len());
            arch().dispatch(Transpose { from, from_row: features, to: b, to_row: width, rows, columns });
        };
        let (sums, width) = sums.add_up(&lists[row / ROWS], (rows.len(), features, columns), pack);
        for (y, sums) in rows.into_iter().zip(sums.chunks_exact(width)) {
            y.copy_from(&sums[..columns]);
        }
    });
    y.done()
}

/// dW [O, F] = dY^T X.
pub fn weight_gradient<T: InputValue>(x: &[T], dy: &[f32], s: ProductSizes) -> Vec<f32> {
    let ProductSizes { n, features, outputs } = s;
    let lists = lists(features, |columns| StepLists::of_columns(x, features, columns));
    let mut dw = UninitBuffer::new(outputs * features);
    // A piece is some rows of dW, which is R transposed.
    dw.pieces(features, OUTPUTS, ROWS).into_par_iter().for_each_init(ListedSums::default, |sums, piece| {
        let UninitPiece { row: first, column, rows } = piece;
        let (columns, of_piece) = (rows.len(), ROWS.min(features - column));
        let pack = |block: Range<usize>, b: &mut [f32], width: usize| {
            let dy = dy[block.start * outputs..block.end * outputs].chunks_exact(outputs);
            for (b, dy) in b.chunks_exact_mut(width).zip(dy) {
                b[..columns].copy_from_slice(&dy[first..][..columns]);
            }
        };
        let (sums, width) = sums.add_up(&lists[column / ROWS], (of_piece, n, columns), pack);
        // A few rows at a time, so that whole cache lines of dW are written one after another.
        let mut to = [0f32; LANES * APART];
        for (number, dw) in rows.into_iter().enumerate() {
            if number % LANES == 0 {
                let (from, to) = (&sums[number..], &mut to);
                let (rows, columns) = (of_piece, LANES);
                arch().dispatch(Transpose { from, from_row: width, to, to_row: APART, rows, columns });
            }
            dw.copy_from(&to[number % LANES * APART..][..of_piece]);
        }
    });
    dw.done()
}

/// The lists of R's `rows`, [`ROWS`] at a time, step by step.
fn lists(rows: usize, list: impl Fn(Range<usize>) -> Vec<StepLists> + Send + Sync) -> Vec<Vec<StepLists>> {
    let tasks: Vec<_> = (0..rows).step_by(ROWS).map(|first| first..rows.min(first + ROWS)).collect();
    tasks.into_par_iter().map(list).collect()
}

/// The room in which a task sums.
#[derive(Default)]
struct ListedSums {
    b: Scratch,
    partial: Scratch,
    sums: Scratch,
}

impl ListedSums {
    /// The sums [rows][width] of listed rows of B [depth, columns], of which `pack` writes a block into [256][width].
    fn add_up(
        &mut self,
        lists: &[StepLists],
        (rows, depth, columns): (usize, usize, usize),
        pack: impl Fn(Range<usize>, &mut [f32], usize),
    ) -> (&[f32], usize) {
        let width = columns.next_multiple_of(LANES);
        let b = self.b.lend_zeroed(DEPTH * width);
        let (partial, sums) = (self.partial.lend(rows * width), self.sums.lend(rows * width));
        let mut wrong = [0f32; OUTPUTS];
        let wrong = &mut wrong[..width];
        for (number, lists) in lists.chunks(DEPTH / STEP).enumerate() {
            let block = number * DEPTH..depth.min((number + 1) * DEPTH);
            pack(block.clone(), b, width);
            arch().dispatch(BlockTask { lists, used: block.len(), b, partial, sums, wrong, accumulate: number > 0 });
        }
        if wrong.iter().any(|wrong| wrong.is_nan()) {
            for sums in sums.chunks_exact_mut(width) {
                sums.iter_mut().zip(&*wrong).for_each(|(sum, wrong)| *sum += wrong);
            }
        }
        (sums, width)
    }
}

/// Adds the listed rows of a block of B.
struct BlockTask<'a> {
    /// One a step.
    lists: &'a [StepLists],
    /// Rows of the block; lists name no others.
    used: usize,
    /// [256][width].
    b: &'a [f32],
    /// Room for the sums of this block, [rows][width].
    partial: &'a mut [f32],
    /// The sums of the blocks before, and then of this one as well, [rows][width].
    sums: &'a mut [f32],
    /// Of each column zero times the sum of all of B: NaN where a number of it is not finite. The dense way, which
    /// multiplies with every zero, has NaN there in every row.
    wrong: &'a mut [f32],
    /// Whether there are blocks before.
    accumulate: bool,
}

impl WithSimd for BlockTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let width = self.wrong.len();
        for b in self.b.chunks_exact(width).take(self.used) {
            for (wrong, b) in self.wrong.iter_mut().zip(b) {
                *wrong += 0.0 * b;
            }
        }
        for step in 0..self.lists.len() {
            let mut column = 0;
            while column < width {
                let vectors = match (width - column) / S::F32_LANES {
                    8.. => 8,
                    4.. => 4,
                    2.. => 2,
                    _ => 1,
                };
                match (vectors, self.lists[step].are_spikes()) {
                    (8, true) => add_listed::<S, 8, true>(simd, &mut self, step, column),
                    (4, true) => add_listed::<S, 4, true>(simd, &mut self, step, column),
                    (2, true) => add_listed::<S, 2, true>(simd, &mut self, step, column),
                    (_, true) => add_listed::<S, 1, true>(simd, &mut self, step, column),
                    (8, false) => add_listed::<S, 8, false>(simd, &mut self, step, column),
                    (4, false) => add_listed::<S, 4, false>(simd, &mut self, step, column),
                    (2, false) => add_listed::<S, 2, false>(simd, &mut self, step, column),
                    (_, false) => add_listed::<S, 1, false>(simd, &mut self, step, column),
                }
                column += vectors * S::F32_LANES;
            }
        }
    }
}

/// Adds a step's listed rows in all rows of R, N vectors from column `column` on.
#[inline(always)]
fn add_listed<S: Simd, const N: usize, const SPIKES: bool>(
    simd: S,
    task: &mut BlockTask<'_>,
    step: usize,
    column: usize,
) {
    let (width, list) = (task.wrong.len(), &task.lists[step]);
    let (first, last) = (step == 0, step + 1 == task.lists.len());
    let b = &task.b[step * STEP * width..][..STEP * width];
    assert!(column + N * S::F32_LANES <= width && list.are_spikes() == SPIKES);
    assert!(task.partial.len() == list.masks().len() * width && task.sums.len() == task.partial.len());
    let mut values = list.values();
    let rows = task.partial.chunks_exact_mut(width).zip(task.sums.chunks_exact_mut(width));
    for (&mask, (partial, sums)) in list.masks().iter().zip(rows) {
        if mask == 0 && !first && !last {
            continue;
        }
        let partial = &mut S::as_mut_simd_f32s(&mut partial[column..]).0[..N];
        let mut held = [simd.splat_f32s(0.0); N];
        if !first {
            held.copy_from_slice(partial);
        }
        let of_list;
        (of_list, values) = values.split_at(if SPIKES { 0 } else { mask.count_ones() as usize });
        let (mut left, mut number) = (mask, 0);
        while left != 0 {
            let i = left.trailing_zeros() as usize;
            left &= left - 1;
            // SAFETY: unless they are spikes, `of_list` has a value for every bit of the mask, of which this is bit
            // `number`.
            let value = simd.splat_f32s(if SPIKES { 1.0 } else { unsafe { *of_list.get_unchecked(number) } });
            number += 1;
            for (k, held) in held.iter_mut().enumerate() {
                let at = i * width + column + k * S::F32_LANES;
                // SAFETY: `b` has 64 rows of `width` floats, `i` is a bit of 64, and the vector ends within its row:
                // `column + N lanes` is at most `width`, as asserted. A vector of floats needs no more alignment than
                // a float for this read.
                let b = unsafe { b.as_ptr().add(at).cast::<S::f32s>().read_unaligned() };
                *held = if SPIKES { simd.add_f32s(*held, b) } else { simd.mul_add_e_f32s(value, b, *held) };
            }
        }
        if last {
            for (sum, held) in S::as_mut_simd_f32s(&mut sums[column..]).0.iter_mut().zip(held) {
                *sum = if task.accumulate { simd.add_f32s(*sum, held) } else { held };
            }
        } else {
            partial.copy_from_slice(&held);
        }
    }
}
