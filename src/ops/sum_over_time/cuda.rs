//! The launch of the sum's kernel.

use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, suffix, width};
use candle_core::{DType, Result, Tensor};

/// [1, ...] of `x` [T, ...].
pub fn sum_over_time(gpu: &dyn Gpu, x: &Tensor) -> Result<Tensor> {
    channels_first(&as_stored(gpu, &channels_last(x)?)?)
}

/// [1, ...] of `rows` [T, ...], contiguous, as it lies.
pub(in crate::ops) fn as_stored(gpu: &dyn Gpu, rows: &Tensor) -> Result<Tensor> {
    let (time_steps, mut shape) = (rows.dim(0)?, rows.dims().to_vec());
    shape[0] = 1;
    let total = gpu.alloc_uninit(&shape, rows.dtype())?;
    let (from, to, neurons, dtype) = (gpu.address(rows)?, gpu.address(&total)?, total.elem_count(), rows.dtype());
    let n = width(if dtype == DType::BF16 { 8 } else { 4 }, &[neurons], &[(from, dtype), (to, dtype)]);
    let arguments = KernelArguments::new().pointer(from).i64(neurons).i32(time_steps).pointer(to);
    gpu.launch(&format!("sum_over_time_{}_x{n}", suffix(dtype)?), LaunchConfig::over(neurons / n)?, arguments)?;
    Ok(total)
}
