//! A network: encoder, layers and readout. Built in two steps, so that mistakes and costs are known before any memory
//! is taken: [`NetworkPlan`] infers shapes, [`Network`] holds weights.
//!
//! ```
//! use bntt::data::DataShape;
//! use bntt::encoders::{DirectConfig, EncoderConfig};
//! use bntt::network::{Network, NetworkConfig, NetworkPlan};
//! use candle_core::{DType, Device, Tensor};
//!
//! // As in a file: one table, a layer an entry.
//! let config: NetworkConfig = toml::from_str(
//!     r#"
//!     time_steps = 5
//!     encoder = { direct = {} }
//!     layers = [{ flatten = {} }, { linear = { features = 20 } }, { lif = { leak = 0.9 } }, { linear = { features = "classes" } }]
//!     "#,
//! )
//! .expect("a network");
//! assert_eq!(config.encoder, EncoderConfig::Direct(DirectConfig {}));
//! let data = DataShape { channels: 1, height: 4, width: 4, classes: 3, time_steps: None, train: 0, test: 0 };
//! let plan = NetworkPlan::new(&config, &data, Default::default()).expect("layers that fit");
//! assert_eq!(plan.parameters(), 16 * 20 + 20 * 3);
//!
//! let network = Network::build(&config, plan, 0, &Device::Cpu)?;
//! let images = Tensor::ones((2, 1, 4, 4), DType::F32, &Device::Cpu)?;
//! let (logits, activity) = network.evaluate(&images, 0, &[0, 1], 5)?;
//! assert_eq!(logits.dims(), [2, 3]);
//! assert_eq!(activity.firing_rates()?[0].0, "layers.2.lif");
//! # Ok::<(), bntt::error::Error>(())
//! ```

mod activity;
mod gamma;
mod input_gradient;
mod not_finite;
mod plan;
mod readout;
mod selection;
mod state;
mod traffic;

pub use crate::layers::{LayerIo, Observer};
pub use activity::{Activity, LayerActivity, SpikeCount};
pub use gamma::{ChannelGammas, Gammas, gammas, gammas_by_channel, mean_gammas};
pub use not_finite::FirstLayer;
pub use plan::NetworkPlan;
pub use readout::{ReadoutConfig, SpikesReadoutConfig, VoteConfig};
pub use traffic::{GPUS, GpuRates, StepPart, step_parts};

use crate::encoders::{EncoderConfig, RandomKey};
use crate::error::{Error, Result};
use crate::layers::{
    BatchNormConfig, BnttConfig, BuildContext, Chain, ForwardContext, InitConfig, LayerConfig, LifConfig, NeuronChoice,
    NormChoice, Parameter, SavedTensors, TabConfig, TdbnConfig, TebnConfig,
};
use crate::ops::Precision;
use crate::ops::loss::FiringRateConfig;
use crate::rng::Purpose;
use crate::system::memory;
use candle_core::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The network of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// T, the length of a sequence.
    #[schemars(range(min = 1))]
    pub time_steps: usize,
    /// How images become sequences.
    pub encoder: EncoderConfig,
    /// What "norm" stands for in the list of layers, in residuals and repeats too. A run's config has the layers
    /// themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<NormChoice>,
    /// What "lif" stands for in the list of layers, in residuals and repeats too. "relu" is the spiking network's twin
    /// without spikes: time_steps are read as 1, the encoder as direct ("none" stays), and bntt, tebn, tab and tdbn as
    /// batch_norm.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub neuron: NeuronChoice,
    /// Neurons of every "lif" layer that does not say otherwise.
    #[serde(default)]
    pub lif: LifConfig,
    /// Settings of every "bntt" layer that does not say otherwise.
    #[serde(default)]
    pub bntt: BnttConfig,
    /// Settings of every "batch_norm" layer that does not say otherwise.
    #[serde(default)]
    pub batch_norm: BatchNormConfig,
    /// Settings of every "tdbn" layer that does not say otherwise.
    #[serde(default)]
    pub tdbn: TdbnConfig,
    /// Settings of every "tebn" layer that does not say otherwise.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub tebn: TebnConfig,
    /// Settings of every "tab" layer that does not say otherwise.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub tab: TabConfig,
    /// Initial weights of convolutions and linear layers.
    #[serde(default)]
    pub init: InitConfig,
    /// What logits are made of; a current per class, averaged over time, unless given.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub readout: ReadoutConfig,
    /// The layers, first to last. Of what the last gives `readout` makes the logits.
    pub layers: Vec<LayerConfig>,
}

impl NetworkConfig {
    /// Whether there is such a layer, at any depth.
    pub fn has(&self, such: impl Fn(&LayerConfig) -> bool) -> bool {
        self.layers.iter().flat_map(LayerConfig::all).any(such)
    }

