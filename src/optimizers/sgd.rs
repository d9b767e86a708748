//! Stochastic gradient descent.

use super::{DecayedParameters, OptimizerConfig, OptimizerSpec};
use crate::ops::update::{self, ParameterUpdate, StepGuard};
use candle_core::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// m = momentum m + (g + weight_decay w), w = w - lr m, from m = 0. As PyTorch's SGD without dampening or Nesterov.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SgdConfig {
    /// Learning rate, before the schedule's factor.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    #[serde(default)]
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub momentum: f64,
    /// Factor of the weight added to its gradient.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Which parameters decay: `"all"`, or `"weights"`, those of convolutions and linear layers alone.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub decay: DecayedParameters,
}

impl OptimizerSpec for SgdConfig {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn moments(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum"] }
    }

    fn without_decay(&self) -> Option<OptimizerConfig> {
        let plain = || OptimizerConfig::Sgd(Self { weight_decay: 0.0, ..self.clone() });
        (self.decay == DecayedParameters::Weights).then(plain)
    }

    fn update(&self, items: &[ParameterUpdate<'_>], lr: f64, _: u64, step_guard: &StepGuard) -> Result<()> {
        let &Self { momentum, weight_decay, .. } = self;
        update::sgd(items, &update::Sgd { rate: lr, momentum, weight_decay }, step_guard)
    }
}
