//! Sums over an epoch.

use super::Step;
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
    pub fn add(&mut self, step: &Step, lr: f64) {
        self.score.add(&step.score);
        self.activity.add(&step.activity);
        self.lr = lr;
    }

    /// The epoch's line in `metrics.jsonl`. Training scores are those of each batch before its step.
    pub fn metrics(&self, epoch: usize, test: Option<Scores>, seconds: f64) -> EpochMetrics {
        EpochMetrics {
            epoch,
            train: scores(&self.score),
            test,
            lr: self.lr,
            firing_rates: self.activity.0.iter().map(|layer| (layer.layer.clone(), layer.firing_rate())).collect(),
            images_per_second: self.score.images as f64 / seconds.max(1e-9),
            seconds,
            peak_memory_bytes: crate::memory::peak(),
        }
    }
}

/// Accuracies in percent.
pub fn scores(score: &Score) -> Scores {
    Scores { loss: score.loss(), top1: score.top1_percent(), top5: score.top5_percent() }
}
