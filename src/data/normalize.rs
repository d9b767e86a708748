//! Shift and scale of every channel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shift and scale of every channel: (pixel - mean) / std, with pixels in 0..1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NormalizeConfig {
    /// A mean for each channel.
    #[schemars(length(min = 1))]
    pub mean: Vec<f64>,
    /// A standard deviation for each channel, each above 0.
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0 }))]
    pub std: Vec<f64>,
}

impl NormalizeConfig {
    /// Mistakes as (dotted key, problem); `channels` where the data set is known.
    pub(super) fn mistakes(&self, channels: Option<usize>) -> Vec<(String, String)> {
        let mut mistakes = Vec::new();
        let mut add = |key: &str, problem: String| mistakes.push((format!("data.normalize.{key}"), problem));
        for (key, values) in [("mean", &self.mean), ("std", &self.std)] {
            if let Some(channels) = channels.filter(|&channels| channels != values.len()) {
                let found = values.len();
                add(key, format!("expected one value for each of the data set's {channels} channels, found {found}"));
            }
        }
        if channels.is_none() && self.mean.len() != self.std.len() {
            let [mean, std] = [self.mean.len(), self.std.len()];
            add("std", format!("expected as many values as mean has, {mean} (one a channel), found {std}"));
        }
        for (i, &mean) in self.mean.iter().enumerate() {
            if !(mean as f32).is_finite() {
                add(&format!("mean[{i}]"), format!("expected a finite number, found {mean}"));
            }
        }
        for (i, &std) in self.std.iter().enumerate() {
            // A std below the smallest normal float would turn pixels into infinities.
            if !(std as f32).is_normal() || std < 0.0 {
                add(&format!("std[{i}]"), format!("expected a finite number above 0, found {std}"));
            }
        }
        mistakes
    }
}

/// (value - mean) / std in `f32`, for bytes by table.
#[derive(Debug, Clone)]
pub(super) struct Normalizer {
    channels: Vec<Channel>,
}

#[derive(Debug, Clone)]
pub(super) struct Channel {
    mean: f32,
    std: f32,
    bytes: [f32; 256],
}

impl Normalizer {
    /// For each of `channels`; the config, where there is one, has a value for each.
    pub fn new(config: Option<&NormalizeConfig>, channels: usize) -> Self {
        let value = |values: fn(&NormalizeConfig) -> &Vec<f64>, i: usize| {
            config.and_then(|config| values(config).get(i)).map(|&value| value as f32)
        };
        let channel = |i| {
            let mean = value(|config| &config.mean, i).unwrap_or(0.0);
            let std = value(|config| &config.std, i).unwrap_or(1.0);
            let bytes = std::array::from_fn(|byte| (byte as f32 / 255.0 - mean) / std);
            Channel { mean, std, bytes }
        };
        Self { channels: (0..channels).map(channel).collect() }
    }

    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }
}

impl Channel {
    pub fn mean(&self) -> f32 {
        self.mean
    }

    pub fn std(&self) -> f32 {
        self.std
    }

    /// A pixel of 0..=255, which stands for 0..1.
    pub fn byte(&self, byte: u8) -> f32 {
        self.bytes.get(usize::from(byte)).copied().unwrap_or_default()
    }

    /// A value as the user gave it.
    pub fn float(&self, value: f32) -> f32 {
        (value - self.mean) / self.std
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_white_pixel_of_mnist_normalises_to_the_published_value() {
        // torchvision's Normalize((0.1307,), (0.3081,)): black -0.4242, white 2.8215.
        let config = NormalizeConfig { mean: vec![0.1307], std: vec![0.3081] };
        let normalizer = Normalizer::new(Some(&config), 1);
        let channel = &normalizer.channels()[0];
        assert!((channel.byte(255) - 2.8215).abs() < 1e-4);
        assert!((channel.byte(0) + 0.4242).abs() < 1e-4);
        assert_eq!(channel.byte(255), channel.float(1.0));
    }

    #[test]
    fn without_a_config_bytes_become_0_to_1_and_floats_stay() {
        let normalizer = Normalizer::new(None, 2);
        let channel = &normalizer.channels()[1];
        assert_eq!([channel.byte(0), channel.byte(51), channel.byte(255)], [0.0, 0.2, 1.0]);
        assert_eq!(channel.float(-3.75), -3.75);
    }

    fn mistakes(mean: &[f64], std: &[f64], channels: Option<usize>) -> Vec<String> {
        let config = NormalizeConfig { mean: mean.to_vec(), std: std.to_vec() };
        config.mistakes(channels).into_iter().map(|(key, problem)| format!("{key}: {problem}")).collect()
    }

    #[test]
    fn lengths_that_differ_from_the_channels_or_each_other_are_mistakes() {
        let expected = "data.normalize.mean: expected one value for each of the data set's 3 channels, found 1";
        assert_eq!(mistakes(&[0.5], &[1.0; 3], Some(3)), [expected]);
        let expected = "data.normalize.std: expected as many values as mean has, 1 (one a channel), found 3";
        assert_eq!(mistakes(&[0.5], &[1.0; 3], None), [expected]);
        assert!(mistakes(&[0.5; 3], &[1.0; 3], Some(3)).is_empty());
    }

    #[test]
    fn a_std_that_is_not_above_0_is_a_mistake() {
        for std in [0.0, -0.2, f64::NAN, f64::INFINITY, 1e-60] {
            let expected = format!("data.normalize.std[1]: expected a finite number above 0, found {std}");
            assert_eq!(mistakes(&[0.5; 2], &[1.0, std], None), [expected]);
        }
        let expected = "data.normalize.mean[0]: expected a finite number, found inf";
        assert_eq!(mistakes(&[f64::INFINITY], &[1.0], None), [expected]);
    }
}
