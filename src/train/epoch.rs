//! Sums of scores and spikes over the steps of an epoch.

use crate::error::Result;
use crate::network::{Activity, LayerActivity};
use crate::ops::cross_entropy::BatchScore;
use crate::run::checkpoint::Partial;
use crate::run::metrics::{ChosenOn, EpochMetrics, SplitMetrics};
use candle_core::Device;

/// What an epoch's training steps saw together.
#[derive(Debug, Default)]
pub struct EpochSums {
    pub score: BatchScore,
    activity: Activity,
    /// Learning rate of the last step.
    lr: f64,
    /// Time spent on the epoch, in every session that worked on it.
    pub seconds: f64,
}

impl EpochSums {
    /// An epoch as far as an earlier session has come.
    pub fn from_partial(partial: &Partial, device: &Device) -> Result<Self> {
        let &Partial { loss_sum, top1, top5, images, lr, seconds, ref neurons } = partial;
        let score = BatchScore { loss_sum, top1, top5, images };
        Ok(Self { score, activity: Activity::of_counts(neurons, device)?, lr, seconds })
    }

    /// The same for a later session.
    pub fn to_partial(&self) -> Result<Partial> {
        let BatchScore { loss_sum, top1, top5, images } = self.score;
        let neurons = self.activity.0.iter().map(LayerActivity::counts).collect::<candle_core::Result<_>>()?;
        Ok(Partial { loss_sum, top1, top5, images, lr: self.lr, seconds: self.seconds, neurons })
    }

    /// Adds what a step fired when it has been taken.
    pub fn add_activity(&mut self, activity: &Activity, lr: f64) -> Result<()> {
        self.lr = lr;
        Ok(self.activity.add(activity)?)
    }

    /// The epoch's line in `metrics.jsonl`, its training having taken `training_seconds`. Training scores are those of
    /// each batch before its step.
    pub fn metrics(
        &self,
        epoch: usize,
        (evaluated, on): (Option<SplitMetrics>, ChosenOn),
        training_seconds: f64,
    ) -> Result<EpochMetrics> {
        let (validation, test) = match on {
            ChosenOn::Validation => (Some(evaluated), None),
            ChosenOn::Test => (None, evaluated),
        };
        Ok(EpochMetrics {
            epoch,
            train: percentages(&self.score),
            validation,
            test,
            lr: self.lr,
            firing_rates: self.activity.firing_rates()?.into_iter().collect(),
            images_per_second: self.score.images as f64 / training_seconds.max(1e-9),
            seconds: self.seconds,
            peak_memory_bytes: crate::system::memory::peak(),
        })
    }
}

/// Accuracies in percent.
pub fn percentages(score: &BatchScore) -> SplitMetrics {
    SplitMetrics { loss: score.loss(), top1: score.top1_percent(), top5: score.top5_percent() }
}
