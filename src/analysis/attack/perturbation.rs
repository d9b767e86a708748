//! The perturbations: FGSM, PGD, Gaussian noise, salt and pepper.

use super::scale::Scale;
use crate::encoders::RandomKey;
use crate::error::Result;
use crate::network::Network;
use crate::rng::{Purpose, Stream};
use candle_core::Tensor;
use serde::Serialize;
use std::f64::consts::TAU;

/// A change of images whose pixels lie in 0..1, and stay there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Perturbation {
    /// None.
    Clean,
    /// One step along the sign of the gradient: clip(x + eps sign(dL/dx)). Source: Goodfellow et al. 2015 (arXiv
    /// 1412.6572).
    Fgsm { eps: f64 },
    /// Steps of alpha along the sign, from a random start in the cube of eps around the image, never out of it or of
    /// 0..1. Source: Madry et al. 2018 (arXiv 1706.06083).
    Pgd { eps: f64, alpha: f64, steps: usize },
    /// Normal noise of this standard deviation on every value, clipped to 0..1.
    Gaussian { deviation: f64 },
    /// This share of the values, each on its own, is 0 or 1, as likely.
    SaltAndPepper { share: f64 },
}

/// Images whose labels are known.
pub struct Images<'a> {
    /// [B, C, H, W], 0..1.
    pub pixels: &'a Tensor,
    /// `[B]`.
    pub labels: &'a Tensor,
    /// Each image's place in its split.
    pub indices: &'a [u32],
}

/// Who attacks what, and how.
pub struct Attacker<'a> {
    pub network: &'a Network,
    pub scale: &'a Scale,
    pub seed: u64,
    /// Poisson draws over which a gradient is averaged: an attacker who knows only the distribution of the spikes, not
    /// the spikes.
    pub gradient_draws: usize,
    /// Most images whose gradient is computed at once.
    pub together: usize,
}

/// `8/255`, or `0.03` where it is no whole number of 255ths.
pub fn share(eps: f64) -> String {
    match (255.0 * eps).round() {
        whole if (255.0 * eps - whole).abs() < 1e-6 => format!("{whole}/255"),
        _ => eps.to_string(),
    }
}

/// `8/255` or `0.03` as a number above 0 and up to 1; `None` of anything else.
pub fn read_share(text: &str) -> Option<f64> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let value = match text.split_once('/') {
        Some((above, below)) => number(above)? / number(below)?,
        None => number(text)?,
    };
    Some(value).filter(|&value| value > 0.0 && value <= 1.0)
}

impl Perturbation {
    /// `FGSM 8/255` and the like.
    pub fn describe(&self) -> String {
        match *self {
            Self::Clean => "clean".into(),
            Self::Fgsm { eps } => format!("FGSM eps {}", share(eps)),
            Self::Pgd { eps, alpha, steps } => format!("PGD eps {} alpha {} steps {steps}", share(eps), share(alpha)),
            Self::Gaussian { deviation } => format!("Gaussian noise {deviation}"),
            Self::SaltAndPepper { share } => format!("salt and pepper {share}"),
        }
    }

    /// Its name among the measures of tables: `attack.fgsm@8/255`.
    pub fn measure(&self) -> String {
        match *self {
            Self::Clean => "attack.clean".into(),
            Self::Fgsm { eps } => format!("attack.fgsm@{}", share(eps)),
            Self::Pgd { eps, .. } => format!("attack.pgd@{}", share(eps)),
            Self::Gaussian { deviation } => format!("attack.gaussian@{deviation}"),
            Self::SaltAndPepper { share } => format!("attack.salt_and_pepper@{share}"),
        }
    }

    /// Whether two draws of it differ on a network whose encoder is not random.
    pub fn is_random(&self) -> bool {
        !matches!(self, Self::Clean | Self::Fgsm { .. })
    }

