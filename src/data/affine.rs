//! Random rotations, shifts and scales of training images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rng::Stream;

/// Turns, shifts and scales every image at random about its centre: a pixel p of the new image is the pixel of the old
/// one that lies nearest to c + R (p - c - d) / s, and 0 where that is outside, with c the centre, R the rotation by
/// -angle, d the shift and s the scale. These are the pixels of torchvision's `RandomAffine` on PIL images, without
/// interpolation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AffineConfig {
    /// The largest angle, in degrees: angles are uniform from -degrees to degrees.
    #[serde(default)]
    #[schemars(range(min = 0, max = 180))]
    pub degrees: f64,
    /// The largest shift, as a share of the width to the sides and of the height up and down; uniform, then rounded to
    /// whole pixels.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub shift: f64,
    /// The smallest and the largest factor by which the image grows; uniform in between.
    #[serde(default = "unchanged")]
    #[schemars(extend("items" = { "type": "number", "exclusiveMinimum": 0 }))]
    pub scale: [f64; 2],
}

fn unchanged() -> [f64; 2] {
    [1.0, 1.0]
}

impl AffineConfig {
    /// Mistakes as (dotted key, problem).
    pub(super) fn mistakes(&self) -> Option<(String, String)> {
        let [least, most] = self.scale;
        (least > most).then(|| {
            let problem =
                format!("expected the smallest factor, then the largest, found {least}, then {most}: exchange them");
            ("data.augment.affine.scale".into(), problem)
        })
    }

    /// What happens to one image of `height` and `width` pixels: numbers 3 to 6 of its stream are the angle, the shifts
    /// to the right and down, and the scale.
    pub(super) fn draw(&self, stream: &Stream, [height, width]: [usize; 2]) -> AffineMap {
        let uniform = |position, [least, most]: [f64; 2]| least + (most - least) * f64::from(stream.uniform(position));
        let around = |position, most: f64| uniform(position, [-most, most]);
        AffineMap {
            degrees: around(3, self.degrees),
            right: around(4, self.shift * width as f64).round_ties_even(),
            down: around(5, self.shift * height as f64).round_ties_even(),
            scale: uniform(6, self.scale),
        }
    }
}

/// One image's rotation (degrees), shift (whole pixels) and scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct AffineMap {
    pub degrees: f64,
    pub right: f64,
    pub down: f64,
    pub scale: f64,
}

impl AffineMap {
    /// The turned image of a plane of `height` rows of `width` pixels.
    pub fn apply<P: Copy + Default>(&self, plane: &[P], [height, width]: [usize; 2]) -> Vec<P> {
        let (sin, cos) = self.degrees.to_radians().sin_cos();
        let [sin, cos] = [sin / self.scale, cos / self.scale];
        // The old place (u, v) of the new place (x, y): u = cos x + sin y + left, v = -sin x + cos y + top.
        let centre = [width, height].map(|side| side as f64 * 0.5);
        let [x, y] = [-centre[0] - self.right, -centre[1] - self.down];
        let left = cos * x + sin * y + centre[0];
        let top = -sin * x + cos * y + centre[1];
        place_by(&[[cos, sin, left], [-sin, cos, top]], plane, [height, width])
    }
}

/// The old place (u, v) of a new place (x, y): each is a factor of x, one of y, and a number of pixels.
pub(super) type PixelMap = [[f64; 3]; 2];

/// The image of which every pixel is the nearest one to its old place in `plane`, or 0 where that is outside.
pub(super) fn place_by<P: Copy + Default>(map: &PixelMap, plane: &[P], [height, width]: [usize; 2]) -> Vec<P> {
    let &[[u_by_x, u_by_y, left], [v_by_x, v_by_y, top]] = map;
    // As in PIL, which counts in 65536ths of a pixel unless the image is only shifted and scaled.
    let exact = u_by_y == 0.0 && v_by_x == 0.0;
    let rounded = |pixels: f64| if exact { pixels } else { (pixels * 65536.0 + 0.5).floor() / 65536.0 };
    // That of the middle of the first pixel, and the steps from pixel to pixel and from row to row.
    let mut row = [left + u_by_x * 0.5 + u_by_y * 0.5, top + v_by_x * 0.5 + v_by_y * 0.5].map(rounded);
    let [across, down] = [[u_by_x, v_by_x].map(rounded), [u_by_y, v_by_y].map(rounded)];
    let onward = |[u, v]: [f64; 2], [by_u, by_v]: [f64; 2]| [u + by_u, v + by_v];

    let mut placed = Vec::with_capacity(plane.len());
    for _ in 0..height {
        let mut place = row;
        for _ in 0..width {
            placed.push(pixel(plane, [height, width], place).unwrap_or_default());
            place = onward(place, across);
        }
        row = onward(row, down);
    }
    placed
}

