//! Layers: each maps a whole time-major sequence [T, B, ...] to the next and owns its reverse.
//!
//! [`LayerConfig`] is the registry: a new layer is one file and three lines here. Membrane potentials live inside the
//! LIF op, so no layer carries a state from one sequence to the next. What flows between layers is a [`SequenceSpec`]:
//! currents and images are `f32`, spikes `u8`. A sequence that is the same at every time-step (direct coding) is a
//! tensor whose stride in time is 0; conv, linear, pool and flatten compute such a sequence once.

// The arithmetic of sizes, which come from a file. That of tensors, whose operators give a `Result`, the lint takes for
// the same.
mod algorithm;
mod batch_norm;
mod bntt;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
mod conv;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
mod dropout;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
mod flatten;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
mod init;
mod lif;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
mod linear;
mod norm;
mod norm_lif;
mod output;
mod parameter;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
mod plan;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
mod pool;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
mod saved;
mod tdbn;

pub use algorithm::algorithm;
pub use batch_norm::BatchNormConfig;
pub use bntt::BnttConfig;
pub use conv::ConvConfig;
pub use dropout::DropoutConfig;
pub use flatten::FlattenConfig;
pub use init::{InitConfig, KaimingUniform, XavierUniform};
pub use lif::LifConfig;
pub use linear::{Classes, Features, LinearConfig};
pub use norm::Norm;
pub use output::Output;
pub use parameter::Parameter;
pub use plan::{BuildContext, LayerPlan, PlanResult, SavedForBackward, SequenceSpec, numbers};
pub use pool::PoolConfig;
pub use saved::SavedTensors;
pub use tdbn::TdbnConfig;

use crate::ops::sequence::{once, repeat};
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One entry of `network.layers`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LayerConfig {
    Conv(ConvConfig),
    Linear(LinearConfig),
    Bntt(BnttConfig),
    BatchNorm(BatchNormConfig),
    Tdbn(TdbnConfig),
    Lif(LifConfig),
    Pool(PoolConfig),
    Flatten(FlattenConfig),
    Dropout(DropoutConfig),
}

impl LayerConfig {
    /// The name in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conv(_) => "conv",
            Self::Linear(_) => "linear",
            Self::Bntt(_) => "bntt",
            Self::BatchNorm(_) => "batch_norm",
            Self::Tdbn(_) => "tdbn",
            Self::Lif(_) => "lif",
            Self::Pool(_) => "pool",
            Self::Flatten(_) => "flatten",
            Self::Dropout(_) => "dropout",
        }
    }

    /// What the layer makes of `input`, and at what cost; a sentence when it does not fit.
    pub fn plan(&self, input: &SequenceSpec, shared: &BuildContext) -> PlanResult {
        match self {
            Self::Conv(config) => config.plan(input),
            Self::Linear(config) => config.plan(input, shared),
            Self::Bntt(_) => norm::plan(shared.time_steps, false, input),
            Self::BatchNorm(config) => norm::plan(1, config.beta, input),
            Self::Tdbn(config) => norm::plan(1, config.beta, input),
            Self::Lif(_) => lif::plan(input, shared),
            Self::Pool(config) => config.plan(input),
            Self::Flatten(config) => config.plan(input),
            Self::Dropout(_) => dropout::plan(input),
        }
    }

    /// Whether this layer and the one after it are built as one, [`norm_lif::NormLif`].
    pub fn fuses(&self, next: Option<&Self>) -> bool {
        matches!((self, next), (Self::Bntt(_) | Self::BatchNorm(_) | Self::Tdbn(_), Some(Self::Lif(_))))
    }

    /// This layer with its initial weights, joined with the one after it where the two join.
    pub fn build_fused(&self, next: Option<&Self>, plan: &LayerPlan, shared: &BuildContext) -> Result<Box<dyn Layer>> {
        let norm = match self {
            Self::Bntt(config) => config.build(plan, shared)?,
            Self::BatchNorm(config) => config.build(plan, shared)?,
            Self::Tdbn(config) => config.build(plan, shared)?,
            _ => return self.build(plan, shared),
        };
        match next {
            Some(Self::Lif(lif)) => Ok(Box::new(norm_lif::NormLif { norm, lif: lif.clone() })),
            _ => Ok(Box::new(norm)),
        }
    }

    /// The layer with its initial weights.
    pub fn build(&self, plan: &LayerPlan, shared: &BuildContext) -> Result<Box<dyn Layer>> {
        Ok(match self {
            Self::Conv(config) => Box::new(conv::Conv::new(config, plan, shared)?),
            Self::Linear(config) => Box::new(linear::Linear::new(config, plan, shared)?),
            Self::Bntt(config) => Box::new(config.build(plan, shared)?),
            Self::BatchNorm(config) => Box::new(config.build(plan, shared)?),
            Self::Tdbn(config) => Box::new(config.build(plan, shared)?),
            Self::Lif(config) => Box::new(lif::Lif::new(config.clone())),
            Self::Pool(config) => Box::new(pool::Pool::new(*config, plan)),
            Self::Flatten(_) => Box::new(flatten::Flatten { image: plan.input.shape.clone() }),
            Self::Dropout(config) => Box::new(dropout::Dropout::new(config, plan, shared.index)),
        })
    }
}

