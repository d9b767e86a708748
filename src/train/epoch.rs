//! Sums over an epoch.

use crate::error::Result;
use crate::metrics::{EpochMetrics, Scores};
use crate::network::Activity;
use crate::ops::cross_entropy::Score;

/// What an epoch's training steps saw together.
#[derive(Debug, Default)]
pub struct Epoch {
    pub score: Score,
    activity: Activity,
    /// Learning rate of the last step.
    lr: f64,
}

impl Epoch {
    /// Adds what a step fired when it has been taken.
    pub fn fired(&mut self, activity: &Activity, lr: f64) -> Result<()> {
        self.lr = lr;
        Ok(self.activity.add(activity)?)
    }

    /// The epoch's line in `metrics.jsonl`. Training scores are those of each batch before its step.
    pub fn metrics(&self, epoch: usize, test: Option<Scores>, seconds: f64) -> Result<EpochMetrics> {
        Ok(EpochMetrics {
            epoch,
            train: scores(&self.score),
            test,
            lr: self.lr,
            firing_rates: self.activity.firing_rates()?.into_iter().collect(),
            images_per_second: self.score.images as f64 / seconds.max(1e-9),
            seconds,
            peak_memory_bytes: crate::memory::peak(),
        })
    }
}

/// Accuracies in percent.
pub fn scores(score: &Score) -> Scores {
    Scores { loss: score.loss(), top1: score.top1_percent(), top5: score.top5_percent() }
}
