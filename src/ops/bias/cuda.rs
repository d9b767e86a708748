//! Launches of the bias kernels.

use crate::ops::batch_norm::Groups;
use crate::ops::batch_norm::rows::RowLaunch;
use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, suffix};
use candle_core::{DType, Result, Tensor};

/// `x` plus `bias`.
pub fn add(gpu: &dyn Gpu, x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let x = channels_last(x)?;
    let y = gpu.alloc_uninit(x.dims(), x.dtype())?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&x)?)
        .pointer(gpu.address(bias)?)
        .i64(y.elem_count())
        .i32(bias.elem_count())
        .pointer(gpu.address(&y)?);
    gpu.launch(&format!("bias_add_{}", suffix(y.dtype())?), LaunchConfig::over(y.elem_count())?, arguments)?;
    channels_first(&y)
}

/// The bias's gradient.
pub fn gradient(gpu: &dyn Gpu, grad: &Tensor, channels: usize) -> Result<Tensor> {
    let dy = channels_last(grad)?;
    let rows = RowLaunch::new(gpu, &[&dy], &Groups::whole(&dy, channels))?;
    let parts = rows.parts(gpu)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&dy)?)
        .structure(rows.structure.clone())
        .pointer(gpu.address(&parts)?);
    gpu.launch(&format!("bias_sums_{}_x{}", suffix(dy.dtype())?, rows.n), rows.grid, arguments)?;
    let gradient = gpu.alloc_uninit(&[channels], DType::F32)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&parts)?)
        .structure(rows.structure.clone())
        .pointer(gpu.address(&gradient)?);
    gpu.launch("bias_gradient", rows.join(), arguments)?;
    Ok(gradient)
}
