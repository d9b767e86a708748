//! Inputs that may be zero, and how many are not.

use super::simd::vectorized;
use rayon::prelude::*;

/// An input value that may be zero.
pub trait InputValue: Copy + Into<f32> + Sync + PartialEq + Default {
    /// Whether every value that is not zero is one.
    const SPIKES: bool;
}

impl InputValue for u8 {
    const SPIKES: bool = true;
}

impl InputValue for f32 {
    const SPIKES: bool = false;
}

/// Values that one task counts.
const CHUNK: usize = 64 * 1024;

/// The share of inputs that are not zero.
pub fn density<T: InputValue>(x: &[T]) -> f64 {
    let of_chunk = |x: &[T]| {
        vectorized(
            #[inline(always)]
            || x.iter().map(|&value| u32::from(value != T::default())).sum::<u32>(),
        )
    };
    let count: u64 = x.par_chunks(CHUNK).map(|x| u64::from(of_chunk(x))).sum();
    count as f64 / x.len().max(1) as f64
}
