//! Leaky integrate-and-fire neurons over a whole sequence.
//!
//! With input current I, membrane potential U (U before the first step is 0), leak λ, threshold θ and input factor g (1
//! for `input = "unit"`, 1 - λ for `"one_minus_leak"`), at every time-step, in this order:
//!
//! | | integrate, then fire (default) | `fire_before_integrate` |
//! |---|---|---|
//! | 1 | U = λ U + g I | S = 1 if U / θ - 1 > 0, else 0 |
//! | 2 | S = 1 if U / θ - 1 > 0, else 0 | U = λ U + g I |
//! | 3 | soft reset U -= θ S; hard reset U = 0 where S = 1 | the same reset |
//!
//! Potentials live only inside the op; nothing carries over to the next sequence. Shapes: I [T, ...] `f32`, S [T, ...]
//! `u8`. Source: Kim & Panda 2021 (arXiv 2010.01729), eq. 1 and 2 and the authors' code (soft reset, integrate, then
//! fire, g = 1); Kim et al. 2022 (arXiv 2202.03133) (g = 1 - λ). The older order is our reading of the code of November
//! 2020: the spike comes from the potential that the step found, and the reset is subtracted after the leak, without
//! being scaled by it.
//!
//! Gradient: dS/dU is the surrogate's derivative at x = U / θ - 1, divided by θ. The reset is detached: S in step 3
//! counts as a constant (a hard reset passes λ (1 - S)); with `detach_reset = false` the loss depends on S through step
//! 3 too. Backward runs time in reverse and computes U again from I, so I is all that need be kept.
//!
//! λ and θ may be learned, one for the layer or one for every channel. With G the loss's derivative by the U that is
//! integrated, dL/dλ is the sum over time-steps and neurons of G times the U that the step found, less G I where g =
//! 1 - λ; dL/dθ is the sum of -dL/dS h(x) U / θ² and, with a soft reset, of -S times the derivative by the U that the
//! step leaves.

pub(super) mod cpu;
pub mod cuda;
pub(super) mod neuron;
pub(super) mod neurons;
mod setting;
mod spike_gradient;
mod step_back;
mod surrogate;

pub use neurons::{LearnedGradients, Neurons};
pub use setting::{Leak, LearnedLeak, LearnedPer, LearnedThreshold, Threshold};
pub use spike_gradient::SpikeGradient;
pub use surrogate::{ArcTangent, FastSigmoid, Rectangle, Surrogate, Triangle};

use super::channels_last::{channels_last, from_channels_last};
use super::gpu;
use super::sequence::ChannelsLast;
use super::values::values;
use candle_core::{Device, Result, Tensor};
use neurons::HostNeurons;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A layer of leaky integrate-and-fire neurons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LifConfig {
    /// Share of the membrane potential kept from one time-step to the next: a number (1 is the integrate-and-fire
    /// neuron) or, to be learned, { start = 0.95, learn = "layer" } or "channel".
    pub leak: Leak,
    /// Potential above which a neuron fires: a number or, to be learned, { start = 1.0, learn = "layer" } or "channel".
    pub threshold: Threshold,
    /// Factor of the input current.
    pub input: InputFactor,
    /// What a spike does to the membrane potential.
    pub reset: Reset,
    /// Whether the reset counts as a constant in back-propagation.
    pub detach_reset: bool,
    /// Stand-in for the derivative of the spike in back-propagation.
    pub surrogate: Surrogate,
    /// The order of the BNTT authors' code of November 2020: fire from the potential found, then integrate.
    pub fire_before_integrate: bool,
}

impl Default for LifConfig {
    fn default() -> Self {
        Self {
            leak: Leak::Fixed(0.95),
            threshold: Threshold::Fixed(1.0),
            input: InputFactor::Unit,
            reset: Reset::Soft,
            detach_reset: true,
            surrogate: Surrogate::default(),
            fire_before_integrate: false,
        }
    }
}

