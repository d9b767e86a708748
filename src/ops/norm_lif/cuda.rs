//! Launches of batch norm and LIF as one.

use crate::ops::batch_norm::cuda::{gradients_with, scale_shift};
use crate::ops::batch_norm::{Gradients, Groups, Normalization};
use crate::ops::gpu::Gpu;
use crate::ops::lif::cuda::{forward_with, gradient_with};
use crate::ops::lif::{LifConfig, SpikeOutput};
use crate::ops::sequence::ChannelsLast;
use candle_core::{Result, Tensor};

/// Spikes of the normalised `x`.
pub fn forward(gpu: &dyn Gpu, x: &Tensor, norm: &Normalization, lif: &LifConfig, g: &Groups) -> Result<SpikeOutput> {
    forward_with(gpu, &ChannelsLast::new(x)?, lif, Some(&scale_shift(gpu, norm, g)?))
}

/// All gradients: back through the neurons, then through the norm, in place.
pub fn gradients(
    gpu: &dyn Gpu,
    x: &Tensor,
    grad: &Tensor,
    norm: &Normalization,
    lif: &LifConfig,
    g: &Groups,
) -> Result<Gradients> {
    let stored = ChannelsLast::new(x)?;
    let dy = gradient_with(gpu, &stored, grad, lif, Some(&scale_shift(gpu, norm, g)?))?;
    gradients_with(gpu, &stored, dy, norm, g)
}