    /// What kind of network it is, in words, where it has no spikes.
    pub fn without_spikes(&self) -> Option<&'static str> {
        let spikes = self.has(|layer| matches!(layer, LayerConfig::Lif(_)));
        (!spikes).then_some("a network without spikes: rectified linear units in the place of lif neurons")
    }

    /// What the layers may know of the network; the place in the list is set by the list.
    pub(crate) fn context<'a>(
        &self,
        classes: usize,
        precision: Precision,
        seed: u64,
        device: &'a Device,
    ) -> BuildContext<'a> {
        let &Self { time_steps, init, .. } = self;
        BuildContext {
            time_steps,
            classes,
            seed,
            init,
            device,
            precision,
            index: 0,
            list: "layers",
            following: &[],
            neurons_behind: None,
        }
    }
}

/// Bytes of the largest sequence that evaluation holds: for each thread of the CPU, few enough to be still in the cache
/// when the next layer reads it, and on a GPU, which wants many images at once.
const EVALUATION_BYTES: usize = 32 << 20;
const EVALUATION_BYTES_GPU: usize = 1 << 30;

/// A network with its weights.
pub struct Network {
    plan: NetworkPlan,
    encoder: EncoderConfig,
    layers: Chain,
    readout: ReadoutConfig,
    seed: u64,
}

/// A request for more memory than there is would end the process without a word.
fn refuse_what_cannot_fit(plan: &NetworkPlan, device: &Device) -> Result<()> {
    let Some(total) = memory::total().filter(|_| device.is_cpu()) else { return Ok(()) };
    let needed = plan.parameters().saturating_mul(4).saturating_add(plan.largest_signal(1));
    if needed as u64 <= total {
        return Ok(());
    }
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    Err(Error::Device(format!(
        "the network's weights and one image's largest sequence take {:.1} GiB, and this process can have {:.1} GiB: make the \
         layers or network.time_steps smaller.",
        gib(needed as u64),
        gib(total)
    )))
}

/// How many of a batch's `images` go through a network at once when it is evaluated: as many each time, since filters
/// are transformed once more for a few that are left over, too.
pub fn evaluated_together(plan: &NetworkPlan, device: &Device, images: usize) -> usize {
    let room = match device {
        Device::Cpu => EVALUATION_BYTES.saturating_mul(rayon::current_num_threads()),
        _ => EVALUATION_BYTES_GPU,
    };
    let most = room.checked_div(plan.largest_signal(1)).unwrap_or(room).max(1);
    images.div_ceil(images.div_ceil(most).max(1)).max(1)
}

/// What a training forward leaves for backward, layer by layer; each entry is freed as backward uses it.
pub struct Tape {
    saved: Vec<SavedTensors>,
}

impl Tape {
    /// Bytes held for backward.
    pub fn bytes(&self) -> usize {
        self.saved.iter().map(SavedTensors::bytes).sum()
    }
}

impl Network {
    /// The network that `plan` describes, with the initial weights of `seed`.
    pub fn build(config: &NetworkConfig, plan: NetworkPlan, seed: u64, device: &Device) -> Result<Self> {
        refuse_what_cannot_fit(&plan, device)?;
        let context = config.context(plan.classes, plan.precision, seed, device);
        let layers = Chain::build(&config.layers, &plan.layers, &context)?;
        Ok(Self { plan, encoder: config.encoder, layers, readout: config.readout, seed })
    }

    pub fn plan(&self) -> &NetworkPlan {
        &self.plan
    }

    /// How logits are read.
    pub fn readout(&self) -> ReadoutConfig {
        self.readout
    }

    /// Training: what the readout counts [T, B, K] for normalised `inputs` [B, C, H, W] (or sequences), whose mean over
    /// time are the logits (the last layer's currents, see [`ReadoutConfig`]), what backward needs, and the activity.
    pub fn forward(
        &mut self,
        inputs: &Tensor,
        epoch: usize,
        indices: &[u32],
        observer: &mut dyn Observer,
    ) -> Result<(Tensor, Tape, Activity)> {
        let key = RandomKey { seed: self.seed, purpose: Purpose::Poisson, epoch, indices };
        let x = self.encoder.spec().encode(inputs, self.plan.time_steps, &key)?;
        observer.encoded();
        let mut activity = Activity::default();
        let context = ForwardContext { seed: self.seed, epoch, indices };
        let mut observers: (&mut dyn Observer, &mut dyn Observer) = (&mut activity, observer);
        let (x, saved) = self.layers.forward(x, &context, &mut observers)?;
        Ok((self.readout.counted(&self.readout.steps(&x)?)?, Tape { saved }, activity))
    }

