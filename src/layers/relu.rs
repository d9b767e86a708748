//! Rectified linear units: the neurons of artificial networks.

use super::plan::{PlanResult, SavedForBackward};
use super::{BuildContext, Layer, LayerPlan, LayerSpec, Output, SavedTensors, SequenceSizes, SequenceSpec, Traffic};
use crate::ops::relu;
use crate::ops::sequence::{once, repeat};
use crate::ops::sum_over_time::sum_over_time;
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Y = max(X, 0), the equation of [`crate::ops::relu`]: what `lif` stands for where `network.neuron` is "relu".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReluConfig {}

/// What "lif" stands for in a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NeuronChoice {
    /// Leaky integrate-and-fire neurons.
    #[default]
    Lif,
    /// Rectified linear units: the network's twin without spikes.
    Relu,
}

impl LayerSpec for ReluConfig {
    fn plan(&self, input: &SequenceSpec, _: &BuildContext) -> PlanResult {
        if input.spikes {
            return Err(
                "rectifies currents, but the layer before gives spikes, which are never below 0: leave it out".into()
            );
        }
        Ok(LayerPlan::free(input, input.currents(input.shape.clone()), SavedForBackward::OutputPlaces))
    }

    fn build(&self, _: &LayerPlan, _: &BuildContext) -> Result<Box<dyn Layer>> {
        Ok(Box::new(Relu))
    }

    /// A byte an element is written besides, and read on the way back.
    fn traffic(&self, sizes: &SequenceSizes<'_>, _: Option<&SequenceSpec>) -> Traffic {
        let (moved, places) = (sizes.once_each_way(), sizes.bytes_of_output());
        let backward = if sizes.wanted { moved.backward.saturating_add(places) } else { 0 };
        Traffic { forward: moved.forward.saturating_add(places), backward, ..moved }
    }
}

/// A [`ReluConfig`] at work.
pub struct Relu;

impl Layer for Relu {
    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        Ok(self.evaluate_saving(x.clone())?.0)
    }

    fn evaluate_saving(&self, x: Tensor) -> Result<(Output, SavedTensors)> {
        let (y, active) = match once(&x)? {
            Some(step) => {
                let (y, active) = relu::forward(&step)?;
                (repeat(&y, x.dim(0)?)?, active)
            }
            None => relu::forward(&x)?,
        };
        Ok((y.into(), SavedTensors::new([active])))
    }

    fn input_gradient(&self, saved: SavedTensors, grad: Tensor) -> Result<Tensor> {
        let [active] = saved.take()?;
        // Of an input that was constant in time there is one step.
        let grad = if active.dim(0)? < grad.dim(0)? { sum_over_time(&grad)? } else { grad };
        relu::gradient(&grad, &active)
    }
}
