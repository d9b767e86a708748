//! Poisson coding: at every time-step a pixel fires with a probability in proportion to its magnitude.
//!
//! With x a normalised pixel, u uniform in [0, 1) and drawn afresh for every pixel and time-step, and scale a: S =
//! sign(x) where a u <= |x|, else 0; without sign, S = 1 where a u <= x, else 0. Images [B, ...] give [T, B, ...]
//! (`f32`). Source: the code of Kim & Panda 2021 and Kim et al. 2022 (signed, a = 2). The draw has no gradient.
//!
//! Number t * P + p of an image's own random stream decides pixel p (of P) at time-step t: spikes depend on the seed,
//! the epoch and the image, not on the batch, the threads or the device.

mod cpu;
pub mod cuda;

use super::channels_last::from_channels_last;
use super::gpu;
use super::values::values;
use crate::rng::Stream;
use candle_core::{Device, Result, Tensor};

/// How pixels become probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The magnitude that fires at every time-step.
    pub scale: f64,
    /// Whether negative pixels fire negative spikes.
    pub signed: bool,
}

/// Spikes [T, B, ...] of `images` [B, ...]; `streams` has one random stream an image.
pub fn encode(images: &Tensor, time_steps: usize, rate: Rate, streams: &[Stream]) -> Result<Tensor> {
    if images.dim(0)? != streams.len() {
        candle_core::bail!("poisson: {} images, {} random streams", images.dim(0)?, streams.len())
    }
    match images.device() {
        Device::Cpu => {
            let channels = if images.rank() > 3 { images.dim(images.rank() - 3)? } else { 1 };
            let spikes = cpu::encode(&values(&images.contiguous()?)?, time_steps, rate, streams, channels);
            from_channels_last(spikes, &[&[time_steps], images.dims()].concat(), images)
        }
        device => cuda::encode(&*gpu::for_device(device)?, images, time_steps, rate, streams),
    }
}
