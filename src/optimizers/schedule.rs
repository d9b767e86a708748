//! Learning rate schedules: factors of the optimizer's learning rate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// The factor of the learning rate, by epoch (counted from 0).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleConfig {
    Constant(ConstantConfig),
    Milestones(MilestonesConfig),
    Cosine(CosineConfig),
    Warmup(WarmupConfig),
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self::Constant(ConstantConfig {})
    }
}

/// The same learning rate throughout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConstantConfig {}

/// The rate is multiplied by `factor` once the epoch with index `at` x epochs (rounded) has ended: with 100 epochs and 0.5, epochs
/// 0 to 50 have the full rate. As in the code of both papers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MilestonesConfig {
    /// Shares of the number of epochs, rising.
    #[serde(default = "milestones")]
    #[schemars(inner(range(min = 0.0, max = 1.0)))]
    pub at: Vec<f64>,
    #[serde(default = "tenth")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub factor: f64,
}

fn milestones() -> Vec<f64> {
    vec![0.5, 0.7, 0.9]
}

fn tenth() -> f64 {
    0.1
}

/// factor = last + (1 - last) (1 + cos(pi e / E)) / 2 in epoch e of E. Source: Loshchilov & Hutter 2017, without restarts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CosineConfig {
    /// Factor that the curve tends to.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub last: f64,
}

impl Default for CosineConfig {
    fn default() -> Self {
        Self { last: 0.0 }
    }
}

/// A linear rise from 0 over the first epochs, step by step, then another schedule over the epochs that remain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmupConfig {
    /// Epochs of the rise.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// What follows.
    #[serde(default)]
    pub then: Box<ScheduleConfig>,
}

/// Where training stands.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Counted from 0.
    pub epoch: usize,
    pub epochs: usize,
    /// Step in the epoch, counted from 0.
    pub step: usize,
    pub steps: usize,
}

impl ScheduleConfig {
    /// The factor of the learning rate at `now`.
    pub fn factor(&self, now: Moment) -> f64 {
        match self {
            Self::Constant(_) => 1.0,
            Self::Milestones(MilestonesConfig { at, factor }) => {
                // Rounded rather than compared as floats: 0.7 x 90 is 62.99999999999999.
                let passed = at.iter().filter(|&at| (at * now.epochs as f64).round() < now.epoch as f64).count();
                factor.powi(passed as i32)
            }
            Self::Cosine(CosineConfig { last }) => {
                let share = now.epoch as f64 / now.epochs.max(1) as f64;
                last + (1.0 - last) * (1.0 + (PI * share).cos()) / 2.0
            }
            Self::Warmup(WarmupConfig { epochs, then }) if now.epoch >= *epochs => {
                let rest = now.epochs.saturating_sub(*epochs);
                then.factor(Moment { epoch: now.epoch - epochs, epochs: rest, ..now })
            }
            Self::Warmup(WarmupConfig { epochs, .. }) => {
                let [epoch, steps, step, epochs] = [now.epoch, now.steps, now.step, *epochs].map(|count| count as f64);
                (epoch * steps + step + 1.0) / (epochs * steps).max(1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(schedule: &ScheduleConfig, epochs: usize) -> Vec<f64> {
        (0..epochs).map(|epoch| schedule.factor(Moment { epoch, epochs, step: 0, steps: 4 })).collect()
    }

    #[test]
    fn milestones_act_after_their_epoch_and_none_is_skipped_at_90_epochs() {
        let schedule = ScheduleConfig::Milestones(MilestonesConfig { at: milestones(), factor: 0.1 });
        let drops = |epochs| {
            let factors = factors(&schedule, epochs);
            (1..epochs).filter(|&e| factors[e] < factors[e - 1]).collect::<Vec<_>>()
        };
        assert_eq!(drops(100), [51, 71, 91]);
        assert_eq!(drops(90), [46, 64, 82]);
        assert!((factors(&schedule, 100)[99] - 1e-3).abs() < 1e-15);
    }

    #[test]
    fn cosine_and_warmup_have_the_values_computed_by_hand() {
        let cosine = ScheduleConfig::Cosine(CosineConfig { last: 0.0 });
        let found = factors(&cosine, 4);
        let half = std::f64::consts::FRAC_1_SQRT_2 / 2.0;
        for (found, expected) in found.iter().zip([1.0, 0.5 + half, 0.5, 0.5 - half]) {
            assert!((found - expected).abs() < 1e-12);
        }
        let warmup = ScheduleConfig::Warmup(WarmupConfig { epochs: 2, then: Box::new(cosine) });
        let rise = |epoch, step| warmup.factor(Moment { epoch, epochs: 6, step, steps: 4 });
        assert_eq!([rise(0, 0), rise(0, 3), rise(1, 3), rise(2, 0)], [0.125, 0.5, 1.0, 1.0]);
        assert!((rise(4, 1) - 0.5).abs() < 1e-12, "the middle of the four epochs that remain");
    }

    #[test]
    fn a_rise_over_more_steps_than_can_be_counted_stays_a_rise() {
        let warmup = ScheduleConfig::Warmup(WarmupConfig { epochs: usize::MAX, then: Box::default() });
        let factor = |epoch| warmup.factor(Moment { epoch, epochs: usize::MAX, step: 3, steps: 1000 });
        assert!(factor(0) > 0.0 && factor(1) > factor(0) && factor(usize::MAX / 2) <= 0.5);
    }
}
