//! Temporal Effective Batch Norm.

use super::BuildContext;
use super::norm::{NormSettings, NormSpec, StepWeight};
use crate::ops::batch_norm::Over;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Temporal Effective Batch Norm: statistics of the whole sequence, and a learned weight of every time-step.
///
/// `Y[t, c] = p[t] (gamma[c] (I[t, c] - m[c]) / sqrt(v[c] + eps) + beta[c])`, with statistics over time, batch and
/// space together; p begins at 1. Source: Duan et al. 2022 (Temporal Effective Batch Normalization in Spiking Neural
/// Networks, NeurIPS); values checked against the authors' code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TebnConfig {
    /// Added to the variance.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
    /// Weight of the newest batch in the running statistics.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
}

impl Default for TebnConfig {
    fn default() -> Self {
        Self { eps: 1e-5, momentum: 0.1 }
    }
}

impl NormSpec for TebnConfig {
    fn settings(&self, _: &BuildContext) -> NormSettings {
        let (&Self { eps, momentum }, step) = (self, Some(StepWeight::Plain));
        NormSettings { groups: 1, beta: true, factor: 1.0, eps, momentum, over: Over::Sequence, step }
    }
}
