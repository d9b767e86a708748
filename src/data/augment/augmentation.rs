//! What happens to one image, pixel by pixel.

use crate::data::affine::AffineMap;
use crate::data::auto_augment::DrawnOperations;
use crate::ops::batch::{Crop, Hole};

/// Where the pixels of a changed image come from. The default changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::data) struct Augmentation {
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
pub(super) fn rolled<P: Copy>(plane: &[P], [height, width]: [usize; 2], [down, right]: [isize; 2]) -> Vec<P> {
    let places = |by: isize, side: usize| by.rem_euclid(side.max(1) as isize) as usize;
    let mut rolled = plane.to_vec();
    rolled.rotate_right(places(down, height).saturating_mul(width).min(plane.len()));
    rolled.chunks_exact_mut(width.max(1)).for_each(|row| row.rotate_right(places(right, width)));
    rolled
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
