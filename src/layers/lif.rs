//! Leaky integrate-and-fire neurons.

use super::neurons::{LearnedNeurons, learned_numbers};
use super::plan::{PlanResult, SavedForBackward};
use super::{
    BuildContext, Layer, LayerConfig, LayerPlan, LayerSpec, Output, Parameter, SavedTensors, SequenceSizes,
    SequenceSpec, Traffic,
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
        let parameters = learned_numbers(self, input.channels());
        Ok(LayerPlan { parameters, ..LayerPlan::free(input, output, SavedForBackward::Input) })
    }

    fn build(&self, plan: &LayerPlan, context: &BuildContext) -> Result<Box<dyn Layer>> {
        let neurons = LearnedNeurons::new(self, plan.input.channels(), context.device)?;
        Ok(Box::new(Lif { neurons, storage: plan.output.storage(context.precision) }))
    }
}

/// The spikes of neurons with currents of `input`, before the layer `next`.
pub(super) fn spikes_of(input: &SequenceSpec, next: Option<&LayerConfig>) -> SequenceSpec {
    let multiplied = matches!(next, Some(LayerConfig::Conv(_)));
    SequenceSpec { spikes: true, multiplied, constant: false, ..input.clone() }
}

/// The equation of [`crate::ops::lif`]: currents [T, B, ...] to spikes [T, B, ...].
pub struct Lif {
    neurons: LearnedNeurons,
    storage: SpikeStorage,
}

impl Lif {
    fn backward_of(&mut self, saved: SavedTensors, grad: SpikeGradient<'_>, wanted: bool) -> Result<Option<Tensor>> {
        let ([x], neurons) = (saved.take()?, self.neurons.now()?);
        if !wanted && self.neurons.parameters().next().is_none() {
            return Ok(None);
        }
        let found = lif::gradients(&x, grad, &neurons)?;
        self.neurons.accumulate(found.learned, &neurons)?;
        Ok(wanted.then_some(found.currents))
    }
}

impl Layer for Lif {
    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        Ok(lif::forward(x, &self.neurons.now()?, self.storage)?.into())
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
        self.backward_of(saved, SpikeGradient::of_means(grad, window), wanted)
    }

    fn backward(&mut self, saved: SavedTensors, grad: Tensor, wanted: bool) -> Result<Option<Tensor>> {
        self.backward_of(saved, (&grad).into(), wanted)
    }

    fn input_gradient(&self, saved: SavedTensors, grad: Tensor) -> Result<Tensor> {
        let [x] = saved.take()?;
        Ok(lif::gradients(&x, &grad, &self.neurons.now()?)?.currents)
    }

    fn parameters(&self) -> Vec<&Parameter> {
        self.neurons.parameters().collect()
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        self.neurons.parameters_mut().collect()
    }
}
