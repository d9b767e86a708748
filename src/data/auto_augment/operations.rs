//! What the operations of learned policies do to an image of bytes: Pillow's bytes, rounding for rounding.

use crate::data::affine::{PixelMap, place_by};

/// What is done to an image. Those with a magnitude have a largest one, reached at strength 9 of 0 to 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
    Invert,
}

impl Operation {
    /// The largest magnitude for images of `height` and `width` pixels: a tangent, pixels, degrees, a share, bits that
    /// are lost, levels.
    fn largest(self, [height, width]: [usize; 2]) -> f64 {
        match self {
            Self::ShearY => 0.3,
            Self::TranslateX => 150.0 / 331.0 * width as f64,
            Self::TranslateY => 150.0 / 331.0 * height as f64,
            Self::Rotate => 30.0,
            Self::Brightness | Self::Color | Self::Contrast | Self::Sharpness => 0.9,
            Self::Posterize => 4.0,
            Self::Solarize => 255.0,
            Self::AutoContrast | Self::Equalize | Self::Invert => 0.0,
        }
    }

    /// The magnitude at a strength of 0 to 9, in single precision as everywhere.
    pub fn magnitude(self, strength: u8, size: [usize; 2]) -> f64 {
        f64::from((self.largest(size) * f64::from(strength) / 9.0) as f32)
    }

    /// Changes `image` [3, H, W]. A negative magnitude goes the other way where there is one.
    pub fn apply(self, image: &mut [u8], size: [usize; 2], magnitude: f64) {
        let [height, width] = size;
        let pixels = height.saturating_mul(width).max(1);
        match self {
            // The old place of a new pixel: lower by the shear times its column, nearer by the whole pixels of a shift.
            Self::ShearY => moved(image, size, &[[1.0, 0.0, 0.0], [magnitude, 1.0, 0.0]]),
            Self::TranslateX => moved(image, size, &[[1.0, 0.0, -magnitude.trunc()], [0.0, 1.0, 0.0]]),
            Self::TranslateY => moved(image, size, &[[1.0, 0.0, 0.0], [0.0, 1.0, -magnitude.trunc()]]),
            Self::Rotate => moved(image, size, &rotation(magnitude, size)),
            Self::Brightness => image.iter_mut().for_each(|value| *value = blend(0, *value, magnitude)),
            Self::Color => {
                let grey = grey(image, pixels);
                for plane in image.chunks_exact_mut(pixels) {
                    plane.iter_mut().zip(&grey).for_each(|(value, &grey)| *value = blend(grey, *value, magnitude));
                }
            }
            Self::Contrast => {
                let sum: u64 = grey(image, pixels).iter().map(|&grey| u64::from(grey)).sum();
                let mean = (sum as f64 / pixels as f64 + 0.5) as u8;
                image.iter_mut().for_each(|value| *value = blend(mean, *value, magnitude));
            }
            Self::Sharpness => {
                for plane in image.chunks_exact_mut(pixels) {
                    let smooth = smooth(plane, size);
                    plane.iter_mut().zip(smooth).for_each(|(value, smooth)| *value = blend(smooth, *value, magnitude));
                }
            }
            Self::Posterize => {
                let mask = u8::MAX.checked_shl(magnitude.round_ties_even() as u32).unwrap_or_default();
                image.iter_mut().for_each(|value| *value &= mask);
            }
            Self::Solarize => {
                let dark = |value: u8| f64::from(value) < 255.0 - magnitude;
                image.iter_mut().filter(|value| !dark(**value)).for_each(|value| *value = !*value);
            }
            Self::AutoContrast => image.chunks_exact_mut(pixels).for_each(stretch),
            Self::Equalize => image.chunks_exact_mut(pixels).for_each(equalize),
            Self::Invert => image.iter_mut().for_each(|value| *value = !*value),
        }
    }
}

fn moved(image: &mut [u8], size @ [height, width]: [usize; 2], map: &PixelMap) {
    for plane in image.chunks_exact_mut(height.saturating_mul(width).max(1)) {
        let new = place_by(map, plane, size);
        plane.copy_from_slice(&new);
    }
}

/// Against the clock by `degrees`, about the centre; sines and cosines have 15 decimals.
fn rotation(degrees: f64, [height, width]: [usize; 2]) -> PixelMap {
    let angle = -degrees.rem_euclid(360.0).to_radians();
    let [sin, cos] = [angle.sin(), angle.cos()].map(|value| (value * 1e15).round_ties_even() / 1e15);
    let [x, y] = [width, height].map(|side| side as f64 / 2.0);
    [[cos, sin, cos * -x + sin * -y + x], [-sin, cos, -sin * -x + cos * -y + y]]
}

/// Away from `degenerate`, to 1 + `magnitude` times the distance of `value` from it.
fn blend(degenerate: u8, value: u8, magnitude: f64) -> u8 {
    let factor = (1.0 + magnitude) as f32;
    // A conversion to a byte rounds towards zero and keeps to 0 and 255.
    (f32::from(degenerate) + factor * (f32::from(value) - f32::from(degenerate))) as u8
}

/// Luma of ITU-R 601, in 65536ths.
fn grey(image: &[u8], pixels: usize) -> Vec<u8> {
    let mut weighted = vec![0x8000u32; pixels];
    for (plane, weight) in image.chunks_exact(pixels).zip([19_595u32, 38_470, 7_471]) {
        for (sum, &value) in weighted.iter_mut().zip(plane) {
            *sum = sum.saturating_add(weight.saturating_mul(value.into()));
        }
    }
    weighted.into_iter().map(|sum| (sum >> 16) as u8).collect()
}

