//! Evaluation of a network on a whole split.

use crate::data::{Batch, Batches};
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::network::FirstLayer;
use crate::network::{Activity, Network};
use crate::ops::cross_entropy::{BatchScore, score};
use crate::system::signals::Stop;
use candle_core::Tensor;
use std::thread;

/// What an evaluation saw.
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    pub score: BatchScore,
    pub activity: Activity,
}

/// How much is computed for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluationOptions {
    /// Poisson draws whose logits are averaged.
    pub draws: usize,
    /// The time-steps that are computed, the first ones: no step after them.
    pub time_steps: usize,
}

/// What evaluating takes: all time-steps, or with `training.early_exit` those up to the exit that the network's gammas
/// tell.
pub fn evaluation_options(experiment: &Experiment, network: &Network) -> Result<EvaluationOptions> {
    let (all, draws) = (experiment.network.time_steps, experiment.training.evaluation_draws);
    let exit = match &experiment.training.early_exit {
        Some(rule) => rule.time_steps(&network.gammas()?),
        None => None,
    };
    Ok(EvaluationOptions { draws, time_steps: exit.unwrap_or(all) })
}

/// Logits [B, K] of one batch, averaged over the Poisson draws, and the activity of all of them.
pub fn logits(network: &Network, batch: &Batch, options: EvaluationOptions) -> Result<(Tensor, Activity)> {
    let EvaluationOptions { draws, time_steps } = options;
    let (mut sum, mut activity) = network.evaluate(&batch.inputs, 0, &batch.indices, time_steps)?;
    for draw in 1..draws {
        let (logits, more) = network.evaluate(&batch.inputs, draw, &batch.indices, time_steps)?;
        sum = (sum + logits)?;
        activity.add(&more)?;
    }
    Ok((if draws > 1 { (sum / draws as f64)? } else { sum }, activity))
}

/// Scores every image of a split, the last partial batch included; nothing when `signals` is asked for before the end.
/// A GPU is waited for at the end alone.
///
/// # Errors
/// [`Error::Diverged`] naming the layer when logits or the loss are not finite: such an evaluation has no accuracy.
pub fn evaluate(
    network: &Network,
    batches: &Batches<'_>,
    options: EvaluationOptions,
    stop: &Stop,
) -> Result<Option<Evaluation>> {
    evaluate_telling(network, batches, options, stop, &mut || {})
}

/// The same, and calls `told` after every batch; those that a GPU computes may then be still to be done.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_telling(
    network: &Network,
    batches: &Batches<'_>,
    options: EvaluationOptions,
    stop: &Stop,
    told: &mut dyn FnMut(),
) -> Result<Option<Evaluation>> {
    let (mut total, mut activity) = (None, Activity::default());
    let stopped = thread::scope(|scope| {
        for batch in batches.clone().prefetch(scope, 0) {
            if stop.requested().is_some() {
                return Ok(true);
            }
            let batch = batch?;
            let (logits, more) = logits(network, &batch, options)?;
            let score = score(&logits, &batch.labels, 0.0)?;
            total = Some(match total.take() {
                Some(total) => (total + score)?,
                None => score,
            });
            activity.add(&more)?;
            told();
        }
        Ok::<_, Error>(false)
    })?;
    if stopped {
        return Ok(None);
    }
    let score = total.map(|total| BatchScore::read(&total)).transpose()?.unwrap_or_default();
    if !score.loss().is_finite() {
        return Err(diverged(network, batches, options)?);
    }
    Ok(Some(Evaluation { score, activity }))
}

/// What to say of an evaluation whose loss is not finite: computed once more, batch by batch, to find the layer.
fn diverged(
    network: &Network,
    batches: &Batches<'_>,
    EvaluationOptions { draws, time_steps }: EvaluationOptions,
) -> Result<Error> {
    let mut first = FirstLayer::default();
    'batches: for batch in batches.iter_from(0) {
        let batch = batch?;
        for draw in 0..draws {
            network.evaluate_steps(&batch.inputs, draw, &batch.indices, time_steps, &mut first)?;
            if first.0.is_some() {
                break 'batches;
            }
        }
    }
    let what = first.0.unwrap_or_else(|| "the loss is beyond what numbers hold".into());
    Ok(Error::Diverged(format!("the evaluation is not finite, and has no accuracy: {what}")))
}
