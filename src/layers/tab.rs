//! Temporal Accumulated Batch Norm.

use super::BuildContext;
use super::norm::{NormSettings, NormSpec, StepWeight};
use crate::ops::batch_norm::Over;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Temporal Accumulated Batch Norm: every time-step is normalised by the statistics of all steps up to it.
///
/// `Y[t, c] = p[t]^2 (gamma[t, c] (I[t, c] - m[t, c]) / sqrt(v[t, c] + eps) + beta[t, c])`, with m and v over steps 0
/// to t, the batch and the space; p begins at 1. Gradients flow through m and v to all of these steps. Source: Jiang et
/// al. 2024 (TAB: Temporal Accumulated Batch Normalization in Spiking Neural Networks, ICLR); values checked against
/// the authors' code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TabConfig {
    /// Added to the variance.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
    /// Weight of the newest batch in the running statistics.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
}

impl Default for TabConfig {
    fn default() -> Self {
        Self { eps: 1e-5, momentum: 0.1 }
    }
}

impl NormSpec for TabConfig {
    fn settings(&self, context: &BuildContext) -> NormSettings {
        let (&Self { eps, momentum }, step) = (self, Some(StepWeight::Square));
        NormSettings { groups: context.time_steps, beta: true, factor: 1.0, eps, momentum, over: Over::Prefix, step }
    }
}
