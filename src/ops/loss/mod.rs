//! The loss of what a network's readout counts, I [T, B, K], and its gradient: the last layer's currents, unless the
//! network has another `readout`.
//!
//! | `training.loss` | equation |
//! |---|---|
//! | `"cross_entropy"` | the cross-entropy of the mean over time, `Z = (1 / T) sum over t of I[t]` |
//! | `{ mse = {} }` | the mean over b, k of `(Z[b, k] - onehot(y)[b, k])^2` |
//! | `{ tet = { lambda, target } }` | (1 - lambda) times the mean over t of the cross-entropy of `I[t]`, plus lambda times the mean over t, b, k of `(I[t, b, k] - target)^2` |
//!
//! Sources: the papers on BNTT and on rate and direct coding (cross-entropy of accumulated currents); Deng et al. 2022,
//! arXiv 2202.11946, eq. 9 to 11 (temporal efficient training, TET). Top-1 and top-5 count by Z in all of them.

mod firing_rate;

pub use firing_rate::{FiringRateConfig, added as with_spike_gradient};

use super::cross_entropy::{score, score_and_gradient as cross_entropy};
use super::sequence::repeat;
use super::squared_error::{OtherLoss, Target, with_other};
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What training makes small; evaluations report the cross-entropy of the mean over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossConfig {
    /// The cross-entropy of the mean over time.
    #[default]
    CrossEntropy,
    /// The squared error of the mean over time against 1 for the label and 0 for the other classes.
    Mse(SquaredErrorConfig),
    /// The cross-entropy of every time-step, and how far currents are from a target.
    Tet(TetConfig),
}

/// Nothing to set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SquaredErrorConfig {}

/// Temporal efficient training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TetConfig {
    /// Share of the squared distance from `target`; the cross-entropies have the rest.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub lambda: f64,
    /// What currents are drawn to.
    pub target: f64,
}

impl Default for TetConfig {
    fn default() -> Self {
        Self { lambda: 1e-3, target: 1.0 }
    }
}

impl LossConfig {
    /// What the types do not exclude: a key below `training.loss`, and a sentence.
    pub fn mistake(&self) -> Option<(&'static str, String)> {
        match *self {
            Self::Tet(TetConfig { lambda, .. }) if !(0.0..=1.0).contains(&lambda) => {
                Some(("tet.lambda", format!("expected 0 to 1, found {lambda}")))
            }
            Self::Tet(TetConfig { target, .. }) if !target.is_finite() => {
                Some(("tet.target", format!("expected a number, found {target}")))
            }
            _ => None,
        }
    }
}

/// The score of `currents` [T, B, K] against `labels` `[B]`, and the gradient of the loss by them [T, B, K].
pub fn score_and_gradient(
    currents: &Tensor,
    labels: &Tensor,
    loss: &LossConfig,
    smoothing: f64,
) -> Result<(Tensor, Tensor)> {
    let (time_steps, batch, classes) = currents.dims3()?;
    let logits = currents.mean(0)?;
    match *loss {
        LossConfig::CrossEntropy => {
            let (score, gradient) = cross_entropy(&logits, labels, smoothing)?;
            Ok((score, gradient_of_steps(&gradient, time_steps)?))
        }
        LossConfig::Mse(_) => {
            let counted = score(&logits, labels, 0.0)?;
            let (score, gradient) = with_other(&logits, Target::Labels(labels), 1.0, None, &counted)?;
            Ok((score, gradient_of_steps(&gradient, time_steps)?))
        }
        LossConfig::Tet(TetConfig { lambda, target }) => {
            let counted = score(&logits, labels, 0.0)?;
            let rows = currents.contiguous()?.reshape((time_steps * batch, classes))?;
            let each = repeat(&labels.unsqueeze(0)?, time_steps)?.contiguous()?.flatten_all()?;
            let (entropies, gradient) = cross_entropy(&rows, &each, smoothing)?;
            let (score, rows_of) = (&entropies, time_steps * batch);
            let other = OtherLoss { score, rows: rows_of, gradient: &gradient, share: 1.0 - lambda };
            let (score, gradient) = with_other(&rows, Target::Number(target), lambda, Some(&other), &counted)?;
            Ok((score, gradient.reshape((time_steps, batch, classes))?))
        }
    }
}

/// The same of images that others were mixed into, with labels `[B]` and shares of their own: (1 - share) times the
/// loss against `labels`, plus share times that against the others'. Top-1 and top-5 count by `labels`. Source: Zhang
/// et al. 2018, arXiv 1710.09412.
pub fn mixed_score_and_gradient(
    currents: &Tensor,
    labels: &Tensor,
    (others, share): (&Tensor, f64),
    loss: &LossConfig,
    smoothing: f64,
) -> Result<(Tensor, Tensor)> {
    let (score, gradient) = score_and_gradient(currents, labels, loss, smoothing)?;
    let (others_score, others_gradient) = score_and_gradient(currents, others, loss, smoothing)?;
    let own = 1.0 - share;
    let weights = |numbers: [f64; 4]| Tensor::new(&numbers, score.device());
    let counted = (&score * weights([own, 1.0, 1.0, 1.0])?)?;
    // A label that is no class makes the number of images NaN, of the others too.
    let score = (counted + (&others_score * weights([share, 0.0, 0.0, 0.0])?)?)?;
    Ok((score, ((gradient * own)? + (others_gradient * share)?)?))
}

