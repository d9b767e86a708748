//! Learned policies of changes to colour images of bytes.

mod operations;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::operations::Operation;
use self::operations::Operation::{
    AutoContrast, Brightness, Color, Contrast, Equalize, Invert, Posterize, Rotate, Sharpness, ShearY, Solarize,
    TranslateX, TranslateY,
};
use crate::rng::Stream;

/// A policy that was learned for a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AutoAugmentPolicy {
    /// That of CIFAR-10, which is used for CIFAR-100 as well: one of 25 pairs of operations, drawn for every image,
    /// each operation with its own probability and strength, and a sign at random where it has one.
    Cifar10,
}

/// An operation, its probability, and its strength of 0 to 9.
type Trial = (Operation, f64, u8);

/// Cubuk et al. 2019, arXiv 1805.09501, appendix, with the strengths of torchvision's `AutoAugmentPolicy.CIFAR10`. The
/// strength of operations that have none is 0.
const CIFAR10: [[Trial; 2]; 25] = [
    [(Invert, 0.1, 0), (Contrast, 0.2, 6)],
    [(Rotate, 0.7, 2), (TranslateX, 0.3, 9)],
    [(Sharpness, 0.8, 1), (Sharpness, 0.9, 3)],
    [(ShearY, 0.5, 8), (TranslateY, 0.7, 9)],
    [(AutoContrast, 0.5, 0), (Equalize, 0.9, 0)],
    [(ShearY, 0.2, 7), (Posterize, 0.3, 7)],
    [(Color, 0.4, 3), (Brightness, 0.6, 7)],
    [(Sharpness, 0.3, 9), (Brightness, 0.7, 9)],
    [(Equalize, 0.6, 0), (Equalize, 0.5, 0)],
    [(Contrast, 0.6, 7), (Sharpness, 0.6, 5)],
    [(Color, 0.7, 7), (TranslateX, 0.5, 8)],
    [(Equalize, 0.3, 0), (AutoContrast, 0.4, 0)],
    [(TranslateY, 0.4, 3), (Sharpness, 0.2, 6)],
    [(Brightness, 0.9, 6), (Color, 0.2, 8)],
    [(Solarize, 0.5, 2), (Invert, 0.0, 0)],
    [(Equalize, 0.2, 0), (AutoContrast, 0.6, 0)],
    [(Equalize, 0.2, 0), (Equalize, 0.6, 0)],
    [(Color, 0.9, 9), (Equalize, 0.6, 0)],
    [(AutoContrast, 0.8, 0), (Solarize, 0.2, 8)],
    [(Brightness, 0.1, 3), (Color, 0.7, 0)],
    [(Solarize, 0.4, 5), (AutoContrast, 0.9, 0)],
    [(TranslateY, 0.9, 9), (TranslateY, 0.7, 9)],
    [(AutoContrast, 0.9, 0), (Solarize, 0.8, 3)],
    [(Equalize, 0.8, 0), (Invert, 0.1, 0)],
    [(TranslateY, 0.7, 9), (AutoContrast, 0.9, 0)],
];

impl AutoAugmentPolicy {
    /// What happens to one image: numbers 20 to 24 of its stream are the pair, whether each of the two operations is
    /// done, and their signs.
    pub(super) fn draw(self, stream: &Stream) -> DrawnOperations {
        let Self::Cifar10 = self;
        let pair = CIFAR10.get(stream.below(20, CIFAR10.len() as u32) as usize);
        let drawn = |trial: Option<&Trial>, done, sign| {
            let &(operation, probability, strength) = trial?;
            let negative = stream.uniform(sign) < 0.5;
            (f64::from(stream.uniform(done)) < probability).then_some((operation, strength, negative))
        };
        let trial = |place: usize| pair.and_then(|pair| pair.get(place));
        DrawnOperations([drawn(trial(0), 21, 23), drawn(trial(1), 22, 24)])
    }
}

/// The operations on one image, one after the other: each with its strength, and whether it goes the other way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct DrawnOperations([Option<(Operation, u8, bool)>; 2]);

impl DrawnOperations {
    /// Changes `image` [3, H, W].
    pub fn apply(&self, image: &mut [u8], size: [usize; 2]) {
        for (operation, strength, negative) in self.0.into_iter().flatten() {
            let magnitude = operation.magnitude(strength, size);
            let signed = !matches!(operation, Posterize | Solarize);
            operation.apply(image, size, if negative && signed { -magnitude } else { magnitude });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    #[test]
    fn pairs_operations_and_signs_come_as_often_as_the_policy_says() {
        let n = 50_000;
        let drawn: Vec<DrawnOperations> = (0..n)
            .map(|image| AutoAugmentPolicy::Cifar10.draw(&Stream::new(3, Purpose::Augment, 0, 1, image)))
            .collect();
        for operation in [Invert, ShearY, Rotate, Posterize, Solarize, TranslateY, Color, Sharpness] {
            // Each pair has one in 25; an operation may be twice in a pair.
            let trials = CIFAR10.iter().flatten().filter(|trial| trial.0 == operation);
            let expected: f64 = trials.map(|trial| trial.1 / 25.0).sum();
            let found: Vec<bool> =
                drawn.iter().flat_map(|drawn| drawn.0).flatten().filter(|d| d.0 == operation).map(|d| d.2).collect();
            let share = found.len() as f64 / n as f64;
            assert!(
                (share - expected).abs() < 5.0 * (expected / n as f64).sqrt(),
                "{operation:?}: {share}, {expected}"
            );
            let negative = found.iter().filter(|&&negative| negative).count() as f64 / found.len() as f64;
            let far = 2.5 / (found.len() as f64).sqrt();
            assert!((negative - 0.5).abs() < far, "{operation:?}: {negative} negative");
        }
    }

    #[test]
    fn the_second_operation_follows_the_first() {
        // Inverted, then half as bright: (255 - 55) / 2. The other way round it would be 255 - 55 / 2.
        let mut image = vec![55u8; 3];
        DrawnOperations([Some((Invert, 0, true)), Some((Brightness, 5, true))]).apply(&mut image, [1, 1]);
        assert_eq!(image, [100; 3]);
    }
}
