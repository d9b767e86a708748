//! The gradient that comes back to spikes.

use crate::ops::pool::{self, Window};
use candle_core::{Result, Tensor};

/// The gradient of spikes [T, B, C, H, W] (or [T, B, F]): of every spike, or that of the means over windows of them, on
/// which alone the loss depends. The means' is spread evenly over every window.
#[derive(Debug, Clone, Copy)]
pub struct SpikeGradient<'a> {
    pub(super) tensor: &'a Tensor,
    /// 1 x 1: of every spike.
    pub(super) window: Window,
}

impl<'a> From<&'a Tensor> for SpikeGradient<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self { tensor, window: (1, 1) }
    }
}

impl<'a> SpikeGradient<'a> {
    /// Of the means over windows that divide the images of the spikes without rest.
    pub fn of_means(tensor: &'a Tensor, window: Window) -> Self {
        Self { tensor, window }
    }

    /// The gradient of every spike; the spikes lie as `spikes` does.
    pub(in crate::ops) fn whole(&self, spikes: &Tensor) -> Result<Tensor> {
        match self.window {
            (1, 1) => Ok(self.tensor.clone()),
            window => pool::average_gradient(self.tensor, spikes.dims(), window),
        }
    }
}
