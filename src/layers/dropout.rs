//! Dropout with one mask for all time-steps.

use super::plan::{PlanResult, SavedForBackward};
use super::{BuildContext, ForwardContext, Layer, LayerPlan, LayerSpec, Output, SavedTensors, SequenceSpec};
use crate::ops::{cast, dropout};
use crate::rng::{Purpose, Stream};
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Dropout, the equation of [`crate::ops::dropout`]: one mask an image and training step, the same at all time-steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropoutConfig {
    /// Share of features dropped in training.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub probability: f64,
}

impl LayerSpec for DropoutConfig {
    fn plan(&self, input: &SequenceSpec, _: &BuildContext) -> PlanResult {
        let output = input.currents(input.shape.clone());
        let output = SequenceSpec { constant: false, ..output };
        Ok(LayerPlan::free(input, output, SavedForBackward::Mask))
    }

    fn build(&self, plan: &LayerPlan, context: &BuildContext) -> Result<Box<dyn Layer>> {
        let features = plan.input.elements();
        Ok(Box::new(Dropout { probability: self.probability, features, index: context.index }))
    }
}

pub struct Dropout {
    probability: f64,
    features: usize,
    index: usize,
}

impl Layer for Dropout {
    fn forward(&mut self, x: Tensor, pass: &ForwardContext<'_>) -> Result<(Output, SavedTensors)> {
        let stream = |&image: &u32| Stream::new(pass.seed, Purpose::Dropout, self.index, pass.epoch, image as usize);
        let streams: Vec<Stream> = pass.indices.iter().map(stream).collect();
        let mask = dropout::mask(self.features, self.probability, &streams, x.device())?;
        Ok((dropout::apply(&x, &mask)?.into(), SavedTensors::new([mask])))
    }

    fn backward(&mut self, saved: SavedTensors, grad: Tensor, wanted: bool) -> Result<Option<Tensor>> {
        let [mask] = saved.take()?;
        wanted.then(|| dropout::apply(&grad, &mask)).transpose()
    }

    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        Ok(cast::currents(x)?.into())
    }

    fn evaluate_saving(&self, x: Tensor) -> Result<(Output, SavedTensors)> {
        Ok((self.evaluate(&x)?, SavedTensors::nothing()))
    }

    fn input_gradient(&self, _: SavedTensors, grad: Tensor) -> Result<Tensor> {
        Ok(grad)
    }
}