    /// The changed images, 0..1. `draw` numbers the random choices.
    pub fn apply(&self, attacker: &Attacker<'_>, images: &Images<'_>, draw: usize) -> Result<Tensor> {
        let Images { pixels, .. } = *images;
        let random = |layer: usize| Random { seed: attacker.seed, layer, draw };
        match *self {
            Self::Clean => Ok(pixels.clone()),
            Self::Fgsm { eps } => {
                let sign = attacker.gradient(images, pixels, draw, 0)?.sign()?;
                Ok((pixels + (sign * eps)?)?.clamp(0.0, 1.0)?)
            }
            Self::Pgd { eps, alpha, steps } => {
                let start =
                    random(0).values(images, |stream, place| eps * (2.0 * f64::from(stream.uniform(place)) - 1.0))?;
                let mut x = (pixels + start)?.clamp(0.0, 1.0)?;
                for step in 0..steps {
                    let sign = attacker.gradient(images, &x, draw, step)?.sign()?;
                    let moved = ((x + (sign * alpha)?)? - pixels)?.clamp(-eps, eps)?;
                    x = (pixels + moved)?.clamp(0.0, 1.0)?;
                }
                Ok(x)
            }
            Self::Gaussian { deviation } => {
                // Box and Muller 1958; 1 - u is never 0.
                let noise = random(1).values(images, |stream, place| {
                    let [u, v] = [0, 1].map(|k| f64::from(stream.uniform(2 * place + k)));
                    deviation * (-2.0 * (1.0 - u).ln()).sqrt() * (TAU * v).cos()
                })?;
                Ok((pixels + noise)?.clamp(0.0, 1.0)?)
            }
            Self::SaltAndPepper { share } => {
                // Far enough for clipping to decide: to 0, to 1, or to stay.
                let far = random(2).values(images, |stream, place| match f64::from(stream.uniform(place)) / share {
                    u if u < 0.5 => -2.0,
                    u if u < 1.0 => 2.0,
                    _ => 0.0,
                })?;
                Ok((pixels + far)?.clamp(0.0, 1.0)?)
            }
        }
    }
}

impl Attacker<'_> {
    /// dL/dx [B, C, H, W] at the pixels `x`, of the loss summed over the images, with Poisson draws that no evaluation
    /// makes.
    fn gradient(&self, images: &Images<'_>, x: &Tensor, draw: usize, step: usize) -> Result<Tensor> {
        let mut parts = Vec::new();
        for (start, indices) in (0..).step_by(self.together.max(1)).zip(images.indices.chunks(self.together.max(1))) {
            let [x, labels] = [x, images.labels].map(|all| all.narrow(0, start, indices.len()));
            let (normal, labels) = (self.scale.normalize(&x?)?, labels?);
            let mut sum: Option<Tensor> = None;
            for repeat in 0..self.gradient_draws.max(1) {
                let number = (draw * 1000 + step) * self.gradient_draws.max(1) + repeat;
                let spikes = RandomKey { seed: self.seed, purpose: Purpose::PoissonAttack, epoch: number, indices };
                let more = self.network.input_gradient(&normal, &labels, &spikes)?;
                sum = Some(match sum {
                    Some(sum) => (sum + more)?,
                    None => more,
                });
            }
            parts.extend(sum);
        }
        // By the pixel: the normal value grows with 1 / std.
        self.scale.by_pixel(&Tensor::cat(&parts, 0)?)
    }
}

/// Random values of images, whatever the batch.
struct Random {
    seed: u64,
    /// Tells kinds of noise apart.
    layer: usize,
    draw: usize,
}

impl Random {
    /// A value for each place of each image.
    fn values(&self, images: &Images<'_>, value: impl Fn(&Stream, u64) -> f64) -> Result<Tensor> {
        let places = images.pixels.elem_count() / images.indices.len().max(1);
        let of_image = |&index: &u32| {
            let stream = Stream::new(self.seed, Purpose::Attack, self.layer, self.draw, index as usize);
            (0..places as u64).map(|place| value(&stream, place) as f32).collect::<Vec<_>>()
        };
        let values: Vec<f32> = images.indices.iter().flat_map(of_image).collect();
        Ok(Tensor::from_vec(values, images.pixels.shape(), images.pixels.device())?)
    }
}
