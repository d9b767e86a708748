//! Which entries of a matrix are not zero, row by row or column by column: what the sparse way works on.

use crate::ops::input_value::InputValue;
use crate::ops::simd::arch;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Entries of a list in one step: the bits of a mask.
pub const STEP: usize = 64;
/// Columns that are looked at together, row after row, as they lie in memory.
const RUN: usize = 16 * STEP;

/// One step of some lists: the same 64 rows of B for all of them.
pub struct StepLists {
    /// Of each list the bits of its entries.
    masks: Vec<u64>,
    /// The entries' values, list by list; none for spikes, which are all one.
    values: Vec<f32>,
    are_spikes: bool,
}

impl StepLists {
    /// The steps of the lists that are `rows` of `x` [.., columns].
    pub fn of_rows<T: InputValue>(x: &[T], columns: usize, rows: Range<usize>) -> Vec<Self> {
        let x = &x[rows.start * columns..rows.end * columns];
        let runs: Vec<_> = (0..columns).step_by(RUN).map(|first| first..columns.min(first + RUN)).collect();
        let steps = runs.into_par_iter().flat_map_iter(|run| {
            let first = run.start;
            let mut steps = vec![vec![0; rows.len()]; run.len().div_ceil(STEP)];
            arch().dispatch(RowMarks { x, columns, run, steps: &mut steps });
            let steps = steps.into_iter().enumerate();
            steps.map(move |(step, masks)| Self::gather(masks, |row, i| x[row * columns + first + step * STEP + i]))
        });
        steps.collect()
    }

    /// The steps of the lists that are the columns `range` of `x` [.., columns].
    pub fn of_columns<T: InputValue>(x: &[T], columns: usize, range: Range<usize>) -> Vec<Self> {
        let steps = x.par_chunks(STEP * columns).map(|x| {
            let mut masks = vec![0; range.len()];
            arch().dispatch(ColumnMarks { x, columns, first: range.start, masks: &mut masks });
            Self::gather(masks, |column, i| x[i * columns + range.start + column])
        });
        steps.collect()
    }

    /// With the values that `value` has for a list and a place in its mask.
    fn gather<T: InputValue>(masks: Vec<u64>, value: impl Fn(usize, usize) -> T) -> Self {
        let total = masks.iter().map(|mask| mask.count_ones() as usize).sum();
        let mut values = vec![0.0; if T::SPIKES { 0 } else { total }];
        let mut found = 0;
        for (list, &mask) in masks.iter().enumerate().filter(|_| !T::SPIKES) {
            let mut left = mask;
            while left != 0 {
                values[found] = value(list, left.trailing_zeros() as usize).into();
                left &= left - 1;
                found += 1;
            }
        }
        Self { masks, values, are_spikes: T::SPIKES }
    }

    /// Of each list its mask.
    pub fn masks(&self) -> &[u64] {
        &self.masks
    }

    /// As many as the masks have bits, unless all are one.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Whether all values are one.
    pub fn are_spikes(&self) -> bool {
        self.are_spikes
    }
}

/// Marks what is not zero in a run of the columns, row after row.
struct RowMarks<'a, T> {
    x: &'a [T],
    columns: usize,
    run: Range<usize>,
    /// Of each step the masks of all rows.
    steps: &'a mut [Vec<u64>],
}

impl<T: InputValue> WithSimd for RowMarks<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { x, columns, run, steps } = self;
        for (number, row) in x.chunks_exact(columns).enumerate() {
            let (whole, rest) = row[run.clone()].as_chunks();
            let mut last = [T::default(); STEP];
            last[..rest.len()].copy_from_slice(rest);
            let entries = whole.iter().chain((!rest.is_empty()).then_some(&last));
            for (masks, entries) in steps.iter_mut().zip(entries) {
                masks[number] = mask(entries);
            }
        }
    }
}

