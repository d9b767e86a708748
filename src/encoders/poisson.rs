//! Poisson rate coding.

use super::{Encoder, RandomKey};
use crate::ops::poisson::{self, Rate};
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Poisson coding: a pixel fires sign(x) where scale u <= |x|, with u uniform and fresh at every time-step, also in
/// evaluation. The equation stands in [`crate::ops::poisson`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PoissonConfig {
    /// The magnitude of a normalised pixel that fires at every time-step.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub scale: f64,
    /// Whether negative pixels fire negative spikes; without, they are silent.
    pub signed: bool,
}

impl Default for PoissonConfig {
    fn default() -> Self {
        Self { scale: 2.0, signed: true }
    }
}

impl Encoder for PoissonConfig {
    fn encode(&self, images: &Tensor, time_steps: usize, key: &RandomKey<'_>) -> Result<Tensor> {
        let rate = Rate { scale: self.scale, signed: self.signed };
        poisson::encode(images, time_steps, rate, &key.streams())
    }

    /// Straight through the draw: a pixel x has x / scale spikes a time-step in the mean, so that d S / d x is taken
    /// for 1 / scale at every step, also where |x| exceeds the scale and the mean no longer grows. Pixels that are
    /// silent for want of a sign have no gradient. Source: Sharmin et al. 2020 (arXiv 2003.10399), who attack
    /// rate-coded networks in this way.
    fn gradient(&self, images: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let grad = grad.sum(0)?.affine(1.0 / self.scale, 0.0)?;
        if self.signed { Ok(grad) } else { grad.mul(&images.gt(0.0)?.to_dtype(grad.dtype())?) }
    }

    fn is_random(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_gradient_goes_straight_through_every_time_step_but_not_to_silent_pixels() -> Result<()> {
        let images = Tensor::new(&[[0.5f32, -3.0]], &Device::Cpu)?;
        let grad = Tensor::new(&[[[1f32, 2.0]], [[3.0, -8.0]]], &Device::Cpu)?;
        let signed = PoissonConfig { scale: 2.0, signed: true };
        assert_eq!(signed.gradient(&images, &grad)?.to_vec2::<f32>()?, [[2.0, -3.0]]);
        let unsigned = PoissonConfig { scale: 4.0, signed: false };
        assert_eq!(unsigned.gradient(&images, &grad)?.to_vec2::<f32>()?, [[1.0, 0.0]]);
        Ok(())
    }
}
