//! A split whose pixels lie on the GPU, as bytes: a batch is then a list of places, and no image crosses the bus.

use super::normalize::Normalizer;
use super::{DataConfig, Split, SplitValues};
use crate::error::Result;
use crate::ops::batch::{self, BatchSource, Crop};
use candle_core::{Device, Tensor};

/// The share of a device's free memory that a split may take: 1 / so much.
const SHARE: usize = 4;

/// A split on a device.
#[derive(Debug)]
pub struct DeviceDataset {
    /// [N, C, H, W] `u8`.
    pixels: Tensor,
    /// [N] `u32`.
    labels: Tensor,
    /// [C] each.
    mean: Tensor,
    std: Tensor,
}

impl DeviceDataset {
    /// `split` on `device`, or nothing where its batches are better made on the host: for the CPU, for sequences and
    /// floats, and where it would take more than a quarter of the memory that is free.
    pub fn upload(split: &Split, config: &DataConfig, device: &Device) -> Result<Option<Self>> {
        match (&split.items, crate::ops::device::memory(device)?) {
            (SplitValues::Bytes(pixels), Some((free, _))) if pixels.len() <= free / SHARE => {
                Self::new(split, config, device)
            }
            _ => Ok(None),
        }
    }

    /// `split` on `device`, the CPU too. Nothing for sequences and floats.
    pub fn new(split: &Split, config: &DataConfig, device: &Device) -> Result<Option<Self>> {
        let (SplitValues::Bytes(pixels), &[channels, height, width]) = (&split.items, &split.shape[..]) else {
            return Ok(None);
        };
        let normalizer = Normalizer::new(config.normalize.as_ref(), channels);
        let numbers = |of: fn(&super::normalize::Channel) -> f32| {
            let numbers: Vec<f32> = normalizer.channels().iter().map(of).collect();
            Tensor::new(numbers, device)
        };
        Ok(Some(Self {
            pixels: Tensor::from_slice(pixels, (split.len(), channels, height, width), device)?,
            labels: Tensor::new(split.labels.as_slice(), device)?,
            mean: numbers(|channel| channel.mean())?,
            std: numbers(|channel| channel.std())?,
        }))
    }

    /// Normalised images [B, C, H, W] and labels [B].
    pub(super) fn batch(&self, indices: &[u32], cuts: &[Crop]) -> Result<(Tensor, Tensor)> {
        let Self { pixels, labels, mean, std } = self;
        Ok(batch::gather(&BatchSource { pixels, labels, mean, std }, indices, cuts)?)
    }
}
