//! The gradient of the loss by the images, for attacks.

use super::Network;
use crate::encoders::RandomKey;
use crate::error::Result;
use crate::ops::loss::{LossConfig, score_and_gradient};
use candle_core::Tensor;

impl Network {
    /// The gradient [B, C, H, W] of the mean cross-entropy of `labels` `[B]` by the normalised `images` [B, C, H, W],
    /// weights and running statistics being constants: back through time as in training, with the neurons' surrogate
    /// gradient and a detached reset, and through the encoder as [`crate::encoders::Encoder::gradient`] has it.
    pub fn input_gradient(&self, images: &Tensor, labels: &Tensor, draw: &RandomKey<'_>) -> Result<Tensor> {
        let x = self.encoder.spec().encode(images, self.plan.time_steps, draw)?;
        let (x, saved) = self.layers.evaluate_saving(x)?;
        let read = self.readout.counted(&self.readout.steps(&x)?)?;
        let (_, grad) = score_and_gradient(&read, labels, &LossConfig::CrossEntropy, 0.0)?;
        let grad = self.readout.gradient(grad, self.plan.time_steps)?;
        let grad = self.layers.input_gradient(saved, grad)?;
        Ok(self.encoder.spec().gradient(images, &grad)?)
    }
}
