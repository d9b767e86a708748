//! Launches of the kernels that join.

use super::Join;
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, suffix};
use candle_core::{DType, Result, Tensor, bail};

/// The number of a join in the kernels.
fn number(join: Join) -> usize {
    match join {
        Join::Add => 0,
        Join::And => 1,
        Join::Iand => 2,
    }
}

/// Both sides of a join that gives so many elements, as the kernels take them.
fn with_sides(
    arguments: KernelArguments,
    gpu: &dyn Gpu,
    [a, b]: [&Tensor; 2],
    elements: usize,
    join: Join,
) -> Result<KernelArguments> {
    Ok(arguments
        .pointer(gpu.address(a)?)
        .i64(a.elem_count())
        .pointer(gpu.address(b)?)
        .i64(b.elem_count())
        .i64(elements)
        .i32(number(join)))
}

/// Of contiguous `a` and `b`, which lie alike; one of them may have a single time-step.
pub fn forward(gpu: &dyn Gpu, a: &Tensor, b: &Tensor, join: Join, dtype: DType) -> Result<Tensor> {
    let longer = if a.elem_count() < b.elem_count() { b } else { a };
    let (y, elements) = (gpu.alloc_uninit(longer.dims(), dtype)?, longer.elem_count());
    let arguments = with_sides(KernelArguments::new(), gpu, [a, b], elements, join)?.pointer(gpu.address(&y)?);
    let kernel = format!("join_{}_{}_{}", suffix(a.dtype())?, suffix(b.dtype())?, suffix(dtype)?);
    gpu.launch(&kernel, LaunchConfig::over(elements)?, arguments)?;
    Ok(y)
}

/// The gradients of both by "and" or "iand", which lie as `dy` does.
pub fn gradients(gpu: &dyn Gpu, dy: &Tensor, a: &Tensor, b: &Tensor, join: Join) -> Result<(Tensor, Tensor)> {
    if dy.dtype() == DType::U8 {
        bail!("join: a gradient is no spikes")
    }
    let (da, db) = (gpu.alloc_uninit(dy.dims(), dy.dtype())?, gpu.alloc_uninit(dy.dims(), dy.dtype())?);
    let elements = dy.elem_count();
    let arguments = KernelArguments::new().pointer(gpu.address(dy)?);
    let arguments =
        with_sides(arguments, gpu, [a, b], elements, join)?.pointer(gpu.address(&da)?).pointer(gpu.address(&db)?);
    let kernel = format!("join_back_{}_{}_{}", suffix(a.dtype())?, suffix(b.dtype())?, suffix(dy.dtype())?);
    gpu.launch(&kernel, LaunchConfig::over(elements)?, arguments)?;
    Ok((da, db))
}
