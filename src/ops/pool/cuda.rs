//! Launches of the pooling kernels.

use super::Planes;
use crate::ops::channels_last::{channels_first, channels_last, channels_last_shape};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, StructLayout, suffix, width};
use candle_core::{DType, Result, Tensor};

/// `Planes` of pool.cu.
fn structure(p: &Planes) -> StructLayout {
    let sizes = [p.channels, p.height, p.width, p.window.0, p.window.1];
    sizes.into_iter().fold(StructLayout::new().i64(p.count), StructLayout::i32)
}

/// How many neighbouring channels a thread takes.
fn neighbours(gpu: &dyn Gpu, from: &Tensor, to: &Tensor, p: &Planes) -> Result<usize> {
    let addresses = [(gpu.address(from)?, from.dtype()), (gpu.address(to)?, to.dtype())];
    Ok(width(if from.dtype() == DType::BF16 { 8 } else { 4 }, &[p.channels], &addresses))
}

/// Means, `f32` of bytes and otherwise of X's type.
pub fn average(gpu: &dyn Gpu, x: &Tensor, planes: &Planes) -> Result<Tensor> {
    let shape = channels_last_shape(&planes.pooled_shape(x));
    let x = channels_last(x)?;
    let y = gpu.alloc_uninit(&shape, if x.dtype() == DType::U8 { DType::F32 } else { x.dtype() })?;
    let n = neighbours(gpu, &x, &y, planes)?;
    let arguments =
        KernelArguments::new().pointer(gpu.address(&x)?).structure(structure(planes)).pointer(gpu.address(&y)?);
    gpu.launch(
        &format!("average_pool_{}_x{n}", suffix(x.dtype())?),
        LaunchConfig::over(y.elem_count() / n)?,
        arguments,
    )?;
    channels_first(&y)
}

/// The input's gradient, of shape `input`.
pub fn average_gradient(gpu: &dyn Gpu, grad: &Tensor, input: &[usize], planes: &Planes) -> Result<Tensor> {
    let grad = channels_last(grad)?;
    let dx = cleared(gpu, input, planes, grad.dtype(), false)?;
    let n = neighbours(gpu, &grad, &dx, planes)?;
    let arguments =
        KernelArguments::new().pointer(gpu.address(&grad)?).structure(structure(planes)).pointer(gpu.address(&dx)?);
    let kernel = format!("average_pool_gradient_{}_x{n}", suffix(grad.dtype())?);
    gpu.launch(&kernel, LaunchConfig::over(grad.elem_count() / n)?, arguments)?;
    channels_first(&dx)
}

/// Largest values and their places in the windows.
pub fn max(gpu: &dyn Gpu, x: &Tensor, planes: &Planes) -> Result<(Tensor, Tensor)> {
    let shape = channels_last_shape(&planes.pooled_shape(x));
    let x = channels_last(x)?;
    let (y, places) = (gpu.alloc_uninit(&shape, x.dtype())?, gpu.alloc_uninit(&shape, DType::U8)?);
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&x)?)
        .structure(structure(planes))
        .pointer(gpu.address(&y)?)
        .pointer(gpu.address(&places)?);
    gpu.launch(&format!("max_pool_{}", suffix(x.dtype())?), LaunchConfig::over(y.elem_count())?, arguments)?;
    Ok((channels_first(&y)?, channels_first(&places)?))
}

/// The input's gradient, of shape `input`.
pub fn max_gradient(gpu: &dyn Gpu, grad: &Tensor, places: &Tensor, input: &[usize], planes: &Planes) -> Result<Tensor> {
    let (grad, places) = (channels_last(grad)?, channels_last(places)?);
    let dx = cleared(gpu, input, planes, grad.dtype(), true)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&grad)?)
        .pointer(gpu.address(&places)?)
        .structure(structure(planes))
        .pointer(gpu.address(&dx)?);
    gpu.launch(
        &format!("max_pool_gradient_{}", suffix(grad.dtype())?),
        LaunchConfig::over(grad.elem_count())?,
        arguments,
    )?;
    channels_first(&dx)
}

/// Room for an input's gradient: zeros where the kernel does not write every element.
fn cleared(gpu: &dyn Gpu, input: &[usize], planes: &Planes, dtype: DType, always: bool) -> Result<Tensor> {
    let (height, width) = planes.pooled();
    let whole = height * planes.window.0 == planes.height && width * planes.window.1 == planes.width;
    let shape = channels_last_shape(input);
    if whole && !always { gpu.alloc_uninit(&shape, dtype) } else { gpu.zeros(&shape, dtype) }
}