    /// Adds the gradients of all parameters, from that of what the readout counts [T, B, K]. With `input_wanted` it
    /// returns the gradient of the encoded sequence (of one time-step, the sum, where the encoder repeats the image).
    pub fn backward(
        &mut self,
        tape: Tape,
        grad: Tensor,
        input_wanted: bool,
        observer: &mut dyn Observer,
    ) -> Result<Option<Tensor>> {
        let grad = self.readout.gradient(grad, self.plan.time_steps)?;
        Ok(self.layers.backward(tape.saved, grad, input_wanted, observer)?)
    }

    /// Evaluation: logits [B, K] and activity, with running statistics; `draw` numbers the Poisson draw. No more than
    /// the first `time_steps` steps are computed, of which the logits are made.
    pub fn evaluate(
        &self,
        inputs: &Tensor,
        draw: usize,
        indices: &[u32],
        time_steps: usize,
    ) -> Result<(Tensor, Activity)> {
        let (currents, activity) = self.evaluate_steps(inputs, draw, indices, time_steps, &mut ())?;
        Ok((self.readout.logits(&currents)?, activity))
    }

    /// Evaluation step by step: what every time-step says of the classes [T, B, K], of which
    /// [`ReadoutConfig::logits`] makes the logits (the last layer's currents, whose mean over time they are, unless
    /// the network has another readout).
    ///
    /// Images go through a few at a time; what becomes of one depends on no other.
    ///
    /// # Errors
    /// [`Error::Run`] for no time-steps, or for more than the network was built for.
    pub fn evaluate_steps(
        &self,
        inputs: &Tensor,
        draw: usize,
        indices: &[u32],
        time_steps: usize,
        observer: &mut dyn Observer,
    ) -> Result<(Tensor, Activity)> {
        let most = self.plan.time_steps;
        if !(1..=most).contains(&time_steps) {
            return Err(Error::Run(format!("{time_steps} time-steps: expected 1 to {most}, the network's.")));
        }
        let together = evaluated_together(&self.plan, inputs.device(), indices.len());
        let (mut currents, mut activity) = (Vec::new(), Activity::default());
        for (start, indices) in (0..).step_by(together).zip(indices.chunks(together)) {
            let images = self.images(inputs, start, indices.len(), time_steps)?;
            let (some, more) = self.evaluate_together(&images, draw, indices, time_steps, observer)?;
            currents.push(some);
            activity.add(&more)?;
        }
        Ok((Tensor::cat(&currents, 1)?, activity))
    }

    /// `count` of the `inputs` from number `start` on: images [B, C, H, W], or the first `time_steps` of sequences [T,
    /// B, C, H, W].
    fn images(&self, inputs: &Tensor, start: usize, count: usize, time_steps: usize) -> Result<Tensor> {
        match inputs.rank() {
            5 => Ok(inputs.narrow(0, 0, time_steps)?.narrow(1, start, count)?),
            _ => Ok(inputs.narrow(0, start, count)?),
        }
    }

    fn evaluate_together(
        &self,
        inputs: &Tensor,
        draw: usize,
        indices: &[u32],
        time_steps: usize,
        observer: &mut dyn Observer,
    ) -> Result<(Tensor, Activity)> {
        let key = RandomKey { seed: self.seed, purpose: Purpose::PoissonEvaluation, epoch: draw, indices };
        let x = self.encoder.spec().encode(inputs, time_steps, &key)?;
        observer.encoded();
        let mut activity = Activity::default();
        let mut observers: (&mut dyn Observer, &mut dyn Observer) = (&mut activity, observer);
        let x = self.layers.evaluate(x, &mut observers)?;
        Ok((self.readout.steps(&x)?, activity))
    }

    /// What training pays for spikes from here on.
    pub fn set_firing_rate(&mut self, firing_rate: FiringRateConfig) {
        self.layers.set_firing_rate(firing_rate);
    }

    /// Running statistics of all norms follow the batch's with this momentum from here on: r = (1 - momentum) r +
    /// momentum b. With 1 / k in forward pass k they are the mean over the passes.
    pub fn set_momentum(&mut self, momentum: f64) {
        self.layers.set_momentum(momentum);
    }

    /// Mean gamma of every BNTT layer at every time-step.
    pub fn gammas(&self) -> Result<Gammas> {
        Ok(gammas(&self.state(), |layer, _| self.plan.has_bntt(layer))?)
    }

    /// Learned tensors with their full names (`layers.0.weight`), in the order of the layers.
    pub fn parameters(&self) -> Vec<(String, &Parameter)> {
        self.layers.parameters()
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> Vec<(String, &mut Parameter)> {
        self.layers.parameters_mut()
    }
}
