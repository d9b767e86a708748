//! A network: encoder, layers and readout. Built in two steps, so that mistakes and costs are known before any memory
//! is taken: [`NetworkPlan`] infers shapes, [`Network`] holds weights.

mod activity;
mod gamma;
mod input_gradient;
mod not_finite;
mod observer;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
mod plan;
pub mod profiler;
mod state;

pub use activity::{Activity, LayerActivity, SpikeCount};
pub use gamma::{Gammas, gammas};
pub use not_finite::FirstLayer;
pub use observer::{LayerIo, Observer};
pub use plan::NetworkPlan;

use crate::encoders::{EncoderConfig, RandomKey};
use crate::error::{Error, Result};
use crate::layers::{
    BatchNormConfig, BnttConfig, BuildContext, ForwardContext, InitConfig, Layer, LayerConfig, LifConfig, Parameter,
    SavedTensors, TdbnConfig,
};
use crate::network::profiler::{Phase, StepProfiler};
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
    /// Initial weights of convolutions and linear layers.
    #[serde(default)]
    pub init: InitConfig,
    /// The layers, first to last. The last gives the logits: a current per class, averaged over time.
    pub layers: Vec<LayerConfig>,
}

/// Bytes of the largest sequence that evaluation holds: for each thread of the CPU, whose caches it then fits, and on a
/// GPU, which wants many images at once.
const EVALUATION_BYTES: usize = 16 << 20;
const EVALUATION_BYTES_GPU: usize = 1 << 30;

/// A layer, or a norm joined with its LIF layer, with its place in the file.
struct Node {
    /// Its place in the file; of joined ones, the norm's.
    index: usize,
    /// `layers.3`, the prefix of its tensors' names.
    name: String,
    /// `layers.4.lif`, where it gives spikes of its own.
    neurons: Option<String>,
    layer: Box<dyn Layer>,
}

/// A network with its weights.
pub struct Network {
    plan: NetworkPlan,
    encoder: EncoderConfig,
    nodes: Vec<Node>,
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

/// How many images go through a network at once when it is evaluated.
pub fn evaluated_together(plan: &NetworkPlan, device: &Device) -> usize {
    let room = match device {
        Device::Cpu => EVALUATION_BYTES.saturating_mul(rayon::current_num_threads()),
        _ => EVALUATION_BYTES_GPU,
    };
    (room / plan.largest_signal(1).max(1)).max(1)
}

/// What a training forward leaves for backward, layer by layer; each entry is freed as backward uses it.
pub struct Tape {
    saved: Vec<SavedTensors>,
    time_steps: usize,
}

impl Tape {
    /// Bytes held for backward.
    pub fn bytes(&self) -> usize {
        self.saved.iter().map(SavedTensors::bytes).sum()
    }
}

/// The gradient [T, B, K] of the last layer's currents, from that of their mean over time.
fn of_each_step(grad: &Tensor, time_steps: usize) -> candle_core::Result<Tensor> {
    let each = (grad / time_steps as f64)?.unsqueeze(0)?;
    crate::ops::sequence::repeat(&each, time_steps)?.contiguous()
}

impl Network {
    /// The network that `plan` describes, with the initial weights of `seed`.
    pub fn build(config: &NetworkConfig, plan: NetworkPlan, seed: u64, device: &Device) -> Result<Self> {
        refuse_what_cannot_fit(&plan, device)?;
        let mut nodes = Vec::with_capacity(config.layers.len());
        for (index, (layer, layer_plan)) in config.layers.iter().zip(&plan.layers).enumerate() {
            if layer_plan.fused {
                continue;
            }
            let shared = BuildContext {
                time_steps: config.time_steps,
                classes: plan.classes,
                seed,
                init: config.init,
                device,
                precision: plan.precision,
                index,
                following: config.layers.get(index.saturating_add(1)..).unwrap_or_default(),
            };
            let (following, next) = (index.saturating_add(1), shared.following.first());
            let (last, spiking) = match next {
                Some(next) if layer.fuses(Some(next)) => (following, next),
                _ => (index, layer),
            };
            let neurons = matches!(spiking, LayerConfig::Lif(_)).then(|| format!("layers.{last}.lif"));
            let name = format!("layers.{index}");
            nodes.push(Node { index, name, neurons, layer: layer.build_fused(next, layer_plan, &shared)? });
        }
        Ok(Self { plan, encoder: config.encoder, nodes, seed })
    }

    pub fn plan(&self) -> &NetworkPlan {
        &self.plan
    }

    /// Training: logits [B, K] of normalised `inputs` [B, C, H, W] (or sequences), what backward needs, and the
    /// activity.
    pub fn forward(&mut self, inputs: &Tensor, epoch: usize, indices: &[u32]) -> Result<(Tensor, Tape, Activity)> {
        self.forward_watched(inputs, epoch, indices, &mut ())
    }

