//! The launch of the bias kernel; the gradient is a plain sum.

use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, suffix};
use candle_core::{DType, Result, Tensor};

/// `x` plus `bias`.
pub fn add(gpu: &dyn Gpu, x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let y = channels_last(x)?.copy()?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&y)?)
        .pointer(gpu.address(bias)?)
        .i64(y.elem_count())
        .i32(bias.elem_count());
    gpu.launch(&format!("bias_add_{}", suffix(y.dtype())?), LaunchConfig::over(y.elem_count())?, arguments)?;
    channels_first(&y)
}

/// The bias's gradient.
pub fn gradient(grad: &Tensor, channels: usize) -> Result<Tensor> {
    channels_last(grad)?.reshape(((), channels))?.to_dtype(DType::F32)?.sum(0)
}
