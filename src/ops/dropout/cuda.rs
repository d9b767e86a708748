//! Launches of the dropout kernels.

use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, StructLayout, suffix};
use crate::rng::{Stream, StreamKey};
use candle_core::{DType, Result, Tensor, bail};

/// The mask [B, features].
pub fn mask(gpu: &dyn Gpu, features: usize, probability: f64, streams: &[Stream]) -> Result<Tensor> {
    let Some(StreamKey { key, epoch, purpose, .. }) = streams.first().map(Stream::parts) else {
        bail!("dropout: no images")
    };
    let indices: Vec<u32> = streams.iter().map(|stream| stream.parts().index).collect();
    let indices = Tensor::new(indices, gpu.device())?;
    let mask = gpu.alloc_uninit(&[streams.len(), features], DType::F32)?;
    let draw = [key[0], key[1], epoch, purpose].into_iter().fold(StructLayout::new(), StructLayout::u32);
    let draw = draw.f32(probability as f32).f32(1.0 / (1.0 - probability) as f32);
    // Features in their own order, which is that of a single pixel's channels.
    let draw = draw.i32(streams.len()).i32(1).i32(features);
    let arguments = KernelArguments::new().pointer(gpu.address(&indices)?).structure(draw).pointer(gpu.address(&mask)?);
    gpu.launch("dropout_mask", LaunchConfig::over(features.div_ceil(4) * streams.len())?, arguments)?;
    Ok(mask)
}

/// `x` [T, B, ...] times `mask`, which lies as one time-step does.
pub fn apply(gpu: &dyn Gpu, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let x = channels_last(x)?;
    let y = gpu.alloc_uninit(x.dims(), if x.dtype() == DType::U8 { DType::F32 } else { x.dtype() })?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&x)?)
        .pointer(gpu.address(mask)?)
        .i64(x.elem_count())
        .i64(mask.elem_count())
        .pointer(gpu.address(&y)?);
    gpu.launch(&format!("dropout_{}", suffix(x.dtype())?), LaunchConfig::over(x.elem_count())?, arguments)?;
    channels_first(&y)
}
