//! Batch norm with statistics shared over time, for ablations.

use super::BuildContext;
use super::norm::{NormSettings, NormSpec};
use crate::ops::batch_norm::Over;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Batch norm whose mean, variance and gamma are shared by all time-steps: statistics over time, batch and space
/// together.
///
/// `Y[t, c] = gamma[c] (I[t, c] - m[c]) / sqrt(v[c] + eps) (+ beta[c])`. With `beta = false`, the default, it differs
/// from `bntt` in the sharing alone. Source: Ioffe & Szegedy 2015, applied to the sequence with T folded into the
/// batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchNormConfig {
    /// Added to the variance.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
    /// Weight of the newest batch in the running statistics.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// Whether a learned beta is added to every channel.
    pub beta: bool,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        Self { eps: 1e-4, momentum: 0.1, beta: false }
    }
}

impl NormSpec for BatchNormConfig {
    fn settings(&self, _: &BuildContext) -> NormSettings {
        let &Self { eps, momentum, beta } = self;
        NormSettings { groups: 1, beta, factor: 1.0, eps, momentum, over: Over::Group, step: None }
    }
}
