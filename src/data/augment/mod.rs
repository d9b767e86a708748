//! Random changes to training images: crops, flips and holes, after [`super::affine`] maps; what
//! [`super::auto_augment`] does comes before the holes.

mod augmentation;
mod mistakes;

pub(super) use augmentation::Augmentation;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::affine::AffineConfig;
use super::auto_augment::AutoAugmentPolicy;
use crate::ops::batch::Hole;
use crate::rng::Stream;

/// Random changes to training images, new in every epoch. All time-steps of a sequence change alike.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    /// Cut the image out of one with so many black pixels added on every side, at a random place. The values added are
    /// 0 before normalisation.
    #[serde(default)]
    pub crop_padding: usize,
    /// Mirror every second image, left to right, at random.
    #[serde(default)]
    pub flip: bool,
    /// Roll the frames of a sequence by up to so many pixels to a side, and up or down, at random: what leaves them on
    /// one side comes in at the other. Of sequences, such as events, alone. Source: Li et al. 2022 (arXiv 2203.06145).
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub roll: usize,
    /// Cut a square of this side out of the image, centred anywhere in it: what is left of the square inside the image
    /// is 0 after normalisation. Source: DeVries & Taylor 2017 (arXiv 1708.04552). None where it is 0.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub cutout: usize,
    /// Turn, shift and scale the image, before it is cut and mirrored; not at all when absent. Batches are then made by
    /// the processor, also for a GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affine: Option<AffineConfig>,
    /// A learned policy of changes of shape and colour, after crop and flip and before cutout; none when absent. For
    /// images of bytes in 3 channels; batches are then made by the processor, also for a GPU. Source: Cubuk et al. 2019
    /// (arXiv 1805.09501).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_augment: Option<AutoAugmentPolicy>,
    /// Mix the images of a batch in pairs, and their losses, by a share of the distribution Beta(mixup, mixup), new for
    /// every batch. None where it is 0. Source: Zhang et al. 2018 (arXiv 1710.09412).
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub mixup: f64,
}

impl AugmentConfig {
    /// Whether images are changed in ways that a device does not know, so that they stay on the host.
    pub fn stays_on_host(&self) -> bool {
        self.affine.is_some() || self.auto_augment.is_some()
    }

    /// What happens to one image of `height` and `width` pixels: numbers 0 and 1 of its stream place the crop (y, x),
    /// number 2 decides the flip, 3 to 6 are the affine map's, 16 and 17 place the hole's centre, 18 and 19 roll, and
    /// those from 20 on are the policy's.
    pub(super) fn draw(&self, stream: &Stream, size: [usize; 2]) -> Augmentation {
        let padding = self.crop_padding;
        let offset = |position, most: usize| {
            let offsets = u32::try_from(most.saturating_mul(2).saturating_add(1)).unwrap_or(u32::MAX);
            (stream.below(position, offsets) as isize).saturating_sub_unsigned(most)
        };
        let turn = self.affine.map(|affine| affine.draw(stream, size));
        let (flip, hole) = (self.flip && stream.uniform(2) < 0.5, self.hole(stream, size));
        Augmentation {
            turn,
            roll: [offset(18, self.roll), offset(19, self.roll)],
            down: offset(0, padding),
            right: offset(1, padding),
            flip,
            operations: self.auto_augment.map(|policy| policy.draw(stream)).unwrap_or_default(),
            hole,
        }
    }

    /// From half a side above and left of the centre on, as far as it lies in the image.
    fn hole(&self, stream: &Stream, [height, width]: [usize; 2]) -> Hole {
        if self.cutout == 0 {
            return Hole::default();
        }
        let range = |position, side: usize| {
            let centre = stream.below(position, u32::try_from(side).unwrap_or(u32::MAX)) as usize;
            let end = centre.saturating_add(self.cutout).saturating_sub(self.cutout / 2);
            (centre.saturating_sub(self.cutout / 2), end.min(side))
        };
        let ((top, bottom), (left, right)) = (range(16, height), range(17, width));
        Hole { top, left, bottom, right }
    }
}

#[cfg(test)]
mod tests {
    use super::augmentation::rolled;
    use super::*;
    use crate::rng::Purpose;

