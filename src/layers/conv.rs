//! Convolution of every time-step with the same weights.

use super::plan::{PlanResult, SavedForBackward, numbers};
use super::{
    BuildContext, InitConfig, Layer, LayerPlan, LayerSpec, Output, Parameter, Placement, SavedTensors, SequenceSizes,
    SequenceSpec, Traffic, map_sequence,
};
use crate::ops::conv::GroupedGeometry;
use crate::ops::sequence::per_input;
use crate::ops::{Geometry, conv, gpu};
use crate::ops::{Precision, bias};
use candle_core::{DType, Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A two-dimensional convolution; the equation stands in [`crate::ops::conv`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvConfig {
    /// Output channels.
    #[schemars(range(min = 1), example = 64)]
    pub channels: usize,
    /// Height and width of the kernel.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 63))]
    pub kernel: usize,
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 63))]
    pub stride: usize,
    /// Zeros added at every border.
    #[serde(default = "one")]
    #[schemars(range(max = 63))]
    pub padding: usize,
    /// Into how many groups channels are divided, each seen by the outputs of its own group alone.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1))]
    pub groups: usize,
    /// Whether a learned number is added to every channel.
    #[serde(default)]
    pub bias: bool,
    /// Initial weights; those of `network.init` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<InitConfig>,
}

fn three() -> usize {
    3
}

fn one() -> usize {
    1
}

fn is_one(groups: &usize) -> bool {
    *groups == 1
}

impl ConvConfig {
    /// How many of `channels` a group has.
    fn per_group(&self, channels: usize) -> usize {
        channels.checked_div(self.groups).unwrap_or(channels)
    }

    pub(super) fn geometry(&self, [channels, height, width]: [usize; 3]) -> Geometry {
        Geometry {
            in_channels: channels,
            out_channels: self.channels,
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            height,
            width,
        }
    }
}

impl LayerSpec for ConvConfig {
    fn plan(&self, input: &SequenceSpec, _: &BuildContext) -> PlanResult {
        let image @ [channels, height, width] = input.image()?;
        let side = height.min(width).saturating_add(self.padding.saturating_mul(2));
        if self.kernel > side {
            return Err(format!("a kernel of {} does not fit an image of {side} (with padding)", self.kernel).into());
        }
        let groups = self.groups;
        for (what, count) in [("input", channels), ("output", self.channels)] {
            if groups == 0 || !count.is_multiple_of(groups) {
                return Err(format!("groups = {groups} does not divide its {count} {what} channels").into());
            }
        }
        let g = self.geometry(image);
        let weights = numbers("the weight", &[self.channels, self.per_group(channels), self.kernel, self.kernel])?;
        let output = input.currents(vec![self.channels, g.out_height(), g.out_width()]);
        let macs = weights.saturating_mul(g.out_height()).saturating_mul(g.out_width());
        Ok(LayerPlan {
            input: input.clone(),
            parameters: weights.saturating_add(if self.bias { self.channels } else { 0 }),
            macs: macs as u64,
            output,
            kept: SavedForBackward::Input,
            fused: false,
            lists: Vec::new(),
        })
    }

    fn build(&self, plan: &LayerPlan, context: &BuildContext) -> Result<Box<dyn Layer>> {
        Ok(Box::new(Conv::new(self, plan, context)?))
    }

    fn traffic(&self, sizes: &SequenceSizes<'_>, _: Option<&SequenceSpec>) -> Traffic {
        sizes.products(self.bias)
    }

    fn algorithm(&self, plan: &LayerPlan, placement: &Placement<'_>) -> &'static str {
        let Ok(image) = plan.input.image() else { return "own kernel" };
        let [channels, height, width] = image;
        let one_group = Self { channels: self.per_group(self.channels), ..self.clone() };
        let geometry = &one_group.geometry([self.per_group(channels), height, width]);
        if !placement.on_gpu {
            return conv::cpu_algorithms(geometry);
        }
        let steps = if plan.input.constant { 1 } else { placement.time_steps };
        let images = steps.saturating_mul(placement.batch);
        gpu::convolution_on(placement.device, &gpu::Convolution { geometry, images, precision: placement.precision })
    }
}

pub struct Conv {
    geometry: GroupedGeometry,
    weight: Parameter,
    bias: Option<Parameter>,
    precision: Precision,
}

impl Conv {
    pub fn new(config: &ConvConfig, plan: &LayerPlan, context: &BuildContext) -> Result<Self> {
        let image = plan.input.image().map_err(candle_core::Error::msg)?;
        let ([channels, ..], taps) = (image, config.kernel.saturating_mul(config.kernel));
        let seen = config.per_group(channels);
        let (fan_in, fan_out) = (seen.saturating_mul(taps), config.channels.saturating_mul(taps));
        let init = config.init.unwrap_or(context.init);
        let shape = [config.channels, seen, config.kernel, config.kernel];
        let weight = init.weight(&shape, fan_in, fan_out, context)?;
        let bias = || Tensor::zeros(config.channels, DType::F32, context.device);
        Ok(Self {
            geometry: GroupedGeometry::new(config.geometry(image), config.groups)?,
            weight: Parameter::new("weight", weight),
            bias: config.bias.then(bias).transpose()?.map(|value| Parameter::new("bias", value)),
            precision: context.precision,
        })
    }
}

impl Conv {
    /// The gradient of the input that the output's `grad` belongs to.
    fn output_to_input_gradient(&self, grad: &Tensor) -> Result<Tensor> {
        self.geometry.input_gradient(grad, &self.weight.value, self.precision)
    }
}

impl Layer for Conv {
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
        self.weight.accumulate(self.geometry.weight_gradient(&x, &grad, self.precision)?)?;
        if let Some(bias) = &mut self.bias {
            bias.accumulate(bias::gradient(&grad, bias.value.elem_count())?)?;
        }
        wanted.then(|| self.output_to_input_gradient(&grad)).transpose()
    }

    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        map_sequence(x, |x| {
            let y = self.geometry.forward(x, &self.weight.value, self.precision)?;
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