/// The gradient [T, B, K] of the currents, from that of their mean over time.
pub fn gradient_of_steps(grad: &Tensor, time_steps: usize) -> Result<Tensor> {
    let each = (grad / time_steps as f64)?.unsqueeze(0)?;
    repeat(&each, time_steps)?.contiguous()
}

#[cfg(test)]
mod tests {
    use super::super::cross_entropy::BatchScore;
    use super::*;
    use candle_core::Device;

    /// Two time-steps, one image, two classes.
    fn currents() -> Result<(Tensor, Tensor)> {
        let (ours, labels) = (&[[[0.0f32, 3f32.ln()]], [[0.0, 0.0]]], &[1u32]);
        Ok((Tensor::new(ours, &Device::Cpu)?, Tensor::new(labels, &Device::Cpu)?))
    }

    #[test]
    fn losses_are_those_computed_by_hand() -> Result<()> {
        let (currents, labels) = currents()?;
        let loss = |loss| -> Result<f64> {
            Ok(BatchScore::read(&score_and_gradient(&currents, &labels, &loss, 0.0)?.0)?.loss())
        };
        // The mean is (0, ln 3 / 2), and exp of it (1, sqrt 3).
        let root = 3f64.sqrt();
        assert!((loss(LossConfig::CrossEntropy)? - ((1.0 + root) / root).ln()).abs() < 1e-6);
        let half = 3f64.ln() / 2.0;
        assert!((loss(LossConfig::Mse(SquaredErrorConfig {}))? - (half - 1.0).powi(2) / 2.0).abs() < 1e-6);
        // Softmax gives 3/4 and 1/2 to the label; currents are 1, 1 - ln 3, 1 and 1 from the target.
        let entropies = ((4f64 / 3.0).ln() + 2f64.ln()) / 2.0;
        let squares = (3.0 + (3f64.ln() - 1.0).powi(2)) / 4.0;
        let tet = loss(LossConfig::Tet(TetConfig { lambda: 0.1, target: 1.0 }))?;
        assert!((tet - (0.9 * entropies + 0.1 * squares)).abs() < 1e-6, "{tet}");
        Ok(())
    }

    #[test]
    fn losses_of_mixed_images_are_the_mixed_losses_and_their_gradients_finite_differences() -> Result<()> {
        let (currents, labels) = currents()?;
        let others = Tensor::new(&[0u32], &Device::Cpu)?;
        let values = currents.flatten_all()?.to_vec1::<f32>()?;
        let read = |labels: &Tensor, loss: &LossConfig| -> Result<BatchScore> {
            BatchScore::read(&score_and_gradient(&currents, labels, loss, 0.1)?.0)
        };
        let tet = LossConfig::Tet(TetConfig { lambda: 0.3, target: 0.5 });
        for loss in [LossConfig::CrossEntropy, LossConfig::Mse(SquaredErrorConfig {}), tet] {
            let at = |values: &[f32]| -> Result<(BatchScore, Tensor)> {
                let currents = Tensor::from_slice(values, (2, 1, 2), &Device::Cpu)?;
                let (score, gradient) = mixed_score_and_gradient(&currents, &labels, (&others, 0.3), &loss, 0.1)?;
                Ok((BatchScore::read(&score)?, gradient))
            };
            let (score, gradient) = at(&values)?;
            let (own, other) = (read(&labels, &loss)?, read(&others, &loss)?);
            assert!((score.loss() - (0.7 * own.loss() + 0.3 * other.loss())).abs() < 1e-12, "{loss:?}");
            // The mean over time is larger for the own label, class 1.
            assert_eq!((score.top1, score.top5, score.images), (1, 1, 1));
            for (k, found) in gradient.flatten_all()?.to_vec1::<f32>()?.into_iter().enumerate() {
                let moved = |by: f32| -> Result<f64> {
                    let mut values = values.clone();
                    values[k] += by;
                    Ok(at(&values)?.0.loss())
                };
                let expected = (moved(1e-2)? - moved(-1e-2)?) / 2e-2;
                assert!((f64::from(found) - expected).abs() < 1e-4, "{loss:?}, {k}: {found}, {expected}");
            }
        }
        Ok(())
    }

    #[test]
    fn gradients_are_finite_differences() -> Result<()> {
        let (currents, labels) = currents()?;
        let values = currents.flatten_all()?.to_vec1::<f32>()?;
        for loss in [
            LossConfig::CrossEntropy,
            LossConfig::Mse(SquaredErrorConfig {}),
            LossConfig::Tet(TetConfig { lambda: 0.3, target: 0.5 }),
        ] {
            let at = |values: &[f32]| -> Result<f64> {
                let currents = Tensor::from_slice(values, (2, 1, 2), &Device::Cpu)?;
                Ok(BatchScore::read(&score_and_gradient(&currents, &labels, &loss, 0.1)?.0)?.loss())
            };
            let (_, gradient) = score_and_gradient(&currents, &labels, &loss, 0.1)?;
            for (k, found) in gradient.flatten_all()?.to_vec1::<f32>()?.into_iter().enumerate() {
                let moved = |by: f32| {
                    let mut values = values.clone();
                    values[k] += by;
                    at(&values)
                };
                let expected = (moved(1e-2)? - moved(-1e-2)?) / 2e-2;
                assert!((f64::from(found) - expected).abs() < 1e-4, "{loss:?}, {k}: {found}, {expected}");
            }
        }
        Ok(())
    }
}
