//! A penalty on firing rates, part of the training loss.

use candle_core::{DType, Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// penalty times the sum over LIF layers of max(0, r - above), added to the training loss, where r is how often the
/// layer's neurons fire in a batch: spikes per neuron and time-step. The loss that is reported is without it.
///
/// Gradient: of every spike of a layer with r > above it is penalty / (T B N), N being the layer's neurons; the spike's
/// own derivative is the surrogate's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FiringRateConfig {
    /// Weight of the penalty; 0 is none.
    #[schemars(range(min = 0.0))]
    pub penalty: f64,
    /// Firing rate up to which nothing is paid.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub above: f64,
}

impl FiringRateConfig {
    /// What the penalty adds to the gradient of every one of `spikes`, of which `fired`, `[1]`, are 1: `[1]` `f32`, on
    /// their device.
    pub fn spike_gradient(&self, fired: &Tensor, spikes: &Tensor) -> Result<Tensor> {
        let count = spikes.elem_count().max(1) as f64;
        let rate = (fired.to_dtype(DType::F32)? / count)?;
        rate.gt(self.above)?.to_dtype(DType::F32)? * (self.penalty / count)
    }
}

/// The gradient of spikes, or of their means over windows of so many, with the same added to that of every spike.
pub fn added(grad: &Tensor, spike_gradient: &Tensor, window: usize) -> Result<Tensor> {
    grad.broadcast_add(&(spike_gradient * window as f64)?.to_dtype(grad.dtype())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn spikes_of_layers_that_fire_more_often_than_allowed_have_a_gradient() -> Result<()> {
        let spikes = Tensor::new(&[1u8, 0, 1, 1, 0, 0, 0, 0], &Device::Cpu)?.reshape((2, 2, 2))?;
        let fired = Tensor::new(&[3i64], &Device::Cpu)?;
        for (above, expected) in [(0.0, 0.1), (0.37, 0.1), (0.375, 0.0), (0.5, 0.0)] {
            let penalty = FiringRateConfig { penalty: 0.8, above };
            let found = penalty.spike_gradient(&fired, &spikes)?.to_vec1::<f32>()?;
            assert!((found[0] - expected).abs() < 1e-7, "above {above}: {found:?}");
        }
        // A mean over 4 is spread over 4, of which each gets 0.1 more.
        let grad = Tensor::new(&[[2f32, -1.0]], &Device::Cpu)?;
        let added = added(&grad, &Tensor::new(&[0.1f32], &Device::Cpu)?, 4)?;
        assert_eq!(added.to_vec2::<f32>()?, [[2.4, -0.6]]);
        Ok(())
    }
}
