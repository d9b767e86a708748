//! Direct coding.

use super::{Encoder, RandomKey};
use crate::ops::sequence::repeat;
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Direct coding: the analog image is the input at every time-step, so that the first convolution turns it into
/// currents, computed once. Source: Kim et al. 2022 (arXiv 2202.03133), section 2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectConfig {}

impl Encoder for DirectConfig {
    /// [T, B, ...] with stride 0 in time: nothing is copied.
    fn encode(&self, images: &Tensor, time_steps: usize, _: &RandomKey<'_>) -> Result<Tensor> {
        repeat(&images.unsqueeze(0)?, time_steps)
    }

    fn gradient(&self, _: &Tensor, grad: &Tensor) -> Result<Tensor> {
        grad.sum(0)
    }

    fn is_constant(&self) -> bool {
        true
    }
}