    #[test]
    fn an_affine_map_leaves_crop_and_flip_as_they_were() {
        let plain = AugmentConfig { crop_padding: 2, flip: true, ..AugmentConfig::default() };
        let turning = AffineConfig { degrees: 30.0, shift: 0.15, scale: [0.85, 1.11] };
        let turning = AugmentConfig { affine: Some(turning), ..plain.clone() };
        for image in 0..100 {
            let stream = Stream::new(3, Purpose::Augment, 0, 1, image);
            assert_eq!(Augmentation { turn: None, ..turning.draw(&stream, [8, 8]) }, plain.draw(&stream, [8, 8]));
        }
    }

    #[test]
    fn crops_reach_every_offset_equally_often_and_half_the_images_are_flipped() {
        let config = AugmentConfig { crop_padding: 2, flip: true, ..AugmentConfig::default() };
        let n = 20_000;
        let (mut down, mut right, mut flips) = ([0; 5], [0; 5], 0);
        for image in 0..n {
            let change = config.draw(&Stream::new(3, Purpose::Augment, 0, 1, image), [8, 8]);
            down[(change.down + 2) as usize] += 1;
            right[(change.right + 2) as usize] += 1;
            flips += usize::from(change.flip);
        }
        // Five standard deviations: 57 for a share of 1/5, 71 for 1/2.
        assert!(down.iter().chain(&right).all(|&count: &i32| (count - 4000).abs() < 283), "{down:?} {right:?}");
        assert!((flips as i32 - 10_000).abs() < 354, "{flips}");
    }

    #[test]
    fn nothing_configured_changes_nothing() {
        let config = AugmentConfig::default();
        for image in 0..100 {
            assert_eq!(config.draw(&Stream::new(3, Purpose::Augment, 0, 1, image), [8, 8]), Augmentation::default());
        }
    }

    #[test]
    fn frames_are_rolled_around_their_border_by_every_offset_equally_often() {
        // Rows 1 2 3 and 4 5 6: down by one, to the left by one.
        assert_eq!(rolled(&[1, 2, 3, 4, 5, 6], [2, 3], [1, -1]), [5, 6, 4, 2, 3, 1]);
        assert_eq!(rolled(&[1, 2, 3, 4, 5, 6], [2, 3], [0, 0]), [1, 2, 3, 4, 5, 6]);
        let change = Augmentation { roll: [1, -1], ..Augmentation::default() };
        let mut out = [f32::NAN; 6];
        change.apply(&[1u8, 2, 3, 4, 5, 6], 3, &mut out, -1.0, f32::from);
        assert_eq!(out, [5., 6., 4., 2., 3., 1.]);
        let config = AugmentConfig { roll: 2, ..AugmentConfig::default() };
        let mut counts = [[0i32; 5]; 2];
        for image in 0..20_000 {
            let change = config.draw(&Stream::new(3, Purpose::Augment, 0, 1, image), [8, 8]);
            assert_eq!(Augmentation { roll: [0; 2], ..change }, Augmentation::default());
            counts.iter_mut().zip(change.roll).for_each(|(counts, by)| counts[(by + 2) as usize] += 1);
        }
        // Five standard deviations of a share of 1/5.
        assert!(counts.iter().flatten().all(|&count| (count - 4000).abs() < 283), "{counts:?}");
    }

    #[test]
    fn a_hole_lies_around_its_centre_as_far_as_the_image_reaches_and_anywhere() {
        let config = AugmentConfig { cutout: 3, ..AugmentConfig::default() };
        let (mut places, size) = (std::collections::BTreeSet::new(), [4, 5]);
        for index in 0..2000 {
            let hole = config.draw(&Stream::new(0, Purpose::Augment, 0, 0, index), size).hole;
            // Centre 0 reaches from the border to 2, the last from one before it to the border.
            assert!((2..=3).contains(&(hole.bottom - hole.top)) && (2..=3).contains(&(hole.right - hole.left)));
            assert!(hole.bottom <= 4 && hole.right <= 5);
            places.insert((hole.top, hole.bottom, hole.left, hole.right));
        }
        assert_eq!(places.len(), 4 * 5, "every centre");
        let hole = Hole { top: 1, left: 2, bottom: 3, right: 5 };
        let mut out = vec![f32::NAN; 20];
        Augmentation { hole, ..Augmentation::default() }.apply(&[7u8; 20], 5, &mut out, 0.0, f32::from);
        let expected = |at: usize| if (1..3).contains(&(at / 5)) && at % 5 >= 2 { 0.0 } else { 7.0 };
        assert_eq!(out, (0..20).map(expected).collect::<Vec<f32>>());
    }
}
