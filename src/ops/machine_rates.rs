//! What this machine's processor does at most: the limits that a step's time is compared with.

use super::product::tile::{PANEL, StridedMatrix, multiply_panel};
use super::scratch::Scratch;
use super::simd::arch;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Rows and depth of the product, whose operands stay in the first-level cache.
const SIZES: (usize, usize) = (64, 64);
/// Products of a thread between two looks at the clock.
const PRODUCTS: usize = 2000;
/// Floats that are copied: more than caches hold.
const FLOATS: usize = 16 * 1024 * 1024;
/// The best of so many counts: others may use the machine meanwhile.
const ATTEMPTS: usize = 5;

/// The best rates of all threads together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MachineRates {
    /// Additions and multiplications in 10^9 a second, in matrix products whose operands stay in the cache.
    pub gflops: f64,
    /// Bytes read and written in 10^9 a second, in copies between arrays larger than the cache.
    pub copied_gigabytes_per_second: f64,
}

/// Measures for a fraction of a second.
pub fn measure() -> MachineRates {
    let threads = rayon::current_num_threads();
    let (rows, depth) = SIZES;
    let operations = (threads * PRODUCTS * rows * depth * PANEL * 2) as f64;
    let mut buffers: Vec<_> = (0..threads)
        .map(|_| (Scratch::zeroed(rows * depth), Scratch::zeroed(depth * PANEL), Scratch::zeroed(rows * PANEL)))
        .collect();
    let multiply = || {
        buffers.par_iter_mut().for_each(|(a, b, c)| arch().dispatch(CachedProducts { a, b, c }));
    };
    let gflops = operations / fastest(multiply) / 1e9;

    let (from, mut to) = (vec![1f32; FLOATS], vec![0f32; FLOATS]);
    let size = FLOATS.div_ceil(threads);
    let copy = || to.par_chunks_mut(size).zip(from.par_chunks(size)).for_each(|(to, from)| to.copy_from_slice(from));
    let copied = (2 * FLOATS * size_of::<f32>()) as f64;
    MachineRates { gflops, copied_gigabytes_per_second: copied / fastest(copy) / 1e9 }
}

/// Seconds of the fastest attempt.
fn fastest(mut work: impl FnMut()) -> f64 {
    let attempt = |_| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64()
    };
    (0..ATTEMPTS).map(attempt).fold(f64::INFINITY, f64::min)
}

struct CachedProducts<'a> {
    a: &'a [f32],
    b: &'a [f32],
    c: &'a mut [f32],
}

impl WithSimd for CachedProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (rows, depth) = SIZES;
        for _ in 0..PRODUCTS {
            let a = StridedMatrix { data: self.a, row: depth, column: 1 };
            multiply_panel(simd, (rows, PANEL, depth), a, self.b, self.c, PANEL, false);
            std::hint::black_box(&mut *self.c);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn rates_are_numbers_above_zero() {
        let rates = super::measure();
        assert!(rates.gflops > 0.0 && rates.gflops.is_finite(), "{rates:?}");
        assert!(rates.copied_gigabytes_per_second > 0.0 && rates.copied_gigabytes_per_second.is_finite(), "{rates:?}");
    }
}
