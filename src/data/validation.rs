//! `data.validation`: training images that are not trained on, by which an epoch is chosen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Split;
use crate::error::{Error, Result};
use crate::rng::{Purpose, Stream};

/// A part of the training images (of those that `data.limit` leaves) is held out: of every class the same share, drawn
/// by the experiment's seed and by nothing else. They are evaluated without augmentation in place of the test images;
/// the best epoch, `training.early_stopping` and all that follows from them are chosen there. The test images are read
/// once, when training has ended, with the best epoch's weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidationConfig {
    /// Share of every class that is held out; rounded to whole images.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub share: f64,
}

/// Places in the training split, both in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdout {
    /// Those that are trained on.
    pub training: Vec<u32>,
    /// Those that are held out.
    pub validation: Vec<u32>,
}

impl ValidationConfig {
    /// Draws a share of every class: the first of its images in an order of their own that `seed` and the label give.
    ///
    /// # Errors
    /// [`Error::Data`] naming a class of which the share leaves nothing on one of both sides.
    pub(super) fn draw(&self, split: &Split, seed: u64) -> Result<Holdout> {
        let classes = split.labels.iter().max().map_or(0, |&last| last as usize).saturating_add(1);
        let mut places: Vec<Vec<u32>> = vec![Vec::new(); classes];
        for (place, &label) in (0u32..).zip(&split.labels) {
            places.get_mut(label as usize).into_iter().for_each(|places| places.push(place));
        }
        let mut holdout = Holdout { training: Vec::new(), validation: Vec::new() };
        for (label, mut places) in places.into_iter().enumerate().filter(|(_, places)| !places.is_empty()) {
            let images = places.len();
            let count = (images as f64 * self.share).round() as usize;
            if count == 0 || count >= images {
                return Err(self.refusal(label, images, count));
            }
            Stream::new(seed, Purpose::Validation, 0, 0, label).shuffle(&mut places);
            holdout.training.extend(places.split_off(count));
            holdout.validation.extend(places);
        }
        holdout.training.sort_unstable();
        holdout.validation.sort_unstable();
        Ok(holdout)
    }

    fn refusal(&self, label: usize, images: usize, count: usize) -> Error {
        let share = self.share;
        let of = if images == 1 { "the only training image".into() } else { format!("the {images} training images") };
        let expected = match images {
            1 => "a class needs two images or more, one to train on and one to choose by".to_string(),
            // The least that is rounded to one image, and what leaves one; in thousandths, on the right side.
            _ if count == 0 => {
                format!("expected {} or more, so that one of them is held out", (500.0 / images as f64).ceil() / 1e3)
            }
            _ => {
                let most = 1000.0 * (images as f64 - 0.5) / images as f64;
                format!("expected less than {}, so that one of them is trained on", most.floor() / 1e3)
            }
        };
        Error::Data(format!(
            "data.validation.share: {share} of {of} of class {label} {count_is}: {expected}. Use another share or more images.",
            count_is = match count {
                0 => "is no image",
                _ => "are all of them",
            }
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SplitValues;

    fn split(labels: &[u32]) -> Split {
        let items = SplitValues::Bytes(vec![0u8; labels.len()].into());
        Split { items, labels: labels.to_vec(), shape: vec![1, 1, 1] }
    }

    fn counts(labels: &[u32], places: &[u32]) -> Vec<usize> {
        (0..3).map(|label| places.iter().filter(|&&place| labels[place as usize] == label).count()).collect()
    }

    #[test]
    fn every_class_gives_its_share_and_every_image_is_on_one_side() {
        // 20 of class 0, 10 of class 1, 7 of class 2, mixed.
        let labels: Vec<u32> = (0..37).map(|i| if i % 5 == 4 { 2 } else { u32::from(i % 3 == 2) }).collect();
        let all: Vec<u32> = (0..37).collect();
        let of = counts(&labels, &all);
        for (share, seed) in [(0.1, 0), (0.25, 0), (0.25, 1), (0.5, 7)] {
            let Holdout { training, validation } = ValidationConfig { share }.draw(&split(&labels), seed).unwrap();
            let expected: Vec<usize> = of.iter().map(|&n| (n as f64 * share).round() as usize).collect();
            assert_eq!(counts(&labels, &validation), expected);
            assert!(training.is_sorted() && validation.is_sorted());
            let mut both = [training, validation].concat();
            both.sort_unstable();
            assert_eq!(both, all);
        }
    }

    #[test]
    fn a_split_is_the_seeds_alone_and_a_class_keeps_its_images_when_others_come() {
        let draw =
            |labels: &[u32], seed| ValidationConfig { share: 0.2 }.draw(&split(labels), seed).unwrap().validation;
        let labels: Vec<u32> = (0..100).map(|i| i / 50).collect();
        assert_eq!(draw(&labels, 3), draw(&labels, 3));
        assert_ne!(draw(&labels, 3), draw(&labels, 4));
        let more: Vec<u32> = (0..150).map(|i| i / 50).collect();
        assert_eq!(draw(&labels, 3), draw(&more, 3)[..20]);
    }

    #[test]
    fn a_class_too_small_for_the_share_is_named_with_what_would_do() {
        let told = |labels: &[u32], share| ValidationConfig { share }.draw(&split(labels), 0).unwrap_err().to_string();
        let labels = [0, 0, 0, 0, 0, 0, 2, 2, 2];
        assert_eq!(
            told(&labels, 0.1),
            "data.validation.share: 0.1 of the 3 training images of class 2 is no image: expected 0.167 or more, so that one of \
             them is held out. Use another share or more images."
        );
        assert_eq!(
            told(&labels, 0.9),
            "data.validation.share: 0.9 of the 3 training images of class 2 are all of them: expected less than 0.833, so that \
             one of them is trained on. Use another share or more images."
        );
        assert_eq!(
            told(&[0, 0, 1], 0.5),
            "data.validation.share: 0.5 of the only training image of class 1 are all of them: a class needs two images or more, \
             one to train on and one to choose by. Use another share or more images."
        );
        for share in [0.167, 0.832] {
            assert!(ValidationConfig { share }.draw(&split(&labels), 0).is_ok(), "{share}");
        }
    }
}
