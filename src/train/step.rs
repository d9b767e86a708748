//! One training step: forward, loss, backward, update.

use crate::data::{Batch, Mixture};
use crate::error::{Error, Result};
use crate::experiment::TrainingConfig;
use crate::network::{Activity, Network, Observer};
use crate::ops::cross_entropy::BatchScore;
use crate::ops::loss::{mixed_score_and_gradient, score_and_gradient};
use crate::optimizers::{Optimizer, TrainingPosition};
use candle_core::Tensor;

/// What a training step saw. Numbers stay on the device until [`StepOutput::read_score`] asks for them.
#[derive(Debug, Clone)]
pub struct StepOutput {
    /// A [`BatchScore`].
    score: Tensor,
    /// Norm of all gradients together, before clipping: [1] `f64`.
    gradient_norm: Tensor,
    pub activity: Activity,
    /// Bytes that were kept for backward.
    pub kept_bytes: usize,
    pub position: TrainingPosition,
    pub lr: f64,
}

impl StepOutput {
    /// The step's score.
    ///
    /// # Errors
    /// [`Error::Diverged`] when the loss or the gradients were not finite. No weight has moved in that step, nor in any
    /// after it.
    pub fn read_score(&self) -> Result<BatchScore> {
        let score = BatchScore::read(&self.score)?;
        let norm: f64 = self.gradient_norm.to_vec1::<f64>()?.iter().sum();
        let (what, value) = if score.loss().is_finite() { ("gradient norm", norm) } else { ("loss", score.loss()) };
        if value.is_finite() {
            return Ok(score);
        }
        let TrainingPosition { epoch, step, .. } = self.position;
        Err(Error::Diverged(format!(
            "the {what} became {value} in epoch {} at step {} (learning rate {:e}): stopped before the weights moved; try a \
             lower learning rate, a warmup or training.clip",
            epoch + 1,
            step + 1,
            self.lr
        )))
    }
}

/// Back-propagation through time on one batch, and one move of the optimizer at learning rate `lr`, while `profiler`
/// listens. Where the loss or a gradient is not finite nothing moves, and [`StepOutput::read_score`] says so.
pub fn step(
    network: &mut Network,
    optimizer: &mut Optimizer,
    batch: &Batch,
    position: TrainingPosition,
    lr: f64,
    training: &TrainingConfig,
    observer: &mut dyn Observer,
) -> Result<StepOutput> {
    let (currents, tape, activity) = network.forward(&batch.inputs, position.epoch, &batch.indices, observer)?;
    let (loss, smoothing) = (&training.loss, training.label_smoothing);
    let (score, gradient) = match &batch.mixture {
        None => score_and_gradient(&currents, &batch.labels, loss, smoothing)?,
        Some(Mixture { labels, share }) => {
            mixed_score_and_gradient(&currents, &batch.labels, (labels, *share), loss, smoothing)?
        }
    };
    let kept_bytes = tape.bytes();
    observer.scored();
    network.backward(tape, gradient, false, observer)?;
    let gradient_norm = optimizer.step(network.parameters_mut(), lr, training.clip, &score)?;
    observer.updated();
    Ok(StepOutput { score, gradient_norm, activity, kept_bytes, position, lr })
}
