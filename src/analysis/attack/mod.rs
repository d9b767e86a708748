//! Accuracy on perturbed images: adversarial attacks (FGSM, PGD) and noise.

mod perturbation;
mod scale;

pub use perturbation::{Attacker, Images, Perturbation, read_share, share};
pub use scale::Scale;

use crate::analysis::statistic::Statistic;
use crate::data::{Batches, DataConfig, Split, SplitValues};
use crate::encoders::EncoderConfig;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::ops::cross_entropy::{BatchScore, score};
use crate::ops::finite;

/// What an attack needs to know besides the network and the images.
pub struct AttackContext<'a> {
    pub data: &'a DataConfig,
    pub encoder: EncoderConfig,
    pub channels: usize,
    pub seed: u64,
    /// Draws of everything that is random, the perturbation and the Poisson spikes: accuracy is the mean over them.
    pub draws: usize,
    pub gradient_draws: usize,
    pub together: usize,
}

/// Top-1 accuracy in percent on the images of `batches`, changed by `perturbation`: mean and deviation over the draws,
/// one where nothing is random. The images are changed with other Poisson spikes than those that they are scored with.
pub fn accuracy(
    network: &Network,
    batches: &Batches<'_>,
    perturbation: &Perturbation,
    setting: &AttackContext<'_>,
) -> Result<Statistic> {
    let random = setting.encoder.spec().is_random() || perturbation.is_random();
    let mut scores = vec![BatchScore::default(); if random { setting.draws.max(1) } else { 1 }];
    for batch in batches.iter_from(0) {
        let batch = batch?;
        let scale = Scale::new(setting.data, setting.channels, batch.inputs.device())?;
        let pixels = scale.pixels(&batch.inputs)?;
        let AttackContext { seed, gradient_draws, together, .. } = *setting;
        let attacker = Attacker { network, scale: &scale, seed, gradient_draws, together };
        let images = Images { pixels: &pixels, labels: &batch.labels, indices: &batch.indices };
        for (draw, total) in scores.iter_mut().enumerate() {
            let changed = match perturbation {
                // As it was read: not there and back.
                Perturbation::Clean => batch.inputs.clone(),
                _ => scale.normalize(&perturbation.apply(&attacker, &images, draw)?)?,
            };
            let (logits, _) = network.evaluate(&changed, draw, &batch.indices, network.plan().time_steps)?;
            finite::check_logits(&logits)?;
            total.add(&BatchScore::read(&score(&logits, &batch.labels, 0.0)?)?);
        }
    }
    let percents: Vec<f64> = scores.iter().map(BatchScore::top1_percent).collect();
    Statistic::from_values(&percents).ok_or_else(|| Error::Data("there are no images to attack.".into()))
}

/// Refuses what is no image with values in 0..1.
///
/// # Errors
/// [`Error::Data`] for sequences, and for floats outside of 0..1.
pub fn check(split: &Split) -> Result<()> {
    if split.shape.len() != 3 {
        return Err(Error::Data(
            "the data set holds sequences; attacks and noise are defined for images with values in 0..1.".into(),
        ));
    }
    match &split.items {
        SplitValues::Floats(floats) => match floats.iter().find(|value| !(0.0..=1.0).contains(*value)) {
            Some(value) => Err(Error::Data(format!(
                "an image has the value {value}; attacks and noise need images in 0..1, normalised by data.normalize."
            ))),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}
