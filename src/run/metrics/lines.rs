//! What the lines of `metrics.jsonl` and `steps.jsonl` hold.

use serde::{Deserialize, Serialize};

/// What one epoch gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Counted from 1.
    pub epoch: usize,
    pub train: SplitMetrics,
    /// In a run with validation images: their scores, absent in an epoch without an evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub validation: Option<Option<SplitMetrics>>,
    /// Absent in an epoch without an evaluation, and in a run with validation images.
    pub test: Option<SplitMetrics>,
    /// The learning rate of the epoch's last step.
    #[serde(with = "number")]
    pub lr: f64,
    /// Spikes per neuron and time-step, 0 to 1, of every LIF layer in the network's order.
    #[serde(with = "in_order")]
    pub firing_rates: Vec<(String, f64)>,
    /// Training images a second, without the evaluation.
    #[serde(with = "number")]
    pub images_per_second: f64,
    /// The whole epoch, with its evaluation.
    #[serde(with = "number")]
    pub seconds: f64,
    /// Absent where the operating system does not tell.
    pub peak_memory_bytes: Option<u64>,
}

/// The one evaluation on the test images of a run with validation images, after the end of training: the last line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinalTest {
    /// The epoch whose weights were evaluated: the best on the validation images.
    pub of_epoch: usize,
    pub test: SplitMetrics,
}

/// What a run has measured so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunMetrics {
    pub epochs: Vec<EpochMetrics>,
    pub test: Option<FinalTest>,
}

impl EpochMetrics {
    /// The scores by which an epoch is chosen: on the validation images where there are any, or else on the test
    /// images.
    pub fn evaluated(&self) -> Option<SplitMetrics> {
        self.validation.unwrap_or(self.test)
    }

    /// Its numbers by the names that trackers of experiments are given: `train/loss`, `test/top1`, `lr`,
    /// `firing_rate/layers.2.lif`.
    pub fn scalars(&self) -> Vec<(String, f64)> {
        let held = [("validation", self.validation.flatten()), ("test", self.test)];
        let held = held.into_iter().flat_map(|(split, found)| found.map(|found| found.scalars(split)));
        let mut all: Vec<(String, f64)> = self.train.scalars("train").into_iter().chain(held.flatten()).collect();
        all.extend([("lr".to_string(), self.lr), ("images_per_second".to_string(), self.images_per_second)]);
        all.extend(self.firing_rates.iter().map(|(layer, rate)| (format!("firing_rate/{layer}"), *rate)));
        all
    }
}

impl SplitMetrics {
    /// `test/loss`, `test/top1`, `test/top5` of the split `test`.
    pub fn scalars(&self, split: &str) -> [(String, f64); 3] {
        let Self { loss, top1, top5 } = *self;
        [("loss", loss), ("top1", top1), ("top5", top5)].map(|(name, value)| (format!("{split}/{name}"), value))
    }
}

/// A key that is there, be it `null`.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<SplitMetrics>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// The results on one split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SplitMetrics {
    #[serde(with = "number")]
    pub loss: f64,
    /// Accuracy in percent.
    #[serde(with = "number")]
    pub top1: f64,
    /// How often the label is among the five likeliest classes, in percent.
    #[serde(with = "number")]
    pub top5: f64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StepLine {
    pub epoch: usize,
    pub step: usize,
    #[serde(with = "number")]
    pub loss: f64,
}

/// Numbers of which JSON has none for NaN and infinities: they are `null`, which is read as NaN, so that a line can
/// always be read back.
mod number {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        // serde_json writes null for what is not finite.
        to.serialize_f64(*value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
    }
}

/// Pairs as one JSON object whose keys keep their order.
mod in_order {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(pairs: &[(String, f64)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(pairs.iter().map(|(name, value)| (name, value)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, f64)>, D::Error> {
        let object = serde_json::Map::deserialize(from)?;
        let number = |(name, value): (String, serde_json::Value)| match value {
            serde_json::Value::Null => Some((name, f64::NAN)),
            value => value.as_f64().map(|value| (name, value)),
        };
        let numbers: Option<Vec<_>> = object.into_iter().map(number).collect();
        numbers.ok_or_else(|| serde::de::Error::custom("a firing rate is not a number"))
    }
}
