//! Encoders: images [B, C, H, W] to sequences [T, B, C, H, W], or [T, B, F] where an image is shown part by part.
//!
//! [`EncoderConfig`] is the list of them.

mod direct;
mod poisson;
mod sequential;

pub use direct::DirectConfig;
pub use poisson::PoissonConfig;
pub use sequential::{PartOrder, SequentialConfig};

use crate::config::registry;
use crate::rng::{Purpose, Stream};
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an encoder does: the one thing to write for a new one.
pub trait Encoder {
    /// The sequence [T, B, ...] of `inputs`: normalised images [B, ...], or with `none` a sequence already.
    fn encode(&self, inputs: &Tensor, time_steps: usize, key: &RandomKey<'_>) -> Result<Tensor>;

    /// The gradient of the normalised `images` [B, ...], from that of the sequence, [T, B, ...] or, where the sequence
    /// is the same at every time-step, the sum [1, B, ...]. Exact where the sequence is a function of the image;
    /// through Poisson spikes straight through.
    fn gradient(&self, images: &Tensor, grad: &Tensor) -> Result<Tensor>;

    /// What the first layer gets of an image [C, H, W] at a time-step: [C, H, W], or `[F]` features.
    fn signal(&self, image: [usize; 3]) -> Vec<usize> {
        image.to_vec()
    }

    /// What keeps images [C, H, W] from being coded in so many time-steps, as a sentence.
    fn mistake(&self, _image: [usize; 3], _time_steps: usize) -> Option<String> {
        None
    }

    /// Whether two draws of the same image differ.
    fn is_random(&self) -> bool {
        false
    }

    /// Whether the sequence is the same at every time-step.
    fn is_constant(&self) -> bool {
        false
    }
}

registry! {
    // A new encoder is one file, its `mod` line above, and a line here.
    /// How images become sequences.
    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
    EncoderConfig, EncoderKind, dyn Encoder {
        "poisson" => Poisson(PoissonConfig),
        "direct" => Direct(DirectConfig),
        "sequential" => Sequential(SequentialConfig),
        /// The data set's sequences as they are.
        "none" => None(NoneConfig),
    }
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

impl Encoder for NoneConfig {
    fn encode(&self, inputs: &Tensor, _: usize, _: &RandomKey<'_>) -> Result<Tensor> {
        Ok(inputs.clone())
    }

    fn gradient(&self, _: &Tensor, grad: &Tensor) -> Result<Tensor> {
        Ok(grad.clone())
    }
}
