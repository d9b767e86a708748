//! Poisson rate coding.

use super::Draw;
use crate::ops::poisson::{self, Rate};
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Poisson coding: a pixel fires sign(x) where scale u <= |x|, with u uniform and fresh at every time-step, also in
/// evaluation. The equation stands in [`crate::ops::poisson`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PoissonConfig {
    /// The magnitude of a normalised pixel that fires at every time-step.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub scale: f64,
    /// Whether negative pixels fire negative spikes; without, they are silent.
    pub signed: bool,
}

impl Default for PoissonConfig {
    fn default() -> Self {
        Self { scale: 2.0, signed: true }
    }
}

impl PoissonConfig {
    pub(super) fn encode(&self, images: &Tensor, time_steps: usize, draw: &Draw<'_>) -> Result<Tensor> {
        let rate = Rate { scale: self.scale, signed: self.signed };
        poisson::encode(images, time_steps, rate, &draw.streams())
    }
}
