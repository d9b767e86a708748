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

/// The rate is multiplied by `factor` once the epoch with index `at` x epochs (rounded) has ended: with 100 epochs and
/// 0.5, epochs 0 to 50 have the full rate. As in the code of both papers.
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

/// factor = last + (1 - last) (1 + cos(pi e / E)) / 2 in epoch e of E. Source: Loshchilov & Hutter 2017, without
/// restarts.
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
pub struct TrainingPosition {
    /// Counted from 0.
    pub epoch: usize,
    pub epochs: usize,
    /// Step in the epoch, counted from 0.
    pub step: usize,
    pub steps: usize,
}

impl ScheduleConfig {
    /// The factor of the learning rate at `now`.
    pub fn factor(&self, now: TrainingPosition) -> f64 {
        match self {
            Self::Constant(_) => 1.0,
            Self::Milestones(MilestonesConfig { at, factor }) => {
                let passed = at.iter().filter(|&at| milestone(*at, now.epochs) < now.epoch as f64).count();
                factor.powi(passed as i32)
            }
            Self::Cosine(CosineConfig { last }) => {
                let share = now.epoch as f64 / now.epochs.max(1) as f64;
                last + (1.0 - last) * (1.0 + (PI * share).cos()) / 2.0
            }
            Self::Warmup(WarmupConfig { epochs, then }) if now.epoch >= *epochs => {
                let rest = now.epochs.saturating_sub(*epochs);
                then.factor(TrainingPosition { epoch: now.epoch.saturating_sub(*epochs), epochs: rest, ..now })
            }
            Self::Warmup(WarmupConfig { epochs, .. }) => {
                let [epoch, steps, step, epochs] = [now.epoch, now.steps, now.step, *epochs].map(|count| count as f64);
                (epoch * steps + step + 1.0) / (epochs * steps).max(1.0)
            }
        }
    }
}

impl ScheduleConfig {
    /// What cannot happen in so many epochs, as (dotted key below the schedule, sentences).
    pub fn warnings(&self, epochs: usize) -> Vec<(String, String)> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Milestones(config) => config.warnings(epochs),
            Self::Cosine(_) if epochs > 1 => Vec::new(),
            Self::Cosine(_) => {
                let problem = "the rate falls from epoch to epoch, and there is only one for it: it never falls. Train longer, \
                               or write \"constant\".";
                vec![("cosine".into(), problem.into())]
            }
            Self::Warmup(WarmupConfig { epochs: rise, then }) if *rise < epochs => {
                let below = |(key, problem)| (format!("warmup.then.{key}"), problem);
                then.warnings(epochs.saturating_sub(*rise)).into_iter().map(below).collect()
            }
            Self::Warmup(WarmupConfig { epochs: rise, .. }) => {
                let problem = format!(
                    "expected fewer than the {epochs} epochs of training, found {rise}: the learning rate rises to the end, and what \
                     follows the warmup never begins. Shorten it or train longer."
                );
                vec![("warmup.epochs".into(), problem)]
            }
        }
    }
}

impl MilestonesConfig {
    fn warnings(&self, epochs: usize) -> Vec<(String, String)> {
        let reached: Vec<f64> = self.at.iter().map(|at| milestone(*at, epochs)).collect();
        let last = epochs as f64 - 1.0;
        // Thousandths, rounded down: of 15 epochs 13.5 round to the last, 14.
        let halves = (epochs as u128).saturating_mul(2);
        let least = halves.saturating_sub(3).saturating_mul(1000).checked_div(halves).unwrap_or_default();
        let expected = match epochs {
            0 | 1 => "Expected more than one epoch".to_string(),
            _ => format!("Expected less than {}", least as f64 / 1000.0),
        };
        let warning = |(i, at): (usize, &f64)| {
            let (here, before) = (*reached.get(i)?, reached.get(..i)?);
            let problem = if here >= last {
                format!(
                    "{at} of the {epochs} epochs that the schedule has is reached as the last of them ends: the learning rate never \
                     changes for it. {expected}; leave it out or train longer."
                )
            } else {
                let other = self.at.get(before.iter().position(|reached| *reached == here)?)?;
                format!(
                    "{other} and {at} of the {epochs} epochs that the schedule has are reached in the same epoch: the learning rate \
                     changes twice at once. Leave one of them out or train longer."
                )
            };
            Some((format!("milestones.at[{i}]"), problem))
        };
        self.at.iter().enumerate().filter_map(warning).collect()
    }
}

