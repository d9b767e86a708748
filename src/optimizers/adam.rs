//! Adam and AdamW.

use super::{DecayedParameters, OptimizerConfig, OptimizerSpec};
use crate::ops::update::{self, ParameterUpdate, StepGuard};
use candle_core::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Adam: with g' = g + weight_decay w, m = b1 m + (1 - b1) g', v = b2 v + (1 - b2) g'^2, at step n
/// w = w - lr (m / (1 - b1^n)) / (sqrt(v / (1 - b2^n)) + eps). Source: Kingma & Ba 2015, algorithm 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Learning rate, before the schedule's factor.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    /// Decay of the first and of the second moment.
    #[serde(default = "betas")]
    #[schemars(inner(range(min = 0.0, max = 0.999_999_999)))]
    pub betas: [f64; 2],
    #[serde(default = "eps")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
    /// Factor of the weight added to its gradient.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Which parameters decay: `"all"`, or `"weights"`, those of convolutions and linear layers alone.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub decay: DecayedParameters,
}

/// AdamW: Adam whose weight decay shrinks the weight itself, w = (1 - lr weight_decay) w, before Adam's step without
/// decay. Source: Loshchilov & Hutter 2019.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamwConfig {
    /// Learning rate, before the schedule's factor.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    /// Decay of the first and of the second moment.
    #[serde(default = "betas")]
    #[schemars(inner(range(min = 0.0, max = 0.999_999_999)))]
    pub betas: [f64; 2],
    #[serde(default = "eps")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
    /// Share of the weight taken off per unit of learning rate.
    #[serde(default = "decoupled_decay")]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Which parameters decay: `"all"`, or `"weights"`, those of convolutions and linear layers alone.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub decay: DecayedParameters,
}

fn betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn eps() -> f64 {
    1e-8
}

fn decoupled_decay() -> f64 {
    1e-2
}

/// Of the gradient and of its square.
const MOMENTS: &[&str] = &["first", "second"];

impl OptimizerSpec for AdamConfig {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn moments(&self) -> &'static [&'static str] {
        MOMENTS
    }

    fn without_decay(&self) -> Option<OptimizerConfig> {
        let plain = || OptimizerConfig::Adam(Self { weight_decay: 0.0, ..self.clone() });
        (self.decay == DecayedParameters::Weights).then(plain)
    }

    fn update(&self, items: &[ParameterUpdate<'_>], lr: f64, steps: u64, step_guard: &StepGuard) -> Result<()> {
        update::adam(items, &adam(self.betas, self.eps, lr, steps, self.weight_decay, 1.0), step_guard)
    }
}

impl OptimizerSpec for AdamwConfig {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn moments(&self) -> &'static [&'static str] {
        MOMENTS
    }

    fn without_decay(&self) -> Option<OptimizerConfig> {
        let plain = || OptimizerConfig::Adamw(Self { weight_decay: 0.0, ..self.clone() });
        (self.decay == DecayedParameters::Weights).then(plain)
    }

    fn update(&self, items: &[ParameterUpdate<'_>], lr: f64, steps: u64, step_guard: &StepGuard) -> Result<()> {
        update::adam(items, &adam(self.betas, self.eps, lr, steps, 0.0, 1.0 - lr * self.weight_decay), step_guard)
    }
}

/// Step number `steps` (from 1), with the corrections for moments that began at 0.
fn adam(betas: [f64; 2], eps: f64, lr: f64, steps: u64, weight_decay: f64, keep: f64) -> update::Adam {
    let [first, second] = betas.map(|beta| 1.0 - beta.powf(steps as f64));
    update::Adam { betas, weight_decay, keep, rate: lr / first, root_scale: second.sqrt(), eps }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};

    /// With one gradient the corrected moments are g and g^2, so the first step is lr in the gradient's direction.
    #[test]
    fn the_first_steps_are_those_computed_by_hand() -> Result<()> {
        let tensor = |v: f32| Tensor::new(&[v], &Device::Cpu);
        let close = |w: &Tensor, expected: f32| {
            let found = w.to_vec1::<f32>()?[0];
            assert!((found - expected).abs() < 1e-5, "expected {expected}, found {found}");
            Ok::<_, candle_core::Error>(())
        };
        let step_guard = StepGuard::granted(&Device::Cpu)?;
        let step = |update: &dyn Fn(&[ParameterUpdate<'_>]) -> Result<()>, w: &Tensor, g: f32, moments: &[Tensor]| {
            update(&[ParameterUpdate { w, gradient: &tensor(g)?, moments }])
        };
        let adam = AdamConfig { lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, decay: Default::default() };
        let (w, moments) = (tensor(1.0)?, [tensor(0.0)?, tensor(0.0)?]);
        step(&|items| adam.update(items, 0.1, 1, &step_guard), &w, -3.0, &moments)?;
        close(&w, 1.1)?;
        // m = .9 (-.3) + .1 (1) = -.17, corrected by 1 - .81; v = .999 (.009) + .001, corrected by 1 - .998001.
        step(&|items| adam.update(items, 0.1, 2, &step_guard), &w, 1.0, &moments)?;
        close(&w, 1.1 + 0.1 * (0.17 / 0.19) / (0.009_991f32 / 0.001_999).sqrt())?;
        let adamw =
            AdamwConfig { lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.5, decay: Default::default() };
        let (w, moments) = (tensor(1.0)?, [tensor(0.0)?, tensor(0.0)?]);
        step(&|items| adamw.update(items, 0.1, 1, &step_guard), &w, 2.0, &moments)?;
        close(&w, 0.95 - 0.1)
    }
}
