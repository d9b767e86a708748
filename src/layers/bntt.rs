//! Batch Normalization Through Time.

use super::BuildContext;
use super::norm::{NormSettings, NormSpec};
use crate::ops::batch_norm::Over;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Batch Normalization Through Time: every time-step has statistics and a gamma of its own, and there is no beta.
///
/// For time-step t and channel c, with mean m and biased variance v over the batch and the space of that step alone:
/// Y[t, c] = gamma[t, c] (I[t, c] - m) / sqrt(v + eps). Gradients flow through m and v.
/// Source: Kim & Panda 2021 (arXiv 2010.01729), eq. 6; eps 1e-4 and momentum 0.1 from the authors' code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BnttConfig {
    /// Added to the variance.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
    /// Weight of the newest batch in the running statistics.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
}

impl Default for BnttConfig {
    fn default() -> Self {
        Self { eps: 1e-4, momentum: 0.1 }
    }
}

impl NormSpec for BnttConfig {
    fn settings(&self, context: &BuildContext) -> NormSettings {
        let &Self { eps, momentum } = self;
        NormSettings {
            groups: context.time_steps,
            beta: false,
            factor: 1.0,
            eps,
            momentum,
            over: Over::Group,
            step: None,
        }
    }
}
