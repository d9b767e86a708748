//! The same weight matrix applied at every time-step.

use super::plan::{PlanResult, SavedForBackward, numbers};
use super::{
    BuildContext, InitConfig, Layer, LayerPlan, LayerSpec, Output, Parameter, Placement, SavedTensors, SequenceSizes,
    SequenceSpec, Traffic, map_sequence,
};
use crate::ops::linear::LinearAlgorithm;
use crate::ops::sequence::per_input;
use crate::ops::{Precision, bias, linear};
use candle_core::{DType, Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A linear layer, Y = X W^T (+ b).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearConfig {
    /// Output features, or "classes" for as many as the data set has.
    pub features: Features,
    /// Whether a learned number is added to every feature.
    #[serde(default)]
    pub bias: bool,
    /// Initial weights; those of `network.init` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<InitConfig>,
}

/// A number of features, or the word "classes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Features {
    Count(#[schemars(range(min = 1))] usize),
    Classes(Classes),
}

/// The word that stands for the data set's number of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Classes {
    Classes,
}

impl LayerSpec for LinearConfig {
    fn plan(&self, input: &SequenceSpec, context: &BuildContext) -> PlanResult {
        let &[features] = input.shape.as_slice() else {
            let found = input.describe();
            return Err(format!(
                "expects a vector of features, but the layer before gives {found}: put \"flatten\" before it"
            )
            .into());
        };
        let outputs = match self.features {
            Features::Count(count) => count,
            Features::Classes(_) => context.classes,
        };
        let weights = numbers("the weight", &[outputs, features])?;
        Ok(LayerPlan {
            input: input.clone(),
            output: input.currents(vec![outputs]),
            parameters: weights.saturating_add(if self.bias { outputs } else { 0 }),
            macs: weights as u64,
            kept: SavedForBackward::Input,
            fused: false,
            lists: Vec::new(),
        })
    }

    fn build(&self, plan: &LayerPlan, context: &BuildContext) -> Result<Box<dyn Layer>> {
        Ok(Box::new(Linear::new(self, plan, context)?))
    }

    fn traffic(&self, sizes: &SequenceSizes<'_>, _: Option<&SequenceSpec>) -> Traffic {
        sizes.products(self.bias)
    }

    fn algorithm(&self, _: &LayerPlan, placement: &Placement<'_>) -> &'static str {
        if placement.on_gpu { "cuBLAS" } else { LinearAlgorithm::WORDS }
    }
}

pub struct Linear {
    weight: Parameter,
    bias: Option<Parameter>,
    precision: Precision,
}

impl Linear {
    pub fn new(config: &LinearConfig, plan: &LayerPlan, context: &BuildContext) -> Result<Self> {
        let (inputs, outputs) = (plan.input.elements(), plan.output.elements());
        let weight = config.init.unwrap_or(context.init).weight(&[outputs, inputs], inputs, outputs, context)?;
        let bias = || Tensor::zeros(outputs, DType::F32, context.device);
        Ok(Self {
            weight: Parameter::new("weight", weight),
            bias: config.bias.then(bias).transpose()?.map(|value| Parameter::new("bias", value)),
            precision: context.precision,
        })
    }
}

impl Linear {
    /// The gradient of the input that the output's `grad` belongs to.
    fn output_to_input_gradient(&self, grad: &Tensor) -> Result<Tensor> {
        linear::input_gradient(grad, &self.weight.value, self.precision)
    }
}

impl Layer for Linear {
    fn evaluate_saving(&self, x: Tensor) -> Result<(Output, SavedTensors)> {
        Ok((self.evaluate(&x)?, SavedTensors::new([x])))
    }

    fn input_gradient(&self, saved: SavedTensors, grad: Tensor) -> Result<Tensor> {
        let [x] = saved.take()?;
        self.output_to_input_gradient(&per_input(&x, &grad)?.1)
    }

    fn backward(&mut self, saved: SavedTensors, grad: Tensor, wanted: bool) -> Result<Option<Tensor>> {
        let [x] = saved.take()?;
        let (x, grad) = per_input(&x, &grad)?;
        self.weight.accumulate(linear::weight_gradient(&x, &grad, self.precision)?)?;
        if let Some(bias) = &mut self.bias {
            bias.accumulate(bias::gradient(&grad, bias.value.elem_count())?)?;
        }
        wanted.then(|| self.output_to_input_gradient(&grad)).transpose()
    }

    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        map_sequence(x, |x| {
            let y = linear::forward(x, &self.weight.value, self.precision)?;
            match &self.bias {
                Some(bias) => bias::add(&y, &bias.value),
                None => Ok(y),
            }
        })
    }

    fn parameters(&self) -> Vec<&Parameter> {
        [&self.weight].into_iter().chain(&self.bias).collect()
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        [&mut self.weight].into_iter().chain(&mut self.bias).collect()
    }
}