    /// The same while `profiler` listens.
    pub fn forward_watched(
        &mut self,
        inputs: &Tensor,
        epoch: usize,
        indices: &[u32],
        profiler: &mut impl StepProfiler,
    ) -> Result<(Tensor, Tape, Activity)> {
        let draw = RandomKey { seed: self.seed, purpose: Purpose::Poisson, epoch, indices };
        let pass = ForwardContext { seed: self.seed, epoch, indices };
        let mut x = self.encoder.encode(inputs, self.plan.time_steps, &draw)?;
        profiler.phase_ended(Phase::Encoded);
        let (mut saved, mut activity) = (Vec::with_capacity(self.nodes.len()), Activity::default());
        for node in &mut self.nodes {
            let (y, kept) = node.layer.forward(x, &pass)?;
            activity.observe(node.neurons.as_deref(), &y);
            profiler.phase_ended(Phase::Forward { layer: &node.name, kept: kept.bytes() });
            saved.push(kept);
            x = y.sequence;
        }
        let time_steps = x.dim(0)?;
        Ok((x.mean(0)?, Tape { saved, time_steps }, activity))
    }

    /// Adds the gradients of all parameters, from the logits' gradient [B, K]. With `input_wanted` it returns the
    /// gradient of the encoded sequence (of one time-step, the sum, where the encoder repeats the image).
    pub fn backward(&mut self, tape: Tape, grad: &Tensor, input_wanted: bool) -> Result<Option<Tensor>> {
        self.backward_watched(tape, grad, input_wanted, &mut ())
    }

    /// The same while `profiler` listens.
    pub fn backward_watched(
        &mut self,
        tape: Tape,
        grad: &Tensor,
        input_wanted: bool,
        profiler: &mut impl StepProfiler,
    ) -> Result<Option<Tensor>> {
        let mut grad = of_each_step(grad, tape.time_steps)?;
        for (i, (node, saved)) in self.nodes.iter_mut().zip(tape.saved).enumerate().rev() {
            let next = node.layer.backward(saved, grad, i > 0 || input_wanted)?;
            profiler.phase_ended(Phase::Backward { layer: &node.name });
            match next {
                Some(next) => grad = next,
                None => return Ok(None),
            }
        }
        Ok(Some(grad))
    }

    /// Evaluation: logits [B, K] and activity, with running statistics; `draw` numbers the Poisson draw. No more than
    /// the first `time_steps` steps are computed, whose mean the logits are.
    pub fn evaluate(
        &self,
        inputs: &Tensor,
        draw: usize,
        indices: &[u32],
        time_steps: usize,
    ) -> Result<(Tensor, Activity)> {
        let (currents, activity) = self.evaluate_observed(inputs, draw, indices, time_steps, &mut ())?;
        Ok((currents.mean(0)?, activity))
    }

    /// The same while `observer` looks; the last layer's currents [T, B, K] in place of their mean over time.
    ///
    /// Images go through a few at a time; what becomes of one depends on no other.
    ///
    /// # Errors
    /// [`Error::Run`] for no time-steps, or for more than the network was built for.
    pub fn evaluate_observed(
        &self,
        inputs: &Tensor,
        draw: usize,
        indices: &[u32],
        time_steps: usize,
        observer: &mut impl Observer,
    ) -> Result<(Tensor, Activity)> {
        let most = self.plan.time_steps;
        if !(1..=most).contains(&time_steps) {
            return Err(Error::Run(format!("{time_steps} time-steps: expected 1 to {most}, the network's.")));
        }
        let together = evaluated_together(&self.plan, inputs.device());
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
        observer: &mut impl Observer,
    ) -> Result<(Tensor, Activity)> {
        let draw = RandomKey { seed: self.seed, purpose: Purpose::PoissonEvaluation, epoch: draw, indices };
        let mut x = self.encoder.encode(inputs, time_steps, &draw)?;
        let mut activity = Activity::default();
        for node in &self.nodes {
            let y = node.layer.evaluate(&x)?;
            let neurons = node.neurons.as_deref();
            activity.observe(neurons, &y);
            observer.saw(&LayerIo { index: node.index, neurons, input: &x, output: &y })?;
            x = y.sequence;
        }
        Ok((x, activity))
    }

    /// Mean gamma of every BNTT layer at every time-step.
    pub fn gammas(&mut self) -> Result<Gammas> {
        let kinds = self.plan.kinds.clone();
        Ok(gammas(&self.state(), |index, _| kinds.get(index) == Some(&"bntt"))?)
    }

    /// Learned tensors with their full names (`layers.0.weight`), in the order of the layers.
    pub fn parameters(&mut self) -> Vec<(String, &mut Parameter)> {
        let of_node = |node| {
            let Node { name, layer, .. }: &mut Node = node;
            layer.parameters().into_iter().map(|p| (format!("{name}.{}", p.name), p)).collect::<Vec<_>>()
        };
        self.nodes.iter_mut().flat_map(of_node).collect()
    }
}
