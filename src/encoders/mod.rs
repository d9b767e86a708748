//! Encoders: images [B, C, H, W] to sequences [T, B, C, H, W], or [T, B, F] where an image is shown part by part.
//!
//! [`EncoderConfig`] is the registry: a new encoder is one file and three lines here.

mod direct;
mod poisson;
mod sequential;

pub use direct::DirectConfig;
pub use poisson::PoissonConfig;
pub use sequential::{PartOrder, SequentialConfig};

use crate::rng::{Purpose, Stream};
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How images become sequences.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EncoderConfig {
    Poisson(PoissonConfig),
    Direct(DirectConfig),
    Sequential(SequentialConfig),
    /// The data set's sequences as they are.
    None(NoneConfig),
}

/// No coding: the data set holds sequences [N, T, C, H, W].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoneConfig {}

/// What an encoder's random numbers hang on.
#[derive(Debug, Clone, Copy)]
pub struct RandomKey<'a> {
    pub seed: u64,
    /// [`Purpose::Poisson`] in training, [`Purpose::PoissonEvaluation`] in evaluation.
    pub purpose: Purpose,
    /// The epoch in training, the number of the draw in evaluation.
    pub epoch: usize,
    /// The places of the images in their split.
    pub indices: &'a [u32],
}

impl RandomKey<'_> {
    fn streams(&self) -> Vec<Stream> {
        self.indices.iter().map(|&i| Stream::new(self.seed, self.purpose, 0, self.epoch, i as usize)).collect()
    }
}

impl EncoderConfig {
    /// The sequence [T, B, ...] of `inputs`: normalised images [B, ...], or with `none` a sequence already.
    pub fn encode(&self, inputs: &Tensor, time_steps: usize, draw: &RandomKey<'_>) -> Result<Tensor> {
        match self {
            Self::Poisson(config) => config.encode(inputs, time_steps, draw),
            Self::Direct(config) => config.encode(inputs, time_steps),
            // The first of them, where a network stops early.
            Self::Sequential(config) => config.encode(inputs)?.narrow(0, 0, time_steps),
            Self::None(_) => Ok(inputs.clone()),
        }
    }

    /// The gradient of the normalised `images` [B, ...], from that of the sequence, [T, B, ...] or, where the sequence
    /// is the same at every time-step, the sum [1, B, ...]. Exact where the sequence is a function of the image;
    /// through Poisson spikes straight through.
    pub fn gradient(&self, images: &Tensor, grad: &Tensor) -> Result<Tensor> {
        match self {
            Self::Poisson(config) => config.gradient(images, grad),
            Self::Direct(_) => grad.sum(0),
            Self::Sequential(config) => config.gradient(images, grad),
            Self::None(_) => Ok(grad.clone()),
        }
    }

    /// The name in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Poisson(_) => "poisson",
            Self::Direct(_) => "direct",
            Self::Sequential(_) => "sequential",
            Self::None(_) => "none",
        }
    }

    /// What the first layer gets of an image [C, H, W] at a time-step: [C, H, W], or [F] features.
    pub fn signal(&self, image: [usize; 3]) -> Vec<usize> {
        match self {
            Self::Sequential(config) => vec![config.features(image)],
            Self::Poisson(_) | Self::Direct(_) | Self::None(_) => image.to_vec(),
        }
    }

    /// What keeps images [C, H, W] from being coded in so many time-steps, as a sentence.
    pub fn mistake(&self, [channels, height, width]: [usize; 3], time_steps: usize) -> Option<String> {
        let Self::Sequential(config) = self else { return None };
        let needed = config.time_steps([channels, height, width]);
        (needed != time_steps).then(|| {
            let parts = config.parts();
            format!(
                "the encoder shows the {needed} {parts} of an image of {height}x{width} one after another, but time_steps is \
                 {time_steps}: write time_steps = {needed}"
            )
        })
    }

    /// Whether two draws of the same image differ.
    pub fn is_random(&self) -> bool {
        matches!(self, Self::Poisson(_))
    }

    /// Whether the sequence is the same at every time-step.
    pub fn is_constant(&self) -> bool {
        matches!(self, Self::Direct(_))
    }
}
