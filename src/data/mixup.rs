//! Mixup: batches of images that are mixed in pairs.
//!
//! X'_b = (1 - s) X_b + s X_p(b), with p a random permutation of the batch and s = min(m, 1 - m), m of the distribution
//! Beta(alpha, alpha), one of both for a batch. The loss is (1 - s) times that against the label of b and s times that
//! against the label of p(b). With m or 1 - m and any permutation the same batches are equally likely; the smaller
//! share goes to the partner, so that an image's own label is the one it shows more of. Source: Zhang et al. 2018,
//! arXiv 1710.09412; gamma variates: Marsaglia & Tsang 2000, whose quotients are of a beta distribution.

use candle_core::Tensor;

use crate::rng::{Purpose, Stream};

/// Concentrations for which logarithms of gamma variates keep their digits.
pub(super) const CONCENTRATIONS: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

/// What was mixed into the images of a batch.
#[derive(Debug, Clone)]
pub struct Mixture {
    /// The partners' labels: u32 `[B]`.
    pub labels: Tensor,
    /// The partners' share s, 0 to 1/2.
    pub share: f64,
}

/// Who is mixed with whom, and with what share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pairs {
    partners: Vec<u32>,
    pub share: f64,
}

impl Pairs {
    /// Those of one step's batch of so many images.
    pub fn draw(alpha: f64, seed: u64, [epoch, step]: [usize; 2], images: usize) -> Self {
        let mut partners: Vec<u32> = (0..u32::try_from(images).unwrap_or(u32::MAX)).collect();
        Stream::new(seed, Purpose::Mixup, 0, epoch, step).shuffle(&mut partners);
        Self { partners, share: share(alpha, &Stream::new(seed, Purpose::Mixup, 1, epoch, step)) }
    }

    /// The partners of a batch's `items`.
    pub fn partners<T: Copy>(&self, items: &[T]) -> Vec<T> {
        self.partners.iter().filter_map(|&partner| items.get(partner as usize)).copied().collect()
    }

    /// Mixed images: `values` [T, B, C, H, W], of which an image has so many.
    pub fn mix(&self, values: &[f32], image: usize) -> Vec<f32> {
        let [own, other] = [1.0 - self.share, self.share].map(|share| share as f32);
        let mut mixed = Vec::with_capacity(values.len());
        for step in values.chunks(image.saturating_mul(self.partners.len()).max(1)) {
            let images: Vec<&[f32]> = step.chunks(image.max(1)).collect();
            for (mine, others) in images.iter().zip(self.partners(&images)) {
                mixed.extend(mine.iter().zip(others).map(|(x, y)| own * x + other * y));
            }
        }
        mixed
    }
}

/// s.
fn share(alpha: f64, stream: &Stream) -> f64 {
    // Above 0 and below 1, one after another.
    let mut uniforms = (0u64..).map(|position| (f64::from(stream.u32(position)) + 0.5) / 4_294_967_296.0);
    let mut uniform = || uniforms.next().unwrap_or(0.5);
    let [one, two] = [log_gamma_variate(alpha, &mut uniform), log_gamma_variate(alpha, &mut uniform)];
    1.0 / (1.0 + (one - two).abs().exp())
}

/// The logarithm of a number of the distribution Gamma(alpha, 1): for small alpha the number itself would be 0.
fn log_gamma_variate(alpha: f64, uniform: &mut impl FnMut() -> f64) -> f64 {
    // Below 1 by that of alpha + 1, times U^(1 / alpha).
    let small = alpha < 1.0;
    let factor = if small { uniform().ln() / alpha } else { 0.0 };
    let d = if small { alpha + 1.0 } else { alpha } - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let normal = (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        let (v, log_u) = ((1.0 + c * normal).powi(3), uniform().ln());
        if v > 0.0 && log_u < 0.5 * normal * normal + d - d * v + d * v.ln() {
            return factor + (d * v).ln();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(alpha: f64) -> Vec<f64> {
        (0..20_000).map(|step| Pairs::draw(alpha, 5, [2, step], 1).share).collect()
    }

    #[test]
    fn shares_have_the_moments_of_the_beta_distribution() {
        for alpha in [0.001, 0.2, 0.5, 1.0, 2.5, 1000.0] {
            // m (1 - m) is the same for m and 1 - m. Its mean is a / (2 (2 a + 1)), that of its square
            // (a (a + 1))^2 / (2 a (2 a + 1) (2 a + 2) (2 a + 3)).
            let (shares, a) = (shares(alpha), alpha);
            assert!(shares.iter().all(|share| (0.0..=0.5).contains(share)));
            let products: Vec<f64> = shares.iter().map(|share| share * (1.0 - share)).collect();
            let n = products.len() as f64;
            let mean = products.iter().sum::<f64>() / n;
            let square = products.iter().map(|product| product * product).sum::<f64>() / n;
            let expected = a / (2.0 * (2.0 * a + 1.0));
            let expected_square =
                (a * (a + 1.0)).powi(2) / (2.0 * a * (2.0 * a + 1.0) * (2.0 * a + 2.0) * (2.0 * a + 3.0));
            let deviation = ((expected_square - expected * expected) / n).sqrt();
            assert!((mean - expected).abs() < 5.0 * deviation, "{alpha}: {mean}, {expected}");
            assert!((square - expected_square).abs() < 5.0 * 0.25 * deviation * 2.0, "{alpha}: {square}");
        }
    }

    #[test]
    fn medians_are_those_of_the_uniform_and_the_arcsine_distribution() {
        // Of alpha 1: m is uniform, s between 0 and 1/2. Of 1/2: P(m < x) = 2 / pi asin(sqrt x).
        for (alpha, median) in [(1.0, 0.25), (0.5, (std::f64::consts::PI / 8.0).sin().powi(2))] {
            let below = shares(alpha).into_iter().filter(|&share| share < median).count();
            assert!((9_646..=10_354).contains(&below), "{alpha}: {below} of 20000");
        }
    }

    #[test]
    fn every_image_is_a_partner_once_and_time_steps_are_mixed_alike() {
        let pairs = Pairs::draw(0.2, 1, [0, 3], 50);
        let mut partners = pairs.partners(&(0..50).collect::<Vec<_>>());
        assert_eq!(pairs, Pairs::draw(0.2, 1, [0, 3], 50));
        assert_ne!(pairs, Pairs::draw(0.2, 1, [0, 4], 50));
        partners.sort_unstable();
        assert_eq!(partners, (0..50).collect::<Vec<_>>());
        // Two time-steps of two images of one pixel.
        let pairs = Pairs { partners: vec![1, 0], share: 0.25 };
        assert_eq!(pairs.mix(&[4.0, 8.0, 0.0, 16.0], 1), [5.0, 7.0, 4.0, 12.0]);
    }
}
