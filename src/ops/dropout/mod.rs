//! Dropout with one mask for all time-steps.
//!
//! Each feature of each image is kept with probability 1 - p; M is 1 / (1 - p) where kept and 0 elsewhere, and Y[t, b,
//! f] = M[b, f] X[t, b, f], dX = M dY. The same M serves every time-step, so that a neuron is absent for a whole
//! sequence rather than flickering. Source: Lee et al. 2020 (arXiv 1903.06379), section 3.4; Srivastava et al. 2014 for
//! the scaling.

pub mod cuda;

use super::channels_last::{channels_last, from_channels_last};
use super::gpu;
use super::values::{SequenceValues, input, values};
use crate::rng::Stream;
use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

/// The mask M [B, features] of images whose random streams are `streams`.
pub fn mask(features: usize, probability: f64, streams: &[Stream], device: &Device) -> Result<Tensor> {
    if !device.is_cpu() {
        return cuda::mask(&*gpu::for_device(device)?, features, probability, streams);
    }
    let (probability, kept) = (probability as f32, 1.0 / (1.0 - probability) as f32);
    let mask: Vec<f32> = streams
        .par_iter()
        .flat_map_iter(|stream| {
            (0..features as u64).map(move |f| if stream.uniform(f) < probability { 0.0 } else { kept })
        })
        .collect();
    Tensor::from_vec(mask, (streams.len(), features), device)
}

/// `x` [T, B, ...] times `mask` [B, features] at every time-step (`f32`).
pub fn apply(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let mask = channels_last(&mask.reshape(&x.dims()[1..])?.unsqueeze(0)?)?;
    match x.device() {
        Device::Cpu => {
            let (tensor, mask) = (channels_last(x)?, values::<f32>(&mask)?);
            let y = match input(&tensor)? {
                SequenceValues::Floats(x) => multiply(&x, &mask),
                SequenceValues::Spikes(x) => multiply(&x, &mask),
            };
            from_channels_last(y, x.dims(), x)
        }
        device => cuda::apply(&*gpu::for_device(device)?, x, &mask),
    }
}

fn multiply<T: Copy + Into<f32> + Sync>(x: &[T], mask: &[f32]) -> Vec<f32> {
    let mut y = vec![0f32; x.len()];
    y.par_chunks_mut(mask.len().max(1)).zip(x.par_chunks(mask.len().max(1))).for_each(|(y, x)| {
        for ((y, &x), m) in y.iter_mut().zip(x).zip(mask) {
            *y = x.into() * m;
        }
    });
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    #[test]
    fn a_mask_drops_the_asked_share_keeps_the_mean_and_serves_every_time_step() -> Result<()> {
        let streams: Vec<Stream> = (0..20).map(|i| Stream::new(5, Purpose::Dropout, 0, 0, i)).collect();
        let m = mask(500, 0.2, &streams, &Device::Cpu)?;
        let dropped = m.flatten_all()?.to_vec1::<f32>()?.iter().filter(|v| **v == 0.0).count();
        assert!((dropped as f64 / 10_000.0 - 0.2).abs() < 0.02, "{dropped} of 10,000");
        let ones = Tensor::ones((3, 20, 5, 10, 10), candle_core::DType::U8, &Device::Cpu)?;
        let y = apply(&ones, &m)?.reshape((3, 20, 500))?;
        for t in 0..3 {
            assert_eq!(y.get(t)?.to_vec2::<f32>()?, m.to_vec2::<f32>()?);
        }
        Ok(())
    }
}