/// Where the training step stands: what a layer's random numbers hang on.
#[derive(Debug, Clone, Copy)]
pub struct ForwardContext<'a> {
    pub seed: u64,
    pub epoch: usize,
    /// The places of the batch's images in their split.
    pub indices: &'a [u32],
}

/// A layer in training and in evaluation.
pub trait Layer: Send + Sync {
    /// Evaluation: running statistics, no dropout, nothing kept. A sequence may have fewer time-steps than the network:
    /// its first ones.
    fn evaluate(&self, x: &Tensor) -> Result<Output>;

    /// Evaluation that can be walked back: the output and what `input_gradient` needs.
    fn evaluate_saving(&self, x: Tensor) -> Result<(Output, SavedTensors)>;

    /// The input's gradient of an evaluation, from what `evaluate_saving` saved and the output's gradient; parameters
    /// and statistics are constants. For an input that is constant in time it is one time-step: the sum. So may the
    /// output's gradient be where the output is constant.
    fn input_gradient(&self, saved: SavedTensors, grad: Tensor) -> Result<Tensor>;

    /// Training: the output and what `backward` needs. Batch norms update their running statistics. Layers that do in
    /// training what they do in evaluation leave this as it is.
    fn forward(&mut self, x: Tensor, _: &ForwardContext<'_>) -> Result<(Output, SavedTensors)> {
        self.evaluate_saving(x)
    }

    /// Takes what `forward` saved and the output's gradient; adds into the parameters' gradients and returns the
    /// input's, or nothing when it is not `wanted`. Time-steps are summed as in `input_gradient`.
    fn backward(&mut self, saved: SavedTensors, grad: Tensor, wanted: bool) -> Result<Option<Tensor>> {
        wanted.then(|| self.input_gradient(saved, grad)).transpose()
    }

    /// Learned tensors, in a fixed order.
    fn parameters(&mut self) -> Vec<&mut Parameter> {
        Vec::new()
    }

    /// All tensors of a checkpoint by name: parameters and running statistics.
    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        Vec::new()
    }
}

/// A trained layer composes with other candle code; spikes leave it as `f32`.
impl candle_nn::Module for Box<dyn Layer> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.evaluate(x)?.sequence.to_dtype(candle_core::DType::F32)
    }
}

/// Applies `op` to a sequence, once where it is constant in time.
fn map_sequence(x: &Tensor, op: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Output> {
    let y = match once(x)? {
        Some(step) => repeat(&op(&step)?, x.dim(0)?)?,
        None => op(x)?,
    };
    Ok(y.into())
}
