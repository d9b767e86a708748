//! Random changes to training images: crops, flips and holes, after [`super::affine`] maps; what
//! [`super::auto_augment`] does comes before the holes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::affine::{AffineConfig, AffineMap};
use super::auto_augment::{AutoAugmentPolicy, DrawnOperations};
use super::{DataShape, Split, SplitValues, mixup};
use crate::ops::batch::{Crop, Hole};
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

    /// Why a learned policy does not fit the images of `split`, as (dotted key, problem).
    pub(super) fn unfit(&self, split: &Split) -> Option<(String, String)> {
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
    pub(super) fn mistakes(&self, shape: &DataShape) -> Vec<(String, String)> {
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

fn channels_found(channels: usize) -> String {
    format!("images of {channels} channel{}", if channels == 1 { "" } else { "s" })
}

fn policy_mistake(found: &str) -> (String, String) {
    let problem =
        format!("the policy changes the colours of images of bytes in 3 channels, and these are {found}: remove it");
    ("data.augment.auto_augment".into(), problem)
}

/// Where the pixels of a changed image come from. The default changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Augmentation {
    /// How the image is turned, shifted and scaled before it is cut.
    pub turn: Option<AffineMap>,
    /// Rows down and columns to the right by which it is rolled before it is cut.
    pub roll: [isize; 2],
    /// Rows by which the crop lies below the original; negative: above.
    pub down: isize,
    /// Columns by which the crop lies to the right of the original; negative: to the left.
    pub right: isize,
    /// Mirror the crop.
    pub flip: bool,
    /// What the policy does to it then.
    pub operations: DrawnOperations,
    /// What is cut out of it.
    pub hole: Hole,
}

impl Augmentation {
    /// The same for images on a device, which are not turned, rolled or changed by a policy. Paddings are smaller than
    /// the image.
    pub fn cut(self) -> Crop {
        let Self { down, right, flip, hole, .. } = self;
        Crop { down: down as i32, right: right as i32, flip, hole }
    }

    /// Writes the changed and converted `source`, a plane of rows of `width` values, to `out`; `border` where the crop
    /// leaves the image.
    pub fn apply<P>(&self, source: &[P], width: usize, out: &mut [f32], border: f32, convert: impl Fn(P) -> f32)
    where
        P: Copy + Default,
    {
        self.place(source, width, out, border, convert);
        self.cut_out(width, out);
    }

    /// The same without the hole.
    pub fn place<P, Q>(&self, source: &[P], width: usize, out: &mut [Q], border: Q, convert: impl Fn(P) -> Q)
    where
        P: Copy + Default,
        Q: Copy,
    {
        let width = width.max(1);
        let height = source.len().checked_div(width).unwrap_or_default();
        let turned = self.turn.map(|turn| turn.apply(source, [height, width]));
        let source = turned.as_deref().unwrap_or(source);
        let rolled = (self.roll != [0; 2]).then(|| rolled(source, [height, width], self.roll));
        let source = rolled.as_deref().unwrap_or(source);
        for (y, row) in out.chunks_exact_mut(width).enumerate() {
            let from = y.checked_add_signed(self.down).and_then(|y| source.chunks_exact(width).nth(y));
            let Some(from) = from else {
                row.fill(border);
                continue;
            };
            let pixel = |(x, value): (usize, &mut Q)| {
                let pixel = x.checked_add_signed(self.right).and_then(|x| from.get(x));
                *value = pixel.map_or(border, |&pixel| convert(pixel));
            };
            match self.flip {
                true => row.iter_mut().rev().enumerate().for_each(pixel),
                false => row.iter_mut().enumerate().for_each(pixel),
            }
        }
    }

    /// Empties the hole of a plane of rows of `width` values.
    pub fn cut_out(&self, width: usize, out: &mut [f32]) {
        let Hole { top, left, bottom, right } = self.hole;
        for row in out.chunks_exact_mut(width.max(1)).take(bottom).skip(top) {
            row.get_mut(left..right).into_iter().for_each(|hole| hole.fill(0.0));
        }
    }
}

/// `plane` around its border, so many rows down and columns to the right.
fn rolled<P: Copy>(plane: &[P], [height, width]: [usize; 2], [down, right]: [isize; 2]) -> Vec<P> {
    let places = |by: isize, side: usize| by.rem_euclid(side.max(1) as isize) as usize;
    let mut rolled = plane.to_vec();
    rolled.rotate_right(places(down, height).saturating_mul(width).min(plane.len()));
    rolled.chunks_exact_mut(width.max(1)).for_each(|row| row.rotate_right(places(right, width)));
    rolled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    /// The textbook way: build the padded image, cut, mirror.
    fn naive(source: &[u8], [height, width]: [usize; 2], padding: usize, [y, x]: [usize; 2], flip: bool) -> Vec<f32> {
        let mut padded = vec![vec![0u8; width + 2 * padding]; height + 2 * padding];
        for row in 0..height {
            for column in 0..width {
                padded[row + padding][column + padding] = source[row * width + column];
            }
        }
        let mut out = Vec::new();
        for row in &padded[y..y + height] {
            let mut row = row[x..x + width].to_vec();
            if flip {
                row.reverse();
            }
            out.extend(row.into_iter().map(f32::from));
        }
        out
    }

    #[test]
    fn every_crop_and_flip_equals_padding_cutting_and_mirroring() {
        let (height, width, padding) = (4, 5, 3);
        let source: Vec<u8> = (1..=20).collect();
        for y in 0..=2 * padding {
            for x in 0..=2 * padding {
                for flip in [false, true] {
                    let change = Augmentation {
                        down: y as isize - padding as isize,
                        right: x as isize - padding as isize,
                        flip,
                        ..Augmentation::default()
                    };
                    let mut out = vec![f32::NAN; 20];
                    change.apply(&source, width, &mut out, 0.0, f32::from);
                    assert_eq!(out, naive(&source, [height, width], padding, [y, x], flip), "{change:?}");
                }
            }
        }
    }

    #[test]
    fn an_image_is_turned_before_it_is_cut() {
        let turn = AffineMap { degrees: 180.0, right: 0.0, down: 0.0, scale: 1.0 };
        let change = Augmentation { turn: Some(turn), right: 1, ..Augmentation::default() };
        let mut out = [f32::NAN; 4];
        change.apply(&[1u8, 2, 3, 4], 2, &mut out, -1.0, f32::from);
        assert_eq!(out, [3.0, -1.0, 1.0, -1.0]);
    }

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
