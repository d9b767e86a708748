//! The launches of the batch's kernels.

use super::{BatchSource, Crop, Hole};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, StructLayout};
use candle_core::{DType, Result, Tensor};

pub fn gather(gpu: &dyn Gpu, source: &BatchSource<'_>, indices: &[u32], cuts: &[Crop]) -> Result<(Tensor, Tensor)> {
    let (_, channels, height, width) = source.pixels.dims4()?;
    let batch = indices.len();
    let numbers = |cut: &Crop| {
        let Hole { top, left, bottom, right } = cut.hole;
        let [top, left, bottom, right] = [top, left, bottom, right].map(|side| side as i32);
        [cut.down, cut.right, i32::from(cut.flip), top, left, bottom, right]
    };
    let changes: Vec<i32> = cuts.iter().flat_map(numbers).collect();
    let (indices, changes) = (Tensor::new(indices, gpu.device())?, Tensor::new(changes, gpu.device())?);
    let images = gpu.alloc_uninit(&[batch, channels, height, width], DType::F32)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(source.pixels)?)
        .pointer(gpu.address(&indices)?)
        .pointer(gpu.address(&changes)?)
        .pointer(gpu.address(source.mean)?)
        .pointer(gpu.address(source.std)?)
        .structure(StructLayout::new().i32(channels).i32(height).i32(width).i32(batch))
        .pointer(gpu.address(&images)?);
    gpu.launch("batch", LaunchConfig::over(images.elem_count())?, arguments)?;
    let labels = gpu.alloc_uninit(&[batch], DType::U32)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(source.labels)?)
        .pointer(gpu.address(&indices)?)
        .i32(batch)
        .pointer(gpu.address(&labels)?);
    gpu.launch("batch_labels", LaunchConfig::over(batch)?, arguments)?;
    Ok((images, labels))
}