/// The pixel that covers a place, if that is inside.
fn pixel<P: Copy>(plane: &[P], [height, width]: [usize; 2], [x, y]: [f64; 2]) -> Option<P> {
    let inside = |at: f64, size: usize| (0.0..size as f64).contains(&at).then_some(at as usize);
    let (x, y) = (inside(x, width)?, inside(y, height)?);
    plane.get(y.checked_mul(width)?.checked_add(x)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;
    use candle_core::Device;

    #[test]
    fn every_pixel_is_torchvisions() {
        // Written by tests/fixtures/affine.py.
        let fixture = candle_core::safetensors::load("tests/fixtures/affine.safetensors", &Device::Cpu).unwrap();
        let parameters = fixture["parameters"].to_vec2::<f64>().unwrap();
        let images = fixture["images"].flatten_from(1).unwrap().to_vec2::<u8>().unwrap();
        let turned = fixture["turned"].flatten_from(2).unwrap().to_vec3::<u8>().unwrap();
        assert_eq!((images.len(), parameters.len()), (3, 6));
        for (image, expected) in images.iter().zip(&turned) {
            for (values, expected) in parameters.iter().zip(expected) {
                let turn = AffineMap { degrees: values[0], right: values[1], down: values[2], scale: values[3] };
                let found = turn.apply(image, [28, 28]);
                let differing = found.iter().zip(expected).filter(|(found, expected)| found != expected).count();
                assert_eq!(differing, 0, "{turn:?}");
            }
        }
    }

    #[test]
    fn a_quarter_turn_goes_with_the_clock_and_shifts_go_right_and_down() {
        let image = [1, 2, 3, 4];
        let still = AffineMap { degrees: 0.0, right: 0.0, down: 0.0, scale: 1.0 };
        assert_eq!(still.apply(&image, [2, 2]), image);
        assert_eq!(AffineMap { degrees: 90.0, ..still }.apply(&image, [2, 2]), [3, 1, 4, 2]);
        // What a shift leaves is 0.
        assert_eq!(AffineMap { degrees: 180.0, ..still }.apply(&image, [2, 2]), [4, 3, 2, 1]);
        assert_eq!(AffineMap { right: 1.0, ..still }.apply(&image, [2, 2]), [0, 1, 0, 3]);
        assert_eq!(AffineMap { down: 1.0, ..still }.apply(&image, [2, 2]), [0, 0, 1, 2]);
        assert_eq!(
            AffineMap { scale: 2.0, ..still }.apply(&[0, 0, 0, 0, 0, 5, 6, 0, 0, 7, 8, 0, 0, 0, 0, 0], [4, 4]),
            [5, 5, 6, 6, 5, 5, 6, 6, 7, 7, 8, 8, 7, 7, 8, 8]
        );
    }

    #[test]
    fn angles_shifts_and_scales_are_uniform_between_their_bounds() {
        let config = AffineConfig { degrees: 30.0, shift: 0.15, scale: [0.85, 1.11] };
        let n = 20_000;
        let draw = |image| config.draw(&Stream::new(3, Purpose::Augment, 0, 1, image), [28, 20]);
        let turns: Vec<AffineMap> = (0..n).map(draw).collect();
        // Mean and variance of a uniform number between a and b: (a + b) / 2 and (b - a)^2 / 12.
        let check = |value: fn(&AffineMap) -> f64, [a, b]: [f64; 2]| {
            let mean = turns.iter().map(value).sum::<f64>() / n as f64;
            let variance = turns.iter().map(|turn| (value(turn) - mean).powi(2)).sum::<f64>() / n as f64;
            let expected = (b - a).powi(2) / 12.0;
            assert!((mean - (a + b) / 2.0).abs() < 5.0 * (expected / n as f64).sqrt(), "mean {mean} of {a}..{b}");
            assert!((variance / expected - 1.0).abs() < 0.05, "variance {variance} of {a}..{b}");
            assert!(turns.iter().all(|turn| (a..=b).contains(&value(turn))));
        };
        check(|turn| turn.degrees, [-30.0, 30.0]);
        check(|turn| turn.scale, [0.85, 1.11]);
        // 0.15 of 20 and of 28 pixels are 3 and 4.2: whole pixels from -3 to 3, the outermost half as often, and from
        // -4 to 4.
        let count =
            |value: fn(&AffineMap) -> f64, of: f64| turns.iter().filter(|turn| value(turn) == of).count() as f64;
        for (value, most, outermost) in [(right as fn(&AffineMap) -> f64, 3.0, 1.0 / 12.0), (down, 4.0, 0.7 / 8.4)] {
            assert!(turns.iter().all(|turn| value(turn).abs() <= most && value(turn).fract() == 0.0));
            for side in [-most, most] {
                assert!((count(value, side) / n as f64 - outermost).abs() < 0.01, "{side}: {}", count(value, side));
            }
        }
        fn right(turn: &AffineMap) -> f64 {
            turn.right
        }
        fn down(turn: &AffineMap) -> f64 {
            turn.down
        }
    }

    #[test]
    fn a_scale_from_large_to_small_is_a_mistake() {
        let config = AffineConfig { degrees: 0.0, shift: 0.0, scale: [1.11, 0.85] };
        let (key, problem) = config.mistakes().unwrap();
        assert_eq!(key, "data.augment.affine.scale");
        assert_eq!(problem, "expected the smallest factor, then the largest, found 1.11, then 0.85: exchange them");
    }
}
