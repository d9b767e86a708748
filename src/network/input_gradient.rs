//! The gradient of the loss by the images, for attacks.

use super::Network;
use crate::encoders::RandomKey;
use crate::error::Result;
use crate::ops::cross_entropy::score_and_gradient;
use candle_core::Tensor;

impl Network {
    /// The gradient [B, C, H, W] of the mean cross-entropy of `labels` [B] by the normalised `images` [B, C, H, W],
    /// weights and running statistics being constants: back through time as in training, with the neurons' surrogate
    /// gradient and a detached reset, and through the encoder as [`crate::encoders::EncoderConfig::gradient`] has it.
    pub fn input_gradient(&self, images: &Tensor, labels: &Tensor, draw: &RandomKey<'_>) -> Result<Tensor> {
        let mut x = self.encoder.encode(images, self.plan.time_steps, draw)?;
        let mut saved = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let (y, kept) = node.layer.evaluate_saving(x)?;
            saved.push(kept);
            x = y.sequence;
        }
        let (_, grad) = score_and_gradient(&x.mean(0)?, labels, 0.0)?;
        let mut grad = super::of_each_step(&grad, x.dim(0)?)?;
        for (node, saved) in self.nodes.iter().zip(saved).rev() {
            grad = node.layer.input_gradient(saved, grad)?;
        }
        Ok(self.encoder.gradient(images, &grad)?)
    }
}
