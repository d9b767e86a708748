//! From a trained network of rectified linear units to one of spiking neurons that approaches its activations with the
//! number of time-steps.
//!
//! Every `relu` becomes integrate-and-fire neurons (leak 1) with a soft reset, which subtracts the threshold: driven by
//! a constant current I from the potential 0, such a neuron's firing rate over T steps is within 1 / T of I by its
//! threshold, cut to 0 to 1. With the activation a of the unit and the threshold lambda, the given percentile of all
//! activations of its layer over the training images, the rate r approaches a / lambda, and 1 where a is larger.
//!
//! A spike has the value 1, not lambda: what follows gets a / s where the network had a, with s the lambda of the
//! neurons before (of a Poisson encoder, its scale), through pools, flatten and dropout too, which are linear. Weights
//! of `conv` and `linear` are multiplied by s, biases stay, and so currents are those of the network in the mean over
//! time. A `batch_norm` in evaluation is a line of its currents, which it stays, with its running statistics: what
//! folding it into weights and a bias of every time-step would give.
//!
//! Sources: Diehl et al. 2015; Rueckauer et al. 2017 (percentile, soft reset, biases and batch norm); Sengupta et al.
//! 2019 (balanced thresholds: the largest activation, percentile 100).

// Counts of a histogram, and scales.
#![allow(clippy::arithmetic_side_effects)]

mod histogram;
mod scaling;

pub use histogram::Histogram;
pub use scaling::{ScaledNetwork, scaled};

use crate::data::Batches;
use crate::encoders::{DirectConfig, EncoderConfig, PoissonConfig};
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::layers::{LayerConfig, LifConfig};
use crate::network::{LayerIo, Network, NetworkConfig, Observer, ReadoutConfig};
use crate::ops::lif::{InputFactor, Reset};
use candle_core::Tensor;
use std::collections::BTreeMap;

/// How the converted network's images become sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ConversionEncoder {
    /// The image itself at every time-step.
    Direct,
    /// Random spikes, of which the largest pixel fires at every time-step.
    Poisson,
}

/// What to make of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConversionOptions {
    pub time_steps: usize,
    /// Above 0, at most 100.
    pub percentile: f64,
    pub encoder: ConversionEncoder,
}

/// What the layers of a network give over a split.
pub struct Activations {
    /// Of each `relu`, by its place in the list.
    pub layers: BTreeMap<usize, Histogram>,
    /// The largest magnitude of an image's values.
    pub input: f32,
    pub images: u64,
}

/// A network of spiking neurons.
pub struct Converted {
    pub experiment: Experiment,
    pub model: BTreeMap<String, Tensor>,
    /// Of each layer of neurons: `layers.2.lif`.
    pub thresholds: Vec<(String, f64)>,
}

/// Why a network cannot be converted: a key, and a sentence.
///
/// # Errors
/// The first layer that there is no rule for, or a network that is none of rectified linear units.
pub fn check(network: &NetworkConfig) -> Result<()> {
    let refuse = |key: &str, problem: &str| Err(Error::Run(format!("{key}: {problem}.")));
    if !matches!(network.encoder, EncoderConfig::Direct(_)) || network.time_steps != 1 {
        let problem =
            "a network of one time-step and direct coding was expected, as network.neuron = \"relu\" trains it";
        return refuse("network", problem);
    }
    for (index, layer) in network.layers.iter().enumerate() {
        let problem = match layer {
            LayerConfig::Conv(_) | LayerConfig::Linear(_) | LayerConfig::BatchNorm(_) | LayerConfig::Relu(_) => {
                continue;
            }
            LayerConfig::Flatten(_) | LayerConfig::Dropout(_) => continue,
            LayerConfig::Pool(pool) if !pool.is_max() => continue,
            LayerConfig::Pool(_) => {
                "the largest of a window's spikes is not the largest of its rates: use average pools"
            }
            LayerConfig::Residual(_) => "there is no rule for residual layers, whose sides have different thresholds",
            LayerConfig::Lif(_) => {
                "these are spiking neurons: a network of \"relu\" was expected, as network.neuron = \"relu\" trains it"
            }
            _ => "there is no rule for such a layer: of norms, batch_norm is converted",
        };
        return refuse(&format!("network.layers[{index}] {}", layer.kind()), problem);
    }
    if !network.has(|layer| matches!(layer, LayerConfig::Relu(_))) {
        return refuse("network.layers", "there is no \"relu\" to convert");
    }
    if !matches!(network.layers.last(), Some(LayerConfig::Linear(_) | LayerConfig::Conv(_))) {
        return refuse(
            "network.layers",
            "the last layer was expected to be a linear one, whose currents are the logits",
        );
    }
    if !matches!(network.readout, ReadoutConfig::Mean | ReadoutConfig::Vote(_)) {
        return refuse(
            "network.readout",
            "\"mean\" or { vote = ... } was expected: logits of rates are means over time",
        );
    }
    Ok(())
}