/// The bits of the entries that are not zero.
#[inline(always)]
fn mask<T: InputValue>(entries: &[T; STEP]) -> u64 {
    let mut marks = [0u8; STEP];
    for (mark, &entry) in marks.iter_mut().zip(entries) {
        *mark = u8::from(entry != T::default());
    }
    let mut mask = 0;
    for (number, word) in marks.as_chunks::<8>().0.iter().enumerate() {
        // This product has the marks of the word, one in each byte, side by side in its highest byte.
        let bits = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= bits << (8 * number);
    }
    mask
}

/// Marks what is not zero in some columns of 64 rows, or of the fewer that are left.
struct ColumnMarks<'a, T> {
    x: &'a [T],
    columns: usize,
    /// The column of the first mask.
    first: usize,
    masks: &'a mut [u64],
}

impl<T: InputValue> WithSimd for ColumnMarks<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { x, columns, first, masks } = self;
        let mut bytes = vec![0u8; masks.len()];
        for (group, x) in x.chunks(8 * columns).enumerate() {
            bytes.fill(0);
            for (row, x) in x.chunks_exact(columns).enumerate() {
                for (byte, &value) in bytes.iter_mut().zip(&x[first..]) {
                    *byte |= u8::from(value != T::default()) << row;
                }
            }
            for (mask, &byte) in masks.iter_mut().zip(&bytes) {
                *mask |= u64::from(byte) << (8 * group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists as (list, entry, value), from the definition and from the steps.
    fn entries(steps: &[StepLists]) -> Vec<(usize, usize, f32)> {
        let mut found = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let mut values = step.values().iter();
            for (list, mask) in step.masks().iter().enumerate() {
                for i in (0..STEP).filter(|i| mask >> i & 1 == 1) {
                    let value = if step.are_spikes() { 1.0 } else { *values.next().expect("a value of every bit") };
                    found.push((list, number * STEP + i, value));
                }
            }
            assert!(values.next().is_none(), "a value without a bit");
        }
        found.sort_by_key(|&(list, entry, _)| (list, entry));
        found
    }

    #[test]
    fn rows_and_columns_list_what_is_not_zero_in_rising_order() {
        for (rows, columns) in [(1, 1), (3, 64), (70, 65), (130, 200), (9, 1100)] {
            let value = |i: usize| if i * 7 % 11 < 4 { (i % 5) as f32 - 2.0 } else { -0.0 };
            let x: Vec<f32> = (0..rows * columns).map(value).collect();
            let spikes: Vec<u8> = x.iter().map(|&x| u8::from(x != 0.0)).collect();
            let range = 0..rows.min(5);
            let expected = |lists: Range<usize>, depth: usize, at: &dyn Fn(usize, usize) -> f32| {
                let all = lists.clone().flat_map(|list| (0..depth).map(move |i| (list, i)));
                let found = all.map(|(list, i)| (list - lists.start, i, at(list, i)));
                found.filter(|entry| entry.2 != 0.0).collect::<Vec<_>>()
            };
            let of_rows = expected(range.clone(), columns, &|row, i| x[row * columns + i]);
            assert_eq!(entries(&StepLists::of_rows(&x, columns, range.clone())), of_rows);
            let ones = |list: &[(usize, usize, f32)]| list.iter().map(|&(l, i, _)| (l, i, 1.0)).collect::<Vec<_>>();
            assert_eq!(entries(&StepLists::of_rows(&spikes, columns, range)), ones(&of_rows));

            let range = columns / 3..columns;
            let of_columns = expected(range.clone(), rows, &|column, i| x[i * columns + column]);
            assert_eq!(entries(&StepLists::of_columns(&x, columns, range.clone())), of_columns);
            assert_eq!(entries(&StepLists::of_columns(&spikes, columns, range)), ones(&of_columns));
        }
    }

    #[test]
    fn what_is_not_a_number_is_not_zero() {
        let steps = StepLists::of_rows(&[0.0, f32::NAN, 0.0, f32::INFINITY], 4, 0..1);
        assert_eq!((steps[0].masks(), steps[0].values().len()), (&[0b1010][..], 2));
    }
}
