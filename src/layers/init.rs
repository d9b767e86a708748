//! Initial weights.

use super::BuildContext;
use crate::rng::{Purpose, Stream};
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How weights of convolutions and linear layers start. Biases start at 0, gamma at 1, beta at 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InitConfig {
    XavierUniform(XavierUniform),
    KaimingUniform(KaimingUniform),
}

impl Default for InitConfig {
    fn default() -> Self {
        Self::XavierUniform(XavierUniform::default())
    }
}

/// Uniform in ±gain sqrt(6 / (fan_in + fan_out)). Source: Glorot & Bengio 2010; gain 2 in the BNTT authors' code.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct XavierUniform {
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub gain: f64,
}

impl Default for XavierUniform {
    fn default() -> Self {
        Self { gain: 2.0 }
    }
}

/// Uniform in ±gain sqrt(3 / fan_in). Source: He et al. 2015; gain sqrt(2) is theirs, sqrt(1/3) is PyTorch's default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KaimingUniform {
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub gain: f64,
}

impl Default for KaimingUniform {
    fn default() -> Self {
        Self { gain: std::f64::consts::SQRT_2 }
    }
}

impl InitConfig {
    /// The largest magnitude a weight can start with.
    fn bound(&self, fan_in: usize, fan_out: usize) -> f64 {
        match self {
            Self::XavierUniform(XavierUniform { gain }) => gain * (6.0 / (fan_in as f64 + fan_out as f64)).sqrt(),
            Self::KaimingUniform(KaimingUniform { gain }) => gain * (3.0 / fan_in as f64).sqrt(),
        }
    }

    /// A weight [O, ...] whose other dimensions are `fan_in` elements; `fan_out` counts the outputs an input reaches.
    /// Number i of the layer's random stream makes element i.
    pub fn weight(&self, shape: &[usize], fan_in: usize, fan_out: usize, shared: &BuildContext) -> Result<Tensor> {
        let bound = self.bound(fan_in, fan_out) as f32;
        let stream = Stream::new(shared.seed, Purpose::Init, shared.index, 0, 0);
        let count = shape.iter().product::<usize>() as u64;
        let values = (0..count).map(|i| bound * (2.0 * stream.uniform(i) - 1.0)).collect::<Vec<_>>();
        Tensor::from_vec(values, shape, shared.device)
    }
}
