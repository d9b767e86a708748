//! The sum of a sequence over time: Y[0, ...] = sum over t of X[t, ...], in the order of time.
//!
//! X [T, ...], Y [1, ...], of one type; sums are in single precision.

pub mod cuda;

use super::gpu;
use candle_core::{Device, Result, Tensor};

/// [1, ...] of `x` [T, ...].
pub fn sum_over_time(x: &Tensor) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => x.sum_keepdim(0),
        device => cuda::sum_over_time(&*gpu::for_device(device)?, x),
    }
}
