//! Launches of the flatten kernels.

use crate::ops::channels_last::{channels_first, channels_last, channels_last_shape, in_order};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, suffix};
use candle_core::{Result, Tensor};

/// `x` [..., C, H, W] as `shape` [..., C H W]; `channels` is C.
pub fn forward(gpu: &dyn Gpu, x: &Tensor, shape: &[usize], channels: usize, pixels: usize) -> Result<Tensor> {
    let x = channels_last(x)?;
    let y = gpu.alloc_uninit(shape, x.dtype())?;
    launch(gpu, "flatten", &x, &y, channels, pixels)?;
    Ok(y)
}

/// `grad` [..., C H W] as `shape` [..., C, H, W].
pub fn gradient(gpu: &dyn Gpu, grad: &Tensor, shape: &[usize], channels: usize, pixels: usize) -> Result<Tensor> {
    let grad = in_order(grad)?;
    let dx = gpu.alloc_uninit(&channels_last_shape(shape), grad.dtype())?;
    launch(gpu, "unflatten", &grad, &dx, channels, pixels)?;
    channels_first(&dx)
}

fn launch(gpu: &dyn Gpu, kernel: &str, from: &Tensor, to: &Tensor, channels: usize, pixels: usize) -> Result<()> {
    let arguments = KernelArguments::new()
        .pointer(gpu.address(from)?)
        .i32(pixels)
        .i32(channels)
        .i64(from.elem_count())
        .pointer(gpu.address(to)?);
    gpu.launch(&format!("{kernel}_{}", suffix(from.dtype())?), LaunchConfig::over(from.elem_count())?, arguments)
}
