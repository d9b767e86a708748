//! One training step: forward, loss, backward, update.

use super::TrainingConfig;
use crate::data::Batch;
use crate::error::{Error, Result};
use crate::network::{Activity, Network};
use crate::ops::cross_entropy::{Score, score_and_gradient};
use crate::optimizers::{Moment, Optimizer, clip, gradient_norm};
use crate::watch::{Part, Watch};

/// What a training step saw.
#[derive(Debug, Clone)]
pub struct Step {
    pub score: Score,
    pub activity: Activity,
    /// Norm of all gradients together, before clipping.
    pub gradient_norm: f64,
    /// Bytes that were kept for backward.
    pub kept_bytes: usize,
}

/// Back-propagation through time on one batch, and one move of the optimizer at learning rate `lr`, while `watch` listens.
///
/// # Errors
/// [`Error::Diverged`], before any weight has moved, when the loss or a gradient is not finite.
pub fn step(
    network: &mut Network,
    optimizer: &mut Optimizer,
    batch: &Batch,
    now: Moment,
    lr: f64,
    training: &TrainingConfig,
    watch: &mut impl Watch,
) -> Result<Step> {
    let (logits, tape, activity) = network.forward_watched(&batch.inputs, now.epoch, &batch.indices, watch)?;
    let (score, gradient) = score_and_gradient(&logits, &batch.labels, training.label_smoothing)?;
    if !score.loss().is_finite() {
        return Err(diverged("loss", score.loss(), now, lr));
    }
    let kept_bytes = tape.bytes();
    watch.ended(Part::Scored);
    network.backward_watched(tape, &gradient, false, watch)?;
    let parameters = network.parameters();
    let norm = gradient_norm(&parameters)?;
    if !norm.is_finite() {
        return Err(diverged("gradient norm", norm, now, lr));
    }
    if let Some(max) = training.clip {
        clip(&parameters, norm, max)?;
    }
    optimizer.step(parameters, lr)?;
    watch.ended(Part::Updated);
    Ok(Step { score, activity, gradient_norm: norm, kept_bytes })
}

fn diverged(what: &str, value: f64, now: Moment, lr: f64) -> Error {
    let Moment { epoch, step, .. } = now;
    Error::Diverged(format!(
        "the {what} became {value} in epoch {} at step {} (learning rate {lr:e}): stopped before the weights moved; try a \
         lower learning rate, a warmup or training.clip",
        epoch + 1,
        step + 1
    ))
}
