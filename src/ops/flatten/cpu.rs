//! Transposition of every item of a batch on the CPU, items divided among threads.

use crate::ops::uninit::UninitBuffer;
use candle_core::WithDType;
use rayon::prelude::*;

/// [items, rows, columns] to [items, columns, rows].
pub fn transposed<T: WithDType + Send + Sync>(x: &[T], rows: usize, columns: usize) -> Vec<T> {
    let mut y = UninitBuffer::new(x.len());
    y.parts(rows * columns).into_par_iter().zip(x.par_chunks((rows * columns).max(1))).for_each(|(y, x)| {
        for (column, y) in y.zero().chunks_exact_mut(rows).enumerate() {
            y.iter_mut().zip(x[column..].iter().step_by(columns)).for_each(|(y, x)| *y = *x);
        }
    });
    y.done()
}
