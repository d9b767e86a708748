//! A network on a whole split.

use crate::data::{Batch, Batches};
use crate::error::Result;
use crate::network::{Activity, Network};
use crate::ops::cross_entropy::{Score, score};
use candle_core::Tensor;

/// What an evaluation saw.
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    pub score: Score,
    pub activity: Activity,
}

/// Logits [B, K] of one batch, averaged over `draws` Poisson draws, and the activity of all of them.
pub fn logits(network: &Network, batch: &Batch, draws: usize) -> Result<(Tensor, Activity)> {
    let (mut sum, mut activity) = network.evaluate(&batch.inputs, 0, &batch.indices)?;
    for draw in 1..draws {
        let (logits, more) = network.evaluate(&batch.inputs, draw, &batch.indices)?;
        sum = (sum + logits)?;
        activity.add(&more);
    }
    Ok((if draws > 1 { (sum / draws as f64)? } else { sum }, activity))
}

/// Scores every image of a split, the last partial batch included. `seen` hears of every batch.
pub fn evaluate(
    network: &Network,
    batches: &Batches<'_>,
    draws: usize,
    mut seen: impl FnMut(&Score),
) -> Result<Evaluation> {
    let mut evaluation = Evaluation::default();
    batches.ahead(0, |batches| {
        for batch in batches {
            let batch = batch?;
            let (logits, activity) = logits(network, &batch, draws)?;
            evaluation.score.add(&score(&logits, &batch.labels, 0.0)?);
            evaluation.activity.add(&activity);
            seen(&evaluation.score);
        }
        Ok(evaluation)
    })
}