/// The index of the epoch after which a milestone acts. Rounded rather than compared as floats: 0.7 x 90 is
/// 62.99999999999999.
fn milestone(at: f64, epochs: usize) -> f64 {
    (at * epochs as f64).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A milestone is warned of exactly where the learning rate has no epoch of its own for it.
    #[test]
    fn milestones_are_warned_of_exactly_where_the_rate_does_not_change_for_them() {
        let shares: Vec<f64> = (0..=40).map(|n| f64::from(n) / 40.0).collect();
        for epochs in 1..=40 {
            for (first, second) in shares.iter().flat_map(|a| shares.iter().map(move |b| (*a, *b))) {
                let schedule = ScheduleConfig::Milestones(MilestonesConfig { at: vec![first, second], factor: 0.5 });
                let rates = factors(&schedule, epochs);
                let changes = rates.windows(2).filter(|pair| pair[0] != pair[1]).count();
                let warned = schedule.warnings(epochs).len();
                assert_eq!(changes + warned, 2, "{first} and {second} of {epochs}: {rates:?}");
            }
        }
    }

    #[test]
    fn what_is_expected_instead_of_a_milestone_too_late_acts() {
        let warnings = |at: f64, epochs| {
            ScheduleConfig::Milestones(MilestonesConfig { at: vec![at], factor: 0.1 }).warnings(epochs)
        };
        for epochs in 2..=100 {
            let (_, told) = warnings(1.0, epochs).remove(0);
            let bound = told.split_once("Expected less than ").unwrap().1.split(';').next().unwrap();
            let bound: f64 = bound.parse().unwrap();
            assert_eq!(warnings(bound - 1e-6, epochs), [], "{bound} of {epochs}");
            assert_eq!(warnings(bound + 0.002, epochs).len(), 1, "{bound} of {epochs}");
        }
    }

    #[test]
    fn what_cannot_happen_is_told_with_what_to_do() {
        let milestones = |at: &[f64]| ScheduleConfig::Milestones(MilestonesConfig { at: at.to_vec(), factor: 0.1 });
        let told = |schedule: &ScheduleConfig, epochs| -> Vec<String> {
            schedule.warnings(epochs).into_iter().map(|(key, problem)| format!("{key}: {problem}")).collect()
        };
        assert_eq!(
            told(&milestones(&[0.5, 0.7, 0.9]), 15),
            [
                "milestones.at[2]: 0.9 of the 15 epochs that the schedule has is reached as the last of them ends: the learning rate \
              never changes for it. Expected less than 0.9; leave it out or train longer."
            ]
        );
        assert!(told(&milestones(&[0.5, 0.7, 0.9]), 16).is_empty() && told(&milestones(&[0.5, 0.7]), 15).is_empty());
        assert!(
            told(&milestones(&[0.0]), 1)[0].ends_with("Expected more than one epoch; leave it out or train longer.")
        );
        assert_eq!(
            told(&milestones(&[0.5, 0.25, 0.52]), 10),
            [
                "milestones.at[2]: 0.5 and 0.52 of the 10 epochs that the schedule has are reached in the same epoch: the learning \
              rate changes twice at once. Leave one of them out or train longer."
            ]
        );
        let warmup = |then| ScheduleConfig::Warmup(WarmupConfig { epochs: 5, then: Box::new(then) });
        assert_eq!(
            told(&warmup(milestones(&[0.9])), 5),
            [
                "warmup.epochs: expected fewer than the 5 epochs of training, found 5: the learning rate rises to the end, and what \
              follows the warmup never begins. Shorten it or train longer."
            ]
        );
        let of_ten = told(&warmup(milestones(&[0.9])), 15);
        assert!(of_ten[0].starts_with("warmup.then.milestones.at[0]: 0.9 of the 10 epochs"), "{of_ten:?}");
        let cosine = ScheduleConfig::Cosine(CosineConfig { last: 0.0 });
        assert_eq!(
            told(&warmup(cosine.clone()), 6),
            [
                "warmup.then.cosine: the rate falls from epoch to epoch, and there is only one for it: it never falls. Train longer, \
              or write \"constant\"."
            ]
        );
        assert!(told(&cosine, 2).is_empty() && told(&warmup(ScheduleConfig::default()), 6).is_empty());
        let endless = ScheduleConfig::Warmup(WarmupConfig { epochs: usize::MAX, then: Box::default() });
        assert_eq!(told(&endless, 1).len(), 1);
        assert!(told(&milestones(&[0.5, 0.9]), usize::MAX).is_empty());
    }

    fn factors(schedule: &ScheduleConfig, epochs: usize) -> Vec<f64> {
        (0..epochs).map(|epoch| schedule.factor(TrainingPosition { epoch, epochs, step: 0, steps: 4 })).collect()
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
        let rise = |epoch, step| warmup.factor(TrainingPosition { epoch, epochs: 6, step, steps: 4 });
        assert_eq!([rise(0, 0), rise(0, 3), rise(1, 3), rise(2, 0)], [0.125, 0.5, 1.0, 1.0]);
        assert!((rise(4, 1) - 0.5).abs() < 1e-12, "the middle of the four epochs that remain");
    }

    #[test]
    fn a_rise_over_more_steps_than_can_be_counted_stays_a_rise() {
        let warmup = ScheduleConfig::Warmup(WarmupConfig { epochs: usize::MAX, then: Box::default() });
        let factor = |epoch| warmup.factor(TrainingPosition { epoch, epochs: usize::MAX, step: 3, steps: 1000 });
        assert!(factor(0) > 0.0 && factor(1) > factor(0) && factor(usize::MAX / 2) <= 0.5);
    }
}
