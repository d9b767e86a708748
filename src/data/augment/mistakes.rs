//! Changes that do not fit the images.

use super::AugmentConfig;
use crate::data::affine::AffineConfig;
use crate::data::{DataShape, Split, SplitValues, mixup};

impl AugmentConfig {
    /// Why a learned policy does not fit the images of `split`, as (dotted key, problem).
    pub(in crate::data) fn unfit(&self, split: &Split) -> Option<(String, String)> {
        let channels = split.shape.iter().rev().nth(2).copied().unwrap_or_default();
        let found = match (&split.items, split.shape.len()) {
            (SplitValues::Bytes(_), 3) if channels == 3 => return None,
            (_, 4..) => "sequences".to_string(),
            (SplitValues::Bytes(_) | SplitValues::Counts(_), _) => channels_found(channels),
            (SplitValues::Floats(_), _) => "images of floats".to_string(),
        };
        self.auto_augment.map(|_| policy_mistake(&found))
    }

    fn roll_mistake(&self, shape: &DataShape) -> Option<(String, String)> {
        let DataShape { height, width, time_steps, .. } = *shape;
        let most = height.min(width) / 2;
        let problem = match time_steps {
            _ if self.roll == 0 => return None,
            None => {
                "frames of sequences are rolled, and the data set's items are images: remove it, and shift images with \
                 crop_padding"
                    .to_string()
            }
            Some(_) if self.roll > most => format!(
                "expected at most half the shorter side of frames of {height}x{width}, {most}, found {}",
                self.roll
            ),
            Some(_) => return None,
        };
        Some(("data.augment.roll".into(), problem))
    }

    fn mixup_mistake(&self) -> Option<(String, String)> {
        let wrong = self.mixup != 0.0 && !mixup::CONCENTRATIONS.contains(&self.mixup);
        let problem = || format!("expected 0, which mixes nothing, or 0.001 to 1000, found {}", self.mixup);
        wrong.then(|| ("data.augment.mixup".into(), problem()))
    }

    /// Mistakes as (dotted key, problem).
    pub(in crate::data) fn mistakes(&self, shape: &DataShape) -> Vec<(String, String)> {
        let side = shape.height.min(shape.width);
        let padding = (self.crop_padding >= side).then(|| {
            let DataShape { height, width, .. } = shape;
            let problem = format!(
                "a padding of {} pixels can move an image of {height}x{width} out of sight; expected less than {side}",
                self.crop_padding
            );
            ("data.augment.crop_padding".to_string(), problem)
        });
        let hole = (self.cutout > side.saturating_mul(2)).then(|| {
            let problem = format!(
                "a square of {} pixels leaves nothing of most images of {}x{}; expected at most twice the shorter side",
                self.cutout, shape.height, shape.width
            );
            ("data.augment.cutout".to_string(), problem)
        });
        let found = match shape.time_steps {
            Some(_) => Some("sequences".to_string()),
            None => (shape.channels != 3).then(|| channels_found(shape.channels)),
        };
        let policy = found.filter(|_| self.auto_augment.is_some()).map(|found| policy_mistake(&found));
        let affine = self.affine.as_ref().and_then(AffineConfig::mistakes);
        let others = [self.roll_mistake(shape), affine, policy, self.mixup_mistake()];
        padding.into_iter().chain(hole).chain(others.into_iter().flatten()).collect()
    }
}

fn channels_found(channels: usize) -> String {
    format!("images of {channels} channel{}", if channels == 1 { "" } else { "s" })
}

fn policy_mistake(found: &str) -> (String, String) {
    let problem =
        format!("the policy changes the colours of images of bytes in 3 channels, and these are {found}: remove it");
    ("data.augment.auto_augment".into(), problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::AutoAugmentPolicy;

    #[test]
    fn keys_that_do_not_fit_the_data_are_mistakes() {
        let images = crate::data::digits::SHAPE;
        let [colours, frames] =
            [DataShape { channels: 3, ..images }, DataShape { channels: 2, time_steps: Some(4), ..images }];
        let policy = Some(AutoAugmentPolicy::Cifar10);
        let mistakes = |augment: AugmentConfig, shape| -> Vec<String> {
            augment.mistakes(&shape).into_iter().map(|(key, problem)| format!("{key}: {problem}")).collect()
        };
        let roll = |roll| AugmentConfig { roll, ..AugmentConfig::default() };
        let expected = "data.augment.roll: frames of sequences are rolled, and the data set's items are images: remove it, \
                        and shift images with crop_padding";
        assert_eq!(mistakes(roll(2), images), [expected]);
        assert_eq!(mistakes(roll(4), frames), [""; 0]);
        let expected = "data.augment.roll: expected at most half the shorter side of frames of 8x8, 4, found 5";
        assert_eq!(mistakes(roll(5), frames), [expected]);
        let learned = || AugmentConfig { auto_augment: policy, ..AugmentConfig::default() };
        assert_eq!(mistakes(learned(), colours), [""; 0]);
        for (shape, found) in [(images, "images of 1 channel"), (frames, "sequences")] {
            let expected = format!(
                "data.augment.auto_augment: the policy changes the colours of images of bytes in 3 channels, and these \
                 are {found}: remove it"
            );
            assert_eq!(mistakes(learned(), shape), [expected]);
        }
        let mixup = |mixup| AugmentConfig { mixup, ..AugmentConfig::default() };
        assert_eq!(mistakes(mixup(0.2), frames), [""; 0]);
        let expected = "data.augment.mixup: expected 0, which mixes nothing, or 0.001 to 1000, found 0.0001";
        assert_eq!(mistakes(mixup(0.0001), images), [expected]);
    }

    #[test]
    fn a_padding_as_large_as_the_image_is_a_mistake() {
        let shape = crate::data::digits::SHAPE;
        let mistakes = |crop_padding| AugmentConfig { crop_padding, ..AugmentConfig::default() }.mistakes(&shape);
        assert_eq!(mistakes(7), []);
        let (key, problem) = mistakes(8).pop().unwrap();
        assert_eq!(key, "data.augment.crop_padding");
        assert_eq!(problem, "a padding of 8 pixels can move an image of 8x8 out of sight; expected less than 8");
    }
}
