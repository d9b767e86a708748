//! The `[training]` section.

use super::{EarlyExitConfig, EarlyStoppingConfig, InitialWeights};
use crate::error::{Error, Result};
use crate::ops::Precision;
use crate::ops::loss::{FiringRateConfig, LossConfig};
use candle_core::Device;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long, where and with what care to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Passes over the training images.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// "auto" (a GPU if the build and the machine have one), "cpu" or "cuda:0".
    #[serde(default = "auto")]
    pub device: String,
    /// Worker threads; as many as the machine has cores unless given. The results are the same bits for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub threads: Option<usize>,
    /// Evaluate after every so many epochs, and after the last: on the validation images where `data.validation` holds
    /// some out, or else on the test images.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub evaluate_every: usize,
    /// Save a checkpoint inside an epoch too, after every so many steps or minutes; after every epoch there is one in
    /// any case.
    #[serde(default)]
    pub checkpoint_every: CheckpointEvery,
    /// What stays of the checkpoints once a run is complete: "all", or "best", the best weights alone. A run of those
    /// can be evaluated, compared and reported, but not go on for longer.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub keep: KeptCheckpoints,
    /// Write the metrics for TensorBoard too, to the run folder's `tensorboard`.
    #[serde(default)]
    pub tensorboard: bool,
    /// Poisson draws whose logits are averaged when evaluating.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub evaluation_draws: usize,
    /// Evaluate no further than to the step after which BNTT's gammas let little through; all time-steps when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_exit: Option<EarlyExitConfig>,
    /// Stop before the last epoch, when the validation images say that nothing better comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStoppingConfig>,
    /// Weights to start from: a safetensors file of f32, f64, f16 or bf16, or another run's folder, whose best
    /// checkpoint is taken; or a table that says which of their tensors, and which layers freeze. "none" is no file:
    /// those that `network.init` draws, also where a base file names others; a file that is called so is ./none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<InitialWeights>,
    /// Largest norm of all gradients together; larger ones are scaled down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub clip: Option<f64>,
    /// What training makes small.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub loss: LossConfig,
    /// What is paid for spikes, besides.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub firing_rate: FiringRateConfig,
    /// Share of the target spread evenly over all classes, in cross-entropies.
    #[serde(default)]
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub label_smoothing: f64,
    /// Arithmetic of products and storage of currents.
    #[serde(default)]
    pub precision: Precision,
}

/// The checkpoints that a complete run keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeptCheckpoints {
    /// Weights and the optimizer's state of the last step, of the one before, and of the best epoch.
    #[default]
    All,
    /// The weights of the best epoch.
    Best,
}

/// How much work a run may lose when it is killed; asked to stop, it loses none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckpointEvery {
    Steps(usize),
    Minutes(f64),
}

impl Default for CheckpointEvery {
    fn default() -> Self {
        Self::Minutes(10.0)
    }
}

impl CheckpointEvery {
    /// Whether a checkpoint is due, so many steps and so much time after the one before.
    pub fn is_due(self, steps: usize, time: Duration) -> bool {
        match self {
            Self::Steps(every) => steps >= every,
            Self::Minutes(every) => time.as_secs_f64() >= 60.0 * every,
        }
    }

    fn mistake(self) -> Option<(String, String)> {
        let (key, problem) = match self {
            Self::Steps(0) => ("steps", "expected at least 1, found 0".to_string()),
            Self::Minutes(every) if every.is_nan() || every <= 0.0 => {
                ("minutes", format!("expected a number above 0, found {every}"))
            }
            _ => return None,
        };
        Some((format!("training.checkpoint_every.{key}"), problem))
    }
}

fn auto() -> String {
    "auto".into()
}

fn one() -> usize {
    1
}

impl TrainingConfig {
    /// Mistakes that the types do not exclude, as (dotted key, problem).
    pub fn mistakes(&self) -> Vec<(String, String)> {
        let mut mistakes = Vec::new();
        let known = matches!(self.device.as_str(), "auto" | "cpu") || self.cuda_ordinal().is_some();
        if !known {
            let problem = format!("expected \"auto\", \"cpu\" or \"cuda:0\" (any number), found {:?}", self.device);
            mistakes.push(("training.device".into(), problem));
        }
        if self.precision != Precision::F32 && self.device == "cpu" {
            let problem = "the CPU computes in f32 only: remove it or choose a GPU with training.device".into();
            mistakes.push(("training.precision".into(), problem));
        }
        mistakes.extend(self.checkpoint_every.mistake());
        mistakes.extend(self.loss.mistake().map(|(key, problem)| (format!("training.loss.{key}"), problem)));
        mistakes
    }

    /// Settings that cannot do what they say, as (dotted key, sentences).
    pub fn warnings(&self) -> Vec<(String, String)> {
        let Self { epochs, evaluate_every, .. } = *self;
        let problem = || {
            format!(
                "expected at most the {epochs} epochs of training, found {evaluate_every}: the test images are seen after the last epoch \
                 alone, which is `best` then. Evaluate more often, or train longer."
            )
        };
        let late = (evaluate_every > epochs).then(|| ("training.evaluate_every".into(), problem()));
        late.into_iter().chain(self.patience_warning()).collect()
    }

    /// Whether the network is evaluated after an epoch, counted from 1.
    pub fn is_evaluated(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.evaluate_every) || epoch == self.epochs
    }

    /// How often the network is evaluated after the epochs that follow the first `done`.
    pub fn evaluations_after(&self, done: usize) -> usize {
        let up_to = |epoch: usize| {
            let regular = epoch.checked_div(self.evaluate_every).unwrap_or_default();
            regular.saturating_add((epoch == self.epochs && !epoch.is_multiple_of(self.evaluate_every)).into())
        };
        up_to(self.epochs).saturating_sub(up_to(done))
    }

    /// N of "cuda:N".
    pub fn cuda_ordinal(&self) -> Option<usize> {
        self.device.strip_prefix("cuda:")?.parse().ok()
    }

    /// Opens the device.
    ///
    /// # Errors
    /// [`Error::Device`] when it is absent or the precision is not to be had on it.
    pub fn open_device(&self) -> Result<Device> {
        let device = crate::ops::device::open(&self.device)
            .map_err(|problem| Error::Device(format!("training.device is {:?}, but {problem}", self.device)))?;
        if self.precision != Precision::F32 && device.is_cpu() {
            return Err(Error::Device("training.precision other than \"f32\" needs a GPU, and there is none".into()));
        }
        Ok(device)
    }
}

#[cfg(test)]
mod tests {
    use crate::experiment::tests::parse;

    #[test]
    fn evaluations_are_counted_as_they_will_come() {
        for (every, epochs) in [(1, 4), (2, 4), (3, 4), (4, 4), (9, 4), (3, 7), (5, 1)] {
            let overrides = [format!("training.evaluate_every={every}"), format!("training.epochs={epochs}")];
            let training = parse(&overrides.each_ref().map(String::as_str)).unwrap().experiment.training;
            for done in 0..=epochs {
                let ahead = (done + 1..=epochs).filter(|&epoch| epoch % every == 0 || epoch == epochs);
                assert_eq!(training.evaluations_after(done), ahead.clone().count(), "{every} {epochs} {done}");
                assert!(ahead.clone().all(|epoch| training.is_evaluated(epoch)));
            }
        }
    }
}
