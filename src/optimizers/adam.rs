//! Adam and AdamW.

use crate::ops::update::{AdamStep, Moment, Scale};
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Adam: with g' = g + weight_decay w, m = b1 m + (1 - b1) g', v = b2 v + (1 - b2) g'^2, at step n
/// w = w - lr (m / (1 - b1^n)) / (sqrt(v / (1 - b2^n)) + eps). Source: Kingma & Ba 2015, algorithm 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Learning rate, before the schedule's factor.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    /// Decay of the first and of the second moment.
    #[serde(default = "betas")]
    #[schemars(inner(range(min = 0.0, max = 0.999_999_999)))]
    pub betas: [f64; 2],
    #[serde(default = "eps")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
    /// Factor of the weight added to its gradient.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

/// AdamW: Adam whose weight decay shrinks the weight itself, w = (1 - lr weight_decay) w, before Adam's step without decay.
/// Source: Loshchilov & Hutter 2019.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamwConfig {
    /// Learning rate, before the schedule's factor.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    /// Decay of the first and of the second moment.
    #[serde(default = "betas")]
    #[schemars(inner(range(min = 0.0, max = 0.999_999_999)))]
    pub betas: [f64; 2],
    #[serde(default = "eps")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
    /// Share of the weight taken off per unit of learning rate.
    #[serde(default = "decoupled_decay")]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

fn betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn eps() -> f64 {
    1e-8
}

fn decoupled_decay() -> f64 {
    1e-2
}

impl AdamConfig {
    pub(super) fn update(&self, w: &Tensor, g: &Tensor, m: &Tensor, v: &Tensor, lr: f64, steps: u64) -> Result<()> {
        let ([beta1, beta2], weight_decay) = (self.betas, self.weight_decay);
        m.inplace_op3(g, w, &Moment { beta: beta1, weight_decay, squared: false })?;
        v.inplace_op3(g, w, &Moment { beta: beta2, weight_decay, squared: true })?;
        let correction = |beta: f64| 1.0 - beta.powf(steps as f64);
        let (rate, root_scale) = (lr / correction(beta1), correction(beta2).sqrt());
        w.inplace_op3(m, v, &AdamStep { rate, root_scale, eps: self.eps })
    }
}

impl AdamwConfig {
    pub(super) fn update(&self, w: &Tensor, g: &Tensor, m: &Tensor, v: &Tensor, lr: f64, steps: u64) -> Result<()> {
        w.inplace_op1(&Scale(1.0 - lr * self.weight_decay))?;
        let &Self { lr: base, betas, eps, .. } = self;
        AdamConfig { lr: base, betas, eps, weight_decay: 0.0 }.update(w, g, m, v, lr, steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// With one gradient the corrected moments are g and g^2, so the first step is lr in the gradient's direction.
    #[test]
    fn the_first_steps_are_those_computed_by_hand() -> Result<()> {
        let tensor = |v: f32| Tensor::new(&[v], &Device::Cpu);
        let close = |w: &Tensor, expected: f32| {
            let found = w.to_vec1::<f32>()?[0];
            assert!((found - expected).abs() < 1e-5, "expected {expected}, found {found}");
            Ok::<_, candle_core::Error>(())
        };
        let adam = AdamConfig { lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0 };
        let (w, m, v) = (tensor(1.0)?, tensor(0.0)?, tensor(0.0)?);
        adam.update(&w, &tensor(-3.0)?, &m, &v, 0.1, 1)?;
        close(&w, 1.1)?;
        // m = .9 (-.3) + .1 (1) = -.17, corrected by 1 - .81; v = .999 (.009) + .001, corrected by 1 - .998001.
        adam.update(&w, &tensor(1.0)?, &m, &v, 0.1, 2)?;
        close(&w, 1.1 + 0.1 * (0.17 / 0.19) / (0.009_991f32 / 0.001_999).sqrt())?;
        let adamw = AdamwConfig { lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.5 };
        let (w, m, v) = (tensor(1.0)?, tensor(0.0)?, tensor(0.0)?);
        adamw.update(&w, &tensor(2.0)?, &m, &v, 0.1, 1)?;
        close(&w, 0.95 - 0.1)
    }
}
