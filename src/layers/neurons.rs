//! The parameters that neurons learn: of the leak and of the threshold.

use super::Parameter;
use crate::ops::lif::{LearnedGradients, LearnedPer, LifConfig, Neurons};
use candle_core::{Device, Result, Tensor};

/// A leak λ is learned as the parameter `leak_logit`, of which it is the sigmoid.
pub const LEAK_LOGIT: &str = "leak_logit";
/// A threshold θ is the parameter `threshold` itself.
pub const THRESHOLD: &str = "threshold";

/// Neurons with what they learn: parameters `[1]`, or `[C]` for every channel.
pub struct LearnedNeurons {
    config: LifConfig,
    leak_logit: Option<Parameter>,
    threshold: Option<Parameter>,
}

/// Numbers of a setting that is learned for each of so many channels.
fn numbers(learned: Option<LearnedPer>, channels: usize) -> usize {
    match learned {
        None => 0,
        Some(LearnedPer::Layer) => 1,
        Some(LearnedPer::Channel) => channels,
    }
}

/// Numbers that neurons of so many channels learn.
pub fn learned_numbers(config: &LifConfig, channels: usize) -> usize {
    numbers(config.leak.learned(), channels).saturating_add(numbers(config.threshold.learned(), channels))
}

impl LearnedNeurons {
    /// Neurons of so many channels with everything where it starts.
    pub fn new(config: &LifConfig, channels: usize, device: &Device) -> Result<Self> {
        let parameter = |name, learned: Option<LearnedPer>, start: f64| {
            let value = |per| Tensor::full(start as f32, numbers(Some(per), channels), device);
            learned.map(|per| value(per).map(|value| Parameter::new(name, value))).transpose()
        };
        let leak = config.leak.start();
        Ok(Self {
            config: config.clone(),
            leak_logit: parameter(LEAK_LOGIT, config.leak.learned(), (leak / (1.0 - leak)).ln())?,
            threshold: parameter(THRESHOLD, config.threshold.learned(), config.threshold.start())?,
        })
    }

    /// The neurons as they are now.
    pub fn now(&self) -> Result<Neurons> {
        let leak = self.leak_logit.as_ref().map(|logit| candle_nn::ops::sigmoid(&logit.value)).transpose()?;
        let threshold = self.threshold.as_ref().map(|threshold| threshold.value.clone());
        Ok(Neurons { config: self.config.clone(), leak, threshold })
    }

    /// Adds to the parameters' gradients those of the leak and of the threshold of `neurons`.
    pub fn accumulate(&mut self, found: LearnedGradients, neurons: &Neurons) -> Result<()> {
        if let (Some(parameter), Some(gradient), Some(leak)) = (&mut self.leak_logit, found.leak, &neurons.leak) {
            // Of the sigmoid.
            parameter.accumulate(((gradient * leak)? * (1.0 - leak)?)?)?;
        }
        if let (Some(parameter), Some(gradient)) = (&mut self.threshold, found.threshold) {
            parameter.accumulate(gradient)?;
        }
        Ok(())
    }

    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.leak_logit.iter().chain(&self.threshold)
    }

    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.leak_logit.iter_mut().chain(&mut self.threshold)
    }
}
