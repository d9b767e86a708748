//! Images to vectors.

use super::plan::{PlanResult, SavedForBackward};
use super::{BuildContext, Layer, LayerPlan, LayerSpec, Output, SavedTensors, SequenceSpec, map_sequence};
use crate::ops::flatten;
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// [T, B, C, H, W] to [T, B, C H W], in the order of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlattenConfig {}

impl LayerSpec for FlattenConfig {
    fn plan(&self, input: &SequenceSpec, _: &BuildContext) -> PlanResult {
        let output = SequenceSpec { shape: vec![input.elements()], ..input.clone() };
        Ok(LayerPlan::free(input, output, SavedForBackward::Nothing))
    }

    fn build(&self, plan: &LayerPlan, _: &BuildContext) -> Result<Box<dyn Layer>> {
        Ok(Box::new(Flatten { image: plan.input.shape.clone() }))
    }
}

pub struct Flatten {
    /// [C, H, W], for the way back.
    pub image: Vec<usize>,
}

impl Layer for Flatten {
    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        map_sequence(x, flatten::forward)
    }

    fn evaluate_saving(&self, x: Tensor) -> Result<(Output, SavedTensors)> {
        Ok((self.evaluate(&x)?, SavedTensors::nothing()))
    }

    fn input_gradient(&self, _: SavedTensors, grad: Tensor) -> Result<Tensor> {
        let shape: Vec<usize> = grad.dims().iter().take(2).chain(&self.image).copied().collect();
        flatten::gradient(&grad, &shape)
    }
}
