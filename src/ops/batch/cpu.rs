//! The equation, pixel by pixel.

use super::Crop;

/// X of `pixels`, as many images as `indices`.
pub fn gather(
    pixels: &[u8],
    [channels, height, width]: [usize; 3],
    mean: &[f32],
    std: &[f32],
    indices: &[u32],
    cuts: &[Crop],
) -> Vec<f32> {
    let mut images = Vec::with_capacity(indices.len() * channels * height * width);
    for (&index, cut) in indices.iter().zip(cuts) {
        let image = &pixels[index as usize * channels * height * width..];
        for (plane, (mean, std)) in image.chunks_exact(height * width).zip(mean.iter().zip(std)) {
            let pixel = |y: usize, x: usize| {
                let x = if cut.flip { width - 1 - x } else { x };
                let y = y.checked_add_signed(cut.down as isize).filter(|&y| y < height)?;
                let x = x.checked_add_signed(cut.right as isize).filter(|&x| x < width)?;
                Some(plane[y * width + x])
            };
            let places = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
            images.extend(places.map(|(y, x)| match cut.hole.holds(y, x) {
                true => 0.0,
                false => (f32::from(pixel(y, x).unwrap_or(0)) / 255.0 - mean) / std,
            }));
        }
    }
    images
}
