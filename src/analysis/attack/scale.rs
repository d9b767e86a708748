//! Pixels in 0..1, which are attacked, to the normalised values that networks take, and back.

use crate::data::DataConfig;
use crate::error::Result;
use candle_core::{Device, Tensor};

/// A mean and a standard deviation for each channel, [1, C, 1, 1].
pub struct Scale {
    mean: Tensor,
    std: Tensor,
}

impl Scale {
    pub fn new(data: &DataConfig, channels: usize, device: &Device) -> Result<Self> {
        let (mean, std) = match &data.normalize {
            Some(normalize) => (normalize.mean.clone(), normalize.std.clone()),
            None => (vec![0.0; channels], vec![1.0; channels]),
        };
        let each = |values: Vec<f64>| {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Tensor::from_vec(values, (1, channels, 1, 1), device)
        };
        Ok(Self { mean: each(mean)?, std: each(std)? })
    }

    /// (pixel - mean) / std of [B, C, H, W].
    pub fn normalize(&self, pixels: &Tensor) -> Result<Tensor> {
        Ok(pixels.broadcast_sub(&self.mean)?.broadcast_div(&self.std)?)
    }

    /// The pixels of normalised images.
    pub fn pixels(&self, normal: &Tensor) -> Result<Tensor> {
        Ok(normal.broadcast_mul(&self.std)?.broadcast_add(&self.mean)?)
    }

    /// The gradient by the pixels, from that by the normalised images.
    pub fn by_pixel(&self, grad: &Tensor) -> Result<Tensor> {
        Ok(grad.broadcast_div(&self.std)?)
    }
}
