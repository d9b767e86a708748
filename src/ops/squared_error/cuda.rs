//! The launch of the squared error's kernel.

use super::{OtherLoss, Target};
use crate::ops::channels_last::in_order;
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, THREADS};
use candle_core::{DType, Result, Tensor};

/// What [`super::with_other`] gives.
pub fn with_other(
    gpu: &dyn Gpu,
    values: &Tensor,
    target: Target<'_>,
    factor: f64,
    other: Option<&OtherLoss<'_>>,
    score: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let (rows, classes) = values.dims2()?;
    let values = in_order(values)?;
    let (labels, number) = match target {
        Target::Labels(labels) => (gpu.address(labels)?, 0.0),
        Target::Number(number) => (0, number),
    };
    let gradient = gpu.alloc_uninit(&[rows, classes], DType::F32)?;
    let out = gpu.alloc_uninit(&[4], DType::F64)?;
    let before = other.map(|other| in_order(other.gradient)).transpose()?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&values)?)
        .pointer(labels)
        .f64(number)
        .i32(rows)
        .i32(classes)
        .f64(factor / (rows * classes) as f64)
        .pointer(other.map_or(Ok(0), |other| gpu.address(other.score))?)
        .pointer(before.as_ref().map_or(Ok(0), |before| gpu.address(before))?)
        .f64(other.map_or(0.0, |other| other.share))
        .i32(other.map_or(1, |other| other.rows))
        .pointer(gpu.address(score)?)
        .pointer(gpu.address(&out)?)
        .pointer(gpu.address(&gradient)?);
    gpu.launch("squared_error", LaunchConfig::block(THREADS).shared(size_of::<f64>()), arguments)?;
    Ok((out, gradient))
}
