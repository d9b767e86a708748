//! Threshold-dependent batch norm, for ablations.

use super::BuildContext;
use super::norm::{NormSettings, NormSpec};
use crate::ops::batch_norm::Over;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Threshold-dependent batch norm: currents are scaled to the threshold of the neurons that they feed.
///
/// `Y[t, c] = gamma[c] alpha threshold (I[t, c] - m[c]) / sqrt(v[c] + eps) + beta[c]`, with statistics over time, batch
/// and space together; the threshold is that of the next LIF layer, a learned one being where it starts. Source: Zheng
/// et al. 2021 (arXiv 2011.05280), section "tdBN".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TdbnConfig {
    /// Factor of the threshold: 1 in a plain chain of layers, 1 / sqrt(2) where two branches are added.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub alpha: f64,
    /// Added to the variance.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
    /// Weight of the newest batch in the running statistics.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// Whether a learned beta is added to every channel.
    pub beta: bool,
}

impl Default for TdbnConfig {
    fn default() -> Self {
        Self { alpha: 1.0, eps: 1e-4, momentum: 0.1, beta: true }
    }
}

impl NormSpec for TdbnConfig {
    fn settings(&self, context: &BuildContext) -> NormSettings {
        let &Self { alpha, eps, momentum, beta } = self;
        let factor = alpha * context.next_lif().map_or(1.0, |lif| lif.threshold.start());
        NormSettings { groups: 1, beta, factor, eps, momentum, over: Over::Group, step: None }
    }
}