/// The mean of 3x3 pixels, the middle one five times over; the border stays.
fn smooth(plane: &[u8], [height, width]: [usize; 2]) -> Vec<u8> {
    let mut smooth = plane.to_vec();
    let rows: Vec<&[u8]> = plane.chunks_exact(width.max(1)).collect();
    let inner = smooth.chunks_exact_mut(width.max(1)).take(height.saturating_sub(1)).skip(1);
    for (out, rows) in inner.zip(rows.windows(3)) {
        for (x, out) in out.iter_mut().take(width.saturating_sub(1)).enumerate().skip(1) {
            let near = |row: &&[u8]| row.get(x.saturating_sub(1)..=x.saturating_add(1)).map_or(0, sum);
            let nine: u32 = rows.iter().map(near).sum();
            let sum = nine.saturating_add(u32::from(*out).saturating_mul(4));
            // To the nearest: a sum over 13 is never half way between two numbers.
            *out = (sum.saturating_mul(2).saturating_add(13) / 26) as u8;
        }
    }
    smooth
}

fn sum(values: &[u8]) -> u32 {
    values.iter().map(|&value| u32::from(value)).sum()
}

/// The darkest value becomes 0, the brightest 255.
fn stretch(plane: &mut [u8]) {
    let (Some(&low), Some(&high)) = (plane.iter().min(), plane.iter().max()) else { return };
    if high <= low {
        return;
    }
    let scale = 255.0 / f64::from(high.saturating_sub(low));
    let offset = -f64::from(low) * scale;
    plane.iter_mut().for_each(|value| *value = (f64::from(*value) * scale + offset) as u8);
}

/// Every value becomes the share of darker pixels, so that all values are about equally frequent.
fn equalize(plane: &mut [u8]) {
    let mut counts = [0usize; 256];
    for &value in &*plane {
        if let Some(count) = counts.get_mut(usize::from(value)) {
            *count = count.saturating_add(1);
        }
    }
    let brightest = counts.iter().rev().find(|&&count| count > 0).copied().unwrap_or_default();
    let step = plane.len().saturating_sub(brightest) / 255;
    if step == 0 {
        return;
    }
    let mut table = [0u8; 256];
    let mut darker = step / 2;
    for (new, count) in table.iter_mut().zip(counts) {
        *new = u8::try_from(darker.checked_div(step).unwrap_or_default()).unwrap_or(u8::MAX);
        darker = darker.saturating_add(count);
    }
    plane.iter_mut().for_each(|value| *value = table.get(usize::from(*value)).copied().unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn every_byte_is_pillows() {
        // Written by tests/fixtures/auto_augment.py.
        let fixture = candle_core::safetensors::load("tests/fixtures/auto_augment.safetensors", &Device::Cpu).unwrap();
        let images = fixture["images"].flatten_from(1).unwrap().to_vec2::<u8>().unwrap();
        let size = [10, 12];
        let operations = [
            ("shear_y", Operation::ShearY, true),
            ("translate_x", Operation::TranslateX, true),
            ("translate_y", Operation::TranslateY, true),
            ("rotate", Operation::Rotate, true),
            ("brightness", Operation::Brightness, true),
            ("color", Operation::Color, true),
            ("contrast", Operation::Contrast, true),
            ("sharpness", Operation::Sharpness, true),
            ("posterize", Operation::Posterize, false),
            ("solarize", Operation::Solarize, false),
            ("auto_contrast", Operation::AutoContrast, false),
            ("equalize", Operation::Equalize, false),
            ("invert", Operation::Invert, false),
        ];
        assert_eq!((images.len(), fixture.len()), (2, operations.len() + 1));
        for (name, operation, signed) in operations {
            let strengths: &[u8] = if operation.largest(size) > 0.0 { &[2, 6, 9] } else { &[0] };
            let signs: &[f64] = if signed { &[1.0, -1.0] } else { &[1.0] };
            let magnitudes = strengths.iter().flat_map(|&strength| {
                signs.iter().map(move |sign| (strength, sign * operation.magnitude(strength, size)))
            });
            let expected = fixture[name].flatten_from(2).unwrap().to_vec3::<u8>().unwrap();
            assert_eq!(expected.len(), strengths.len() * signs.len(), "{name}");
            for ((strength, magnitude), expected) in magnitudes.zip(expected) {
                for (image, expected) in images.iter().zip(expected) {
                    let mut found = image.clone();
                    operation.apply(&mut found, size, magnitude);
                    let differing = found.iter().zip(&expected).filter(|(found, expected)| found != expected).count();
                    assert_eq!(differing, 0, "{name} at {strength}, {magnitude}");
                }
            }
        }
    }

    #[test]
    fn an_image_of_one_colour_or_one_pixel_stays_whole() {
        for operation in [Operation::AutoContrast, Operation::Equalize, Operation::Sharpness, Operation::Contrast] {
            let mut image = vec![77u8; 27];
            operation.apply(&mut image, [3, 3], 0.9);
            assert_eq!(image, [77; 27], "{operation:?}");
            let mut pixel = vec![9u8, 9, 9];
            operation.apply(&mut pixel, [1, 1], 0.9);
            assert_eq!(pixel, [9; 3], "{operation:?}");
        }
    }
}
