//! The launch of the Poisson kernel.

use super::Rate;
use crate::ops::channels_last::{channels_first, channels_last_shape, in_order};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, StructLayout};
use crate::rng::{Stream, StreamKey};
use candle_core::{DType, Result, Tensor, bail};

/// Spikes [T, B, ...] of images [B, ...], whose streams differ in their index alone.
pub fn encode(gpu: &dyn Gpu, images: &Tensor, time_steps: usize, rate: Rate, streams: &[Stream]) -> Result<Tensor> {
    let images = in_order(images)?;
    let Some(StreamKey { key, epoch, purpose, .. }) = streams.first().map(Stream::parts) else {
        bail!("poisson: no images")
    };
    let indices: Vec<u32> = streams.iter().map(|stream| stream.parts().index).collect();
    let indices = Tensor::new(indices, gpu.device())?;
    let (batch, pixels) = (streams.len(), images.elem_count() / streams.len());
    let channels = if images.rank() > 3 { images.dim(images.rank() - 3)? } else { 1 };
    let spikes = gpu.alloc_uninit(&channels_last_shape(&[&[time_steps], images.dims()].concat()), DType::F32)?;
    let coding = [key[0], key[1], epoch, purpose].into_iter().fold(StructLayout::new(), StructLayout::u32);
    let coding = coding.f32(rate.scale as f32).i32(usize::from(rate.signed)).i32(time_steps).i32(batch);
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&images)?)
        .pointer(gpu.address(&indices)?)
        .structure(coding.i32(pixels).i32(channels))
        .pointer(gpu.address(&spikes)?);
    gpu.launch("poisson_f32", LaunchConfig::over((time_steps * pixels).div_ceil(4) * batch)?, arguments)?;
    channels_first(&spikes)
}
