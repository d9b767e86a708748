//! Poisson coding on the CPU: images divided among threads.

use super::Rate;
use crate::rng::{Stream, unit};
use rayon::prelude::*;

/// Spikes [T, B, pixels, C] of images [B, C, pixels].
pub fn encode(images: &[f32], time_steps: usize, rate: Rate, streams: &[Stream], channels: usize) -> Vec<f32> {
    let mut spikes = vec![0f32; time_steps * images.len()];
    let pixels = images.len() / streams.len().max(1);
    if pixels == 0 || spikes.is_empty() {
        return spikes;
    }
    let scale = rate.scale as f32;
    spikes.par_chunks_mut(pixels).enumerate().for_each(|(at, spikes)| {
        let (t, b) = (at / streams.len(), at % streams.len());
        let image = &images[b * pixels..][..pixels];
        // The first number of a time-step need not be the first of a block of four.
        let (mut block, mut drawn) = (u32::MAX, [0; 4]);
        let plane = pixels / channels;
        for (p, &x) in image.iter().enumerate() {
            let position = t * pixels + p;
            if block != (position / 4) as u32 {
                block = (position / 4) as u32;
                drawn = streams[b].block(block);
            }
            let u = unit(drawn[position % 4]);
            let magnitude = if rate.signed { x.abs() } else { x };
            if scale * u <= magnitude {
                spikes[p % plane * channels + p / plane] =
                    if x < 0.0 { -1.0 } else { f32::from(u8::from(x > 0.0 || !rate.signed)) };
            }
        }
    });
    spikes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    fn streams(n: usize) -> Vec<Stream> {
        (0..n).map(|i| Stream::new(3, Purpose::Poisson, 0, 0, i)).collect()
    }

    #[test]
    fn rates_are_the_magnitude_over_the_scale_and_signs_are_the_pixels() {
        let images = [-1.0, 0.5, 3.0, 0.0, -0.2];
        let t = 4000;
        let mean = |rate| -> Vec<f32> {
            let spikes = encode(&images, t, rate, &streams(1), 1);
            assert!(spikes.iter().all(|s| [-1.0, 0.0, 1.0].contains(s)));
            (0..5).map(|p| (0..t).map(|t| spikes[t * 5 + p]).sum::<f32>() / t as f32).collect()
        };
        let close = |found: Vec<f32>, expected: [f32; 5]| {
            found.iter().zip(expected).for_each(|(f, e)| assert!((f - e).abs() < 0.03, "{f} against {e}"));
        };
        close(mean(Rate { scale: 2.0, signed: true }), [-0.5, 0.25, 1.0, 0.0, -0.1]);
        close(mean(Rate { scale: 2.0, signed: false }), [0.0, 0.25, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn an_image_gives_the_same_spikes_in_any_batch() {
        let images: Vec<f32> = (0..3 * 7).map(|i| (i as f32 - 10.0) / 8.0).collect();
        let rate = Rate { scale: 2.0, signed: true };
        let together = encode(&images, 4, rate, &streams(3), 1);
        let alone = encode(&images[14..], 4, rate, &streams(3)[2..], 1);
        for t in 0..4 {
            assert_eq!(together[(t * 3 + 2) * 7..][..7], alone[t * 7..][..7]);
        }
    }
}
