//! Counting on the CPU: images divided among threads.

use rayon::prelude::*;

/// The weighted counts of images [pixels, C] that lie one after another.
pub fn count<T: Copy + Default + PartialEq + Sync>(values: &[T], channels: usize, weight: &[u32]) -> Vec<u64> {
    let image = (channels * weight.len()).max(1);
    let of_pixel = |(pixel, &weight): (&[T], &u32)| {
        u64::from(weight) * pixel.iter().filter(|&&value| value != T::default()).count() as u64
    };
    let of_image = |image: &[T]| image.chunks(channels.max(1)).zip(weight).map(of_pixel).sum();
    values.par_chunks(image).map(of_image).collect()
}
