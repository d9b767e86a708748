//! Leaky integrate-and-fire neurons.

use super::plan::{PlanResult, SavedForBackward};
use super::{
    BuildContext, Layer, LayerConfig, LayerPlan, LayerSpec, Output, SavedTensors, SequenceSizes, SequenceSpec, Traffic,
};
pub use crate::ops::lif::LifConfig;
use crate::ops::lif::{self, SpikeGradient, SpikeStorage};
use crate::ops::pool::Window;
use candle_core::{Result, Tensor};

impl LayerSpec for LifConfig {
    fn traffic(&self, sizes: &SequenceSizes<'_>, _: Option<&SequenceSpec>) -> Traffic {
        sizes.neurons()
    }

    fn plan(&self, input: &SequenceSpec, context: &BuildContext) -> PlanResult {
        if input.spikes {
            return Err(
                "integrates currents, but the layer before gives spikes: put a conv or linear between two lif".into()
            );
        }
        let output = spikes_of(input, context.following.first());
        Ok(LayerPlan::free(input, output, SavedForBackward::Input))
    }

    fn build(&self, plan: &LayerPlan, context: &BuildContext) -> Result<Box<dyn Layer>> {
        Ok(Box::new(Lif { config: self.clone(), storage: plan.output.storage(context.precision) }))
    }
}

/// The spikes of neurons with currents of `input`, before the layer `next`.
pub(super) fn spikes_of(input: &SequenceSpec, next: Option<&LayerConfig>) -> SequenceSpec {
    let multiplied = matches!(next, Some(LayerConfig::Conv(_)));
    SequenceSpec { spikes: true, multiplied, constant: false, ..input.clone() }
}

/// The equation of [`crate::ops::lif`]: currents [T, B, ...] to spikes [T, B, ...].
pub struct Lif {
    config: LifConfig,
    storage: SpikeStorage,
}

impl Layer for Lif {
    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        Ok(lif::forward(x, &self.config, self.storage)?.into())
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
