//! Layers: each maps a whole time-major sequence [T, B, ...] to the next and owns its reverse.
//!
//! [`LayerConfig`] is the list of them, [`Chain`] a list at work. Membrane potentials live inside the
//! LIF op, so no layer carries a state from one sequence to the next. What flows between layers is a [`SequenceSpec`]:
//! currents and images are `f32`, spikes `u8`. A sequence that is the same at every time-step (direct coding) is a
//! tensor whose stride in time is 0; conv, linear, pool and flatten compute such a sequence once.

mod batch_norm;
mod bntt;
mod chain;
mod conv;
mod dropout;
mod flatten;
mod init;
mod lif;
mod linear;
mod network_norm;
mod neurons;
mod norm;
mod norm_lif;
mod observer;
mod output;
mod parameter;
mod plan;
mod pool;
mod relu;
mod repeat;
mod residual;
mod saved;
mod tab;
mod tdbn;
mod tebn;
mod traffic;

pub use batch_norm::BatchNormConfig;
pub use bntt::BnttConfig;
pub use chain::{Chain, plan as plan_chain};
pub use conv::ConvConfig;
pub use dropout::DropoutConfig;
pub use flatten::FlattenConfig;
pub use init::{Fan, InitConfig, KaimingNormal, KaimingUniform, XavierUniform};
pub use lif::LifConfig;
pub use linear::{Classes, Features, LinearConfig};
pub use network_norm::{NetworkNormConfig, NormChoice};
pub use neurons::{LEAK_LOGIT, THRESHOLD};
pub use norm::{Norm, NormSettings, NormSpec};
pub use observer::{LayerIo, Observer};
pub use output::Output;
pub use parameter::Parameter;
pub use plan::{BuildContext, LayerPlan, Placement, PlanMistake, PlanResult, SavedForBackward, SequenceSpec, numbers};
pub use pool::PoolConfig;
pub use relu::{NeuronChoice, ReluConfig};
pub use repeat::RepeatConfig;
pub use residual::ResidualConfig;
pub use saved::SavedTensors;
pub use tab::TabConfig;
pub use tdbn::TdbnConfig;
pub use tebn::TebnConfig;
pub use traffic::{SequenceSizes, Traffic};

