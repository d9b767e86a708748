//! Leaky integrate-and-fire neurons.

use super::plan::{PlanResult, SavedForBackward};
use super::{BuildContext, Layer, LayerPlan, LayerSpec, Output, SavedTensors, SequenceSpec};
pub use crate::ops::lif::LifConfig;
use crate::ops::lif::{self, SpikeGradient};
use crate::ops::pool::Window;
use candle_core::{Result, Tensor};

impl LayerSpec for LifConfig {
    fn plan(&self, input: &SequenceSpec, _: &BuildContext) -> PlanResult {
        if input.spikes {
            return Err(
                "integrates currents, but the layer before gives spikes: put a conv or linear between two lif".into()
            );
        }
        let output = SequenceSpec { spikes: true, constant: false, ..input.clone() };
        Ok(LayerPlan::free(input, output, SavedForBackward::Input))
    }

    fn build(&self, _: &LayerPlan, _: &BuildContext) -> Result<Box<dyn Layer>> {
        Ok(Box::new(Lif { config: self.clone() }))
    }
}

/// The equation of [`crate::ops::lif`]: currents [T, B, ...] to spikes [T, B, ...].
pub struct Lif {
    config: LifConfig,
}

impl Layer for Lif {
    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        Ok(lif::forward(x, &self.config)?.into())
    }

    fn evaluate_saving(&self, x: Tensor) -> Result<(Output, SavedTensors)> {
        Ok((self.evaluate(&x)?, SavedTensors::new([x])))
    }

    fn reads_means(&self) -> bool {
        true
    }

    fn backward_of_means(
        &mut self,
        saved: SavedTensors,
        grad: &Tensor,
        window: Window,
        wanted: bool,
    ) -> Result<Option<Tensor>> {
        let [x] = saved.take()?;
        wanted.then(|| lif::gradient(&x, SpikeGradient::of_means(grad, window), &self.config)).transpose()
    }

    fn input_gradient(&self, saved: SavedTensors, grad: Tensor) -> Result<Tensor> {
        let [x] = saved.take()?;
        lif::gradient(&x, &grad, &self.config)
    }
}
