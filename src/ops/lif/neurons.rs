//! The neurons of a layer: what its config says, and what it learned of them.

use super::neuron::{Neuron, NeuronCell};
use super::{InputFactor, LifConfig};
use crate::ops::values::values;
use candle_core::{Result, Tensor};

/// Neurons, with the values of what is learned: `[1]`, or `[C]` for every channel.
#[derive(Debug, Clone)]
pub struct Neurons {
    pub config: LifConfig,
    /// λ, between 0 and 1.
    pub leak: Option<Tensor>,
    /// θ, above 0.
    pub threshold: Option<Tensor>,
}

/// As the config says, a learned value being where it starts.
impl From<LifConfig> for Neurons {
    fn from(config: LifConfig) -> Self {
        Self { config, leak: None, threshold: None }
    }
}

impl Neurons {
    /// Whether gradients of leak or threshold are wanted.
    pub(in crate::ops) fn learned(&self) -> bool {
        self.leak.is_some() || self.threshold.is_some()
    }

    /// C, where channels differ, or 1.
    pub(in crate::ops) fn channels(&self) -> usize {
        [&self.leak, &self.threshold].into_iter().flatten().map(Tensor::elem_count).max().unwrap_or(1)
    }
}

/// Gradients of a layer's learned leak and threshold, of their shapes.
#[derive(Debug, Default)]
pub struct LearnedGradients {
    pub leak: Option<Tensor>,
    pub threshold: Option<Tensor>,
}

impl LearnedGradients {
    /// From the sums of every channel, or those of all together.
    pub(in crate::ops) fn of_channels(sums: Option<[Vec<f64>; 2]>, neurons: &Neurons) -> Result<Self> {
        let [leak, threshold] = sums.unwrap_or_default();
        let gradient = |sums: &[f64], value: &Option<Tensor>| {
            let of_value = |value: &Tensor| {
                let sums: Vec<f32> = match value.elem_count() {
                    1 => vec![sums.iter().sum::<f64>() as f32],
                    _ => sums.iter().map(|&sum| sum as f32).collect(),
                };
                Tensor::from_vec(sums, value.dims(), value.device())
            };
            value.as_ref().map(of_value).transpose()
        };
        Ok(Self { leak: gradient(&leak, &neurons.leak)?, threshold: gradient(&threshold, &neurons.threshold)? })
    }
}

/// The same as the CPU's kernels take it.
pub struct HostNeurons {
    pub(super) neuron: Neuron,
    /// One for every channel, or one for all.
    pub(super) cells: Vec<NeuronCell>,
    pub(super) learned: bool,
}

impl HostNeurons {
    pub fn new(neurons: &Neurons) -> Result<Self> {
        let Neurons { config, leak, threshold } = neurons;
        let host = |value: &Option<Tensor>| value.as_ref().map(|value| values(value).map(|v| v.to_vec())).transpose();
        let (leak, threshold) = (host(leak)?, host(threshold)?);
        let cell = |channel: usize| {
            let learned = |values: &Option<Vec<f32>>| values.as_ref().map(|values| values[channel % values.len()]);
            let (leak, gain) = match (learned(&leak), config.input) {
                (None, _) => (config.leak.start() as f32, config.gain() as f32),
                (Some(leak), InputFactor::Unit) => (leak, 1.0),
                (Some(leak), InputFactor::OneMinusLeak) => (leak, 1.0 - leak),
            };
            let threshold = learned(&threshold).unwrap_or(config.threshold.start() as f32);
            NeuronCell::new(leak, gain, threshold, config.reset)
        };
        let cells = (0..neurons.channels()).map(cell).collect();
        Ok(Self { neuron: Neuron::new(config), cells, learned: neurons.learned() })
    }
}
