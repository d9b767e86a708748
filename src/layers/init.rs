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
    KaimingNormal(KaimingNormal),
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

/// Normal with mean 0 and deviation gain / sqrt(fan), of the inputs that an output sees or of the outputs that an input
/// reaches. Source: He et al. 2015; `fan = "out"` is that of residual networks' public code.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KaimingNormal {
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub gain: f64,
    pub fan: Fan,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fan {
    /// The inputs that an output sees.
    In,
    /// The outputs that an input reaches, with a stride of 1 and no groups.
    Out,
}

impl Default for KaimingNormal {
    fn default() -> Self {
        Self { gain: std::f64::consts::SQRT_2, fan: Fan::In }
    }
}

impl InitConfig {
    /// A weight [O, ...] whose other dimensions are `fan_in` elements; `fan_out` counts the outputs an input reaches.
    /// Number i of the layer's random stream makes element i; of normal weights numbers 2 i and 2 i + 1.
    pub fn weight(&self, shape: &[usize], fan_in: usize, fan_out: usize, shared: &BuildContext) -> Result<Tensor> {
        let stream = Stream::new(shared.seed, Purpose::Init, shared.index, 0, 0);
        let uniform = |bound: f64, i: u64| bound as f32 * (2.0 * stream.uniform(i) - 1.0);
        let draw = |i: u64| match *self {
            Self::XavierUniform(XavierUniform { gain }) => {
                uniform(gain * (6.0 / (fan_in as f64 + fan_out as f64)).sqrt(), i)
            }
            Self::KaimingUniform(KaimingUniform { gain }) => uniform(gain * (3.0 / fan_in as f64).sqrt(), i),
            Self::KaimingNormal(KaimingNormal { gain, fan }) => {
                let fan = if fan == Fan::In { fan_in } else { fan_out };
                (gain / (fan as f64).sqrt() * normal(&stream, i)) as f32
            }
        };
        let values = (0..shape.iter().product::<usize>() as u64).map(draw).collect::<Vec<_>>();
        Tensor::from_vec(values, shape, shared.device)
    }
}

/// Number i of the standard normal numbers that a stream makes (Box & Muller 1958).
fn normal(stream: &Stream, i: u64) -> f64 {
    let pair = i.wrapping_mul(2);
    let [first, second] = [pair, pair.wrapping_add(1)].map(|position| f64::from(stream.uniform(position)));
    (-2.0 * (1.0 - first).ln()).sqrt() * (std::f64::consts::TAU * second).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of a normal distribution within one, two and three deviations, and its fourth moment, 3.
    #[test]
    fn normal_numbers_are_distributed_as_they_should() {
        let stream = Stream::new(5, Purpose::Init, 1, 0, 0);
        let count = 200_000u64;
        let numbers: Vec<f64> = (0..count).map(|i| normal(&stream, i)).collect();
        let mean_of = |f: &dyn Fn(f64) -> f64| numbers.iter().map(|&x| f(x)).sum::<f64>() / count as f64;
        for (found, expected, within) in [
            (mean_of(&|x| x), 0.0, 0.01),
            (mean_of(&|x| x * x), 1.0, 0.015),
            (mean_of(&|x| x.powi(4)), 3.0, 0.1),
            (mean_of(&|x| f64::from(x.abs() < 1.0)), 0.6827, 0.005),
            (mean_of(&|x| f64::from(x.abs() < 2.0)), 0.9545, 0.003),
            (mean_of(&|x| f64::from(x.abs() < 3.0)), 0.9973, 0.001),
            (mean_of(&|x| f64::from(x > 0.0)), 0.5, 0.005),
        ] {
            assert!((found - expected).abs() < within, "{found}, expected {expected}");
        }
    }

    #[test]
    fn deviations_are_the_gain_over_the_root_of_the_fan() -> Result<()> {
        let text =
            |text: &str| toml::from_str::<std::collections::BTreeMap<String, InitConfig>>(text).expect("an init");
        let context = BuildContext {
            time_steps: 1,
            classes: 2,
            seed: 1,
            init: InitConfig::default(),
            device: &candle_core::Device::Cpu,
            precision: Default::default(),
            index: 0,
            list: "layers",
            following: &[],
            neurons_behind: None,
        };
        for (init, expected) in [("{ fan = 'in' }", 2.0 / 90.0), ("{ fan = 'out', gain = 1.0 }", 1.0 / 360.0)] {
            let init = text(&format!("init = {{ kaiming_normal = {init} }}"))["init"];
            let squares = init.weight(&[40, 10, 3, 3], 90, 360, &context)?.sqr()?.mean_all()?.to_scalar::<f32>()?;
            assert!((f64::from(squares) / expected - 1.0).abs() < 0.1, "{squares}, expected {expected}");
        }
        Ok(())
    }
}