/// Factor of the input current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputFactor {
    /// U = leak U + I (Batch Normalization Through Time).
    Unit,
    /// U = leak U + (1 - leak) I (rate vs direct coding).
    OneMinusLeak,
}

/// What a spike does to the membrane potential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// U - threshold.
    Soft,
    /// 0.
    Hard,
    /// Nothing.
    None,
}

impl LifConfig {
    /// The factor g of the input current, of a learned leak where it starts.
    pub fn gain(&self) -> f64 {
        match self.input {
            InputFactor::Unit => 1.0,
            InputFactor::OneMinusLeak => 1.0 - self.leak.start(),
        }
    }

    /// Whether the input factor is 1 - leak, and so learned where the leak is.
    fn gain_is_learned(&self) -> bool {
        self.input == InputFactor::OneMinusLeak
    }
}

/// How a GPU stores the spikes of single-precision currents. Those of `bf16` currents are `bf16`, the CPU's are bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SpikeStorage {
    #[default]
    Bytes,
    /// What tensor cores multiply, without a cast on the way and another on the way back.
    Floats,
}

/// What neurons put out.
pub struct SpikeOutput {
    /// [T, ...], 0 or 1: `u8`, or of the currents' type: see [`SpikeStorage`].
    pub spikes: Tensor,
    /// How many are 1: `[1]` (`i64`).
    pub count: Tensor,
}

impl SpikeOutput {
    /// From a CPU kernel's spikes, in the order in which sequences lie.
    pub(super) fn new((spikes, count): (Vec<u8>, u64), like: &Tensor) -> Result<Self> {
        let count = Tensor::new(&[count as i64], like.device())?;
        Ok(Self { spikes: from_channels_last(spikes, like.dims(), like)?, count })
    }
}

/// Spikes of currents [T, ...].
pub fn forward(currents: &Tensor, neurons: &Neurons, storage: SpikeStorage) -> Result<SpikeOutput> {
    match currents.device() {
        Device::Cpu => {
            let stored = ChannelsLast::new(currents)?;
            let spikes = cpu::forward(
                cpu::Sequence::stored(&stored, &values(&stored.tensor)?),
                &HostNeurons::new(neurons)?,
                &cpu::StoredCurrents,
            );
            SpikeOutput::new(spikes, currents)
        }
        device => cuda::forward(&*gpu::for_device(device)?, currents, neurons, storage),
    }
}

/// What [`gradients`] gives.
pub struct NeuronGradients {
    /// [T, ...]; of currents that are constant in time one time-step, the sum.
    pub currents: Tensor,
    pub learned: LearnedGradients,
}

/// All gradients, from the spikes' gradient [T, ...].
pub fn gradients<'a>(
    currents: &Tensor,
    grad: impl Into<SpikeGradient<'a>>,
    neurons: &Neurons,
) -> Result<NeuronGradients> {
    let grad = grad.into();
    match currents.device() {
        Device::Cpu => {
            let (stored, grad) = (ChannelsLast::new(currents)?, channels_last(&grad.whole(currents)?)?);
            let (host, tensor) = (HostNeurons::new(neurons)?, values(&stored.tensor)?);
            let cpu::NeuronReverse { currents: mut gradient, learned, .. } =
                cpu::gradient(cpu::Sequence::stored(&stored, &tensor), &values(&grad)?, &host, &cpu::StoredCurrents);
            let mut shape = currents.dims().to_vec();
            if stored.constant {
                gradient = cpu::sum_over_time(&gradient, tensor.len(), 1, |_, _, _| {});
                shape[0] = 1;
            }
            Ok(NeuronGradients {
                currents: from_channels_last(gradient, &shape, currents)?,
                learned: LearnedGradients::of_channels(learned, neurons)?,
            })
        }
        device => cuda::gradients(&*gpu::for_device(device)?, currents, &grad, neurons),
    }
}