/// What is counted while a network is evaluated.
struct ActivationCounter<'a> {
    network: &'a NetworkConfig,
    found: &'a mut Activations,
}

impl Observer for ActivationCounter<'_> {
    fn layer(&mut self, io: &LayerIo<'_>) -> candle_core::Result<()> {
        if io.nested {
            return Ok(());
        }
        if let Some(input) = io.input.filter(|_| io.index == 0) {
            let largest = input.abs()?.flatten_all()?.max(0)?.to_dtype(candle_core::DType::F32)?.to_scalar::<f32>()?;
            self.found.input = self.found.input.max(largest);
        }
        if let Some(LayerConfig::Relu(_)) = self.network.layers.get(io.index) {
            self.found.layers.entry(io.index).or_default().add(&io.output.sequence)?;
        }
        Ok(())
    }
}

/// The activations of a network on all images of `batches`.
pub fn activations(network: &Network, config: &NetworkConfig, batches: &Batches<'_>) -> Result<Activations> {
    let mut found = Activations { layers: BTreeMap::new(), input: 0.0, images: 0 };
    for batch in batches.iter_from(0) {
        let batch = batch?;
        let mut counter = ActivationCounter { network: config, found: &mut found };
        network.evaluate_steps(&batch.inputs, 0, &batch.indices, 1, &mut counter)?;
        found.images += batch.indices.len() as u64;
    }
    Ok(found)
}

/// The network of spiking neurons that a network of `experiment` with the tensors `model` becomes.
///
/// # Errors
/// As [`check`]; a layer that was never active.
pub fn convert(
    experiment: &Experiment,
    model: &BTreeMap<String, Tensor>,
    activations: &Activations,
    options: ConversionOptions,
) -> Result<Converted> {
    check(&experiment.network)?;
    let mut experiment = experiment.clone();
    let (encoder, input) = match options.encoder {
        ConversionEncoder::Direct => (EncoderConfig::Direct(DirectConfig {}), 1.0),
        ConversionEncoder::Poisson => {
            // A larger pixel would fire at every time-step, and a rate cannot say how much larger it is.
            let scale = f64::from(activations.input.max(f32::MIN_POSITIVE));
            (EncoderConfig::Poisson(PoissonConfig { scale, signed: true }), scale)
        }
    };
    let mut lambdas = BTreeMap::new();
    for (index, layer) in experiment.network.layers.iter().enumerate() {
        if let LayerConfig::Relu(_) = layer {
            lambdas.insert(index, lambda(index, activations, options.percentile)?);
        }
    }
    let ScaledNetwork { model, thresholds } = scaled(&experiment.network, model, &lambdas, input)?;
    for (index, threshold) in &thresholds {
        if let Some(layer) = experiment.network.layers.get_mut(*index) {
            let neurons = LifConfig { input: InputFactor::Unit, reset: Reset::Soft, ..LifConfig::default() };
            *layer = LayerConfig::Lif(LifConfig { leak: 1.0.into(), threshold: (*threshold).into(), ..neurons });
        }
    }
    (experiment.network.encoder, experiment.network.time_steps) = (encoder, options.time_steps);
    (experiment.training.early_exit, experiment.training.initial_weights) = (None, None);
    let thresholds = thresholds.into_iter().map(|(index, value)| (format!("layers.{index}.lif"), value)).collect();
    Ok(Converted { experiment, model, thresholds })
}

/// The activation that a layer's neurons fire at every time-step for.
fn lambda(index: usize, activations: &Activations, percentile: f64) -> Result<f64> {
    let histogram = activations.layers.get(&index);
    let found = histogram.map_or(0.0, |histogram| histogram.percentile(percentile));
    if found > 0.0 {
        return Ok(f64::from(found));
    }
    let largest = histogram.map_or(0.0, Histogram::largest);
    Err(Error::Run(format!(
        "network.layers[{index}] relu: {percentile} % of its activations on the training images are 0 (the largest is {largest}), \
         and no threshold follows from that: use a higher --percentile, or a network whose layers are all active."
    )))
}