use crate::config::registry;
use crate::ops::pool::Window;
use crate::ops::sequence::{once, repeat};
use candle_core::{Result, Tensor, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the config of a layer says of the layer: the one thing to write, besides [`Layer`], for a new one.
pub trait LayerSpec {
    /// What the layer makes of `input`, and at what cost; a sentence when it does not fit.
    fn plan(&self, input: &SequenceSpec, context: &BuildContext) -> PlanResult;

    /// The layer with its initial weights.
    fn build(&self, plan: &LayerPlan, context: &BuildContext) -> Result<Box<dyn Layer>>;

    /// The same as a norm, which is fused with the LIF neurons after it. Nothing of other layers.
    fn as_norm(&self) -> Option<&dyn NormSpec> {
        None
    }

    /// What the layer's kernels move to and from a GPU's memory in a training step. `spikes` are those of the neurons
    /// that a norm is fused with.
    fn traffic(&self, sizes: &SequenceSizes<'_>, _spikes: Option<&SequenceSpec>) -> Traffic {
        sizes.once_each_way()
    }

    /// Elements of a window, where a GPU hands on the gradient of its mean as it is: see `Layer::spreads`.
    fn shared_gradient(&self, _plan: &LayerPlan) -> Option<usize> {
        None
    }

    /// The lists of layers that it holds, each with its name in those of tensors, in the order of `LayerPlan::lists`.
    fn lists(&self) -> Vec<(&'static str, &[LayerConfig])> {
        Vec::new()
    }

    /// By which code the layer is computed, in words: `bntt check` shows it, so that nothing falls back in silence.
    fn algorithm(&self, _plan: &LayerPlan, _placement: &Placement<'_>) -> &'static str {
        "own kernel"
    }
}

registry! {
    // A new layer is one file, its `mod` line above, and a line here.
    /// One entry of `network.layers`.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    LayerConfig, LayerKind, dyn LayerSpec {
        "conv" => Conv(ConvConfig),
        "linear" => Linear(LinearConfig),
        "bntt" => Bntt(BnttConfig),
        "batch_norm" => BatchNorm(BatchNormConfig),
        "tdbn" => Tdbn(TdbnConfig),
        "tebn" => Tebn(TebnConfig),
        "tab" => Tab(TabConfig),
        "lif" => Lif(LifConfig),
        /// Rectified linear units.
        "relu" => Relu(ReluConfig),
        "pool" => Pool(PoolConfig),
        "flatten" => Flatten(FlattenConfig),
        "dropout" => Dropout(DropoutConfig),
        /// Two branches of layers, joined.
        "residual" => Residual(ResidualConfig),
        /// The same layers several times over, each time with weights of their own.
        "repeat" => Repeat(RepeatConfig),
        /// The layer that `network.norm` names.
        "norm" => NetworkNorm(NetworkNormConfig),
    }
}

impl LayerConfig {
    /// This layer and those of the lists that it holds, at any depth.
    pub fn all(&self) -> Vec<&Self> {
        let inside = self.spec().lists().into_iter().flat_map(|(_, list)| list.iter().flat_map(Self::all));
        std::iter::once(self).chain(inside).collect()
    }

    /// Whether this layer and the one after it are built as one, `norm_lif::NormLif`.
    pub fn fuses(&self, next: Option<&Self>) -> bool {
        self.spec().as_norm().is_some() && matches!(next, Some(Self::Lif(_)))
    }

    /// This layer with its initial weights, fused with the one after it where the two fuse.
    pub fn build(&self, next: Option<&Self>, plan: &LayerPlan, context: &BuildContext) -> Result<Box<dyn Layer>> {
        match (self.spec().as_norm(), next) {
            (Some(norm), Some(Self::Lif(lif))) => {
                // After the norm comes `next`, and then what reads the spikes.
                let spikes = lif::spikes_of(&plan.output, context.following.get(1));
                let (norm, storage) = (norm.build_norm(plan, context)?, spikes.storage(context.precision));
                let neurons = neurons::LearnedNeurons::new(lif, plan.output.channels(), context.device)?;
                Ok(Box::new(norm_lif::NormLif { norm, neurons, storage }))
            }
            _ => self.spec().build(plan, context),
        }
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

    /// The window, where the input's gradient is nothing but the output's, `grad`, spread evenly over windows that
    /// divide the input without rest. A layer before that `reads_means` then goes back from `grad` itself, which is
    /// smaller.
    fn spreads(&self, _grad: &Tensor) -> Option<Window> {
        None
    }

    /// Whether the layer has a `backward_of_means`.
    fn reads_means(&self) -> bool {
        false
    }

    /// `backward` from the gradient of the output's means over windows.
    fn backward_of_means(
        &mut self,
        _saved: SavedTensors,
        _grad: &Tensor,
        window: Window,
        _wanted: bool,
    ) -> Result<Option<Tensor>> {
        bail!("a layer that reads no means was given a gradient of means over {window:?}")
    }

    /// `forward` of a layer that holds lists: `observer` hears of the layers inside.
    fn forward_observed(
        &mut self,
        x: Tensor,
        context: &ForwardContext<'_>,
        _: &mut dyn Observer,
    ) -> Result<(Output, SavedTensors)> {
        self.forward(x, context)
    }

    /// `backward` of a layer that holds lists: `observer` hears of the layers inside.
    fn backward_observed(
        &mut self,
        saved: SavedTensors,
        grad: Tensor,
        wanted: bool,
        _: &mut dyn Observer,
    ) -> Result<Option<Tensor>> {
        self.backward(saved, grad, wanted)
    }

    /// `evaluate` of a layer that holds lists: `observer` hears of the layers inside.
    fn evaluate_observed(&self, x: &Tensor, _: &mut dyn Observer) -> Result<Output> {
        self.evaluate(x)
    }

    /// Running statistics of a norm follow the batch's with this momentum from here on. Nothing of other layers.
    fn set_momentum(&mut self, _momentum: f64) {}

    /// The lists of layers that it holds. A layer that holds some has no tensors besides theirs.
    fn chains(&self) -> Vec<&Chain> {
        Vec::new()
    }

    /// The same, to be changed.
    fn chains_mut(&mut self) -> Vec<&mut Chain> {
        Vec::new()
    }

    /// Learned tensors, in a fixed order.
    fn parameters(&self) -> Vec<&Parameter> {
        Vec::new()
    }

    /// The same, to be changed.
    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        Vec::new()
    }

    /// All tensors of a checkpoint by name: parameters, and running statistics of layers that have them.
    fn state(&self) -> Vec<(&'static str, &Tensor)> {
        self.parameters().into_iter().map(|parameter| (parameter.name, &parameter.value)).collect()
    }

    /// The same, to be replaced.
    fn state_mut(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        self.parameters_mut().into_iter().map(|parameter| (parameter.name, &mut parameter.value)).collect()
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
