//! Launches of the kernels of rectified linear units.

use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, suffix, width};
use candle_core::{DType, Result, Tensor};

/// Y, of X's type, and where X is above 0.
pub fn forward(gpu: &dyn Gpu, x: &Tensor) -> Result<(Tensor, Tensor)> {
    let x = channels_last(x)?;
    let (y, active) = (gpu.alloc_uninit(x.dims(), x.dtype())?, gpu.alloc_uninit(x.dims(), DType::U8)?);
    let addresses = [(gpu.address(&x)?, x.dtype()), (gpu.address(&y)?, y.dtype()), (gpu.address(&active)?, DType::U8)];
    let (n, elements) = (width(4, &[x.elem_count()], &addresses), x.elem_count());
    let [from, to, places] = addresses.map(|(address, _)| address);
    let arguments = KernelArguments::new().pointer(from).i64(elements).pointer(to).pointer(places);
    gpu.launch(&format!("relu_{}_x{n}", suffix(x.dtype())?), LaunchConfig::over(elements / n)?, arguments)?;
    Ok((channels_first(&y)?, channels_first(&active)?))
}

/// dX, of dY's type.
pub fn gradient(gpu: &dyn Gpu, grad: &Tensor, active: &Tensor) -> Result<Tensor> {
    let (dy, active) = (channels_last(grad)?, channels_last(active)?);
    let dx = gpu.alloc_uninit(dy.dims(), dy.dtype())?;
    let addresses =
        [(gpu.address(&dy)?, dy.dtype()), (gpu.address(&dx)?, dx.dtype()), (gpu.address(&active)?, DType::U8)];
    let (n, elements) = (width(4, &[dy.elem_count()], &addresses), dy.elem_count());
    let [from, to, places] = addresses.map(|(address, _)| address);
    let arguments = KernelArguments::new().pointer(from).pointer(places).i64(elements).pointer(to);
    gpu.launch(&format!("relu_back_{}_x{n}", suffix(dy.dtype())?), LaunchConfig::over(elements / n)?, arguments)?;
    channels_first(&dx)
}
