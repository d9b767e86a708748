//! The launch of the cross-entropy kernel.

use crate::ops::channels_last::in_order;
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, THREADS};
use candle_core::{DType, Result, Tensor, bail};

/// The score and, where it is wanted, the gradient by the logits [B, K].
pub fn rows(
    gpu: &dyn Gpu,
    logits: &Tensor,
    labels: &Tensor,
    smoothing: f64,
    wanted: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    let (images, classes) = logits.dims2()?;
    if labels.elem_count() != images || labels.dtype() != DType::U32 {
        bail!("cross entropy: {images} rows of logits, {} labels of {:?}", labels.elem_count(), labels.dtype())
    }
    let (logits, labels) = (in_order(logits)?, in_order(labels)?);
    let gradient = wanted.then(|| gpu.alloc_uninit(logits.dims(), DType::F32)).transpose()?;
    let score = gpu.alloc_uninit(&[4], DType::F64)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&logits)?)
        .pointer(gpu.address(&labels)?)
        .i32(images)
        .i32(classes)
        .f64(smoothing)
        .pointer(gradient.as_ref().map_or(Ok(0), |gradient| gpu.address(gradient))?)
        .pointer(gpu.address(&score)?);
    gpu.launch("cross_entropy", LaunchConfig::block(THREADS).shared(size_of::<f64>()), arguments)?;
    Ok((score, gradient))
}
