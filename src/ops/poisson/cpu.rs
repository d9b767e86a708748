//! Poisson coding on the CPU: images divided among threads.

use super::Rate;
use crate::ops::simd::vectorized;
use crate::ops::uninit::UninitBuffer;
use crate::rng::{Stream, unit};
use rayon::prelude::*;

/// Spikes [T, B, pixels, C] of images [B, C, pixels].
pub fn encode(images: &[f32], time_steps: usize, rate: Rate, streams: &[Stream], channels: usize) -> Vec<f32> {
    let mut spikes = UninitBuffer::new(time_steps * images.len());
    let size = images.len() / streams.len().max(1);
    let tasks = spikes.parts(size).into_par_iter().enumerate();
    tasks.for_each_init(
        || (vec![0; size], vec![0f32; size]),
        |(drawn, coded), (at, spikes)| {
            let (t, b) = (at / streams.len(), at % streams.len());
            let (stream, first) = (&streams[b], t as u64 * size as u64);
            vectorized(
                #[inline(always)]
                || {
                    stream.fill(first, drawn);
                    encode_image(&images[b * size..][..size], rate, drawn, coded, channels);
                },
            );
            spikes.copy_from(coded);
        },
    );
    spikes.done()
}

/// One image [C, pixels] at one time-step, with its random numbers, to `spikes` [pixels, C].
#[inline(always)]
fn encode_image(image: &[f32], rate: Rate, drawn: &[u32], spikes: &mut [f32], channels: usize) {
    let (scale, plane) = (rate.scale as f32, image.len() / channels);
    // What a pixel that fires gives: without a sign 1, with it -1, 0 or 1.
    let spike = |x: f32, drawn: u32| {
        let magnitude = if rate.signed { x.abs() } else { x };
        let positive = if x > 0.0 || !rate.signed { 1.0 } else { 0.0 };
        let fired = if x < 0.0 { -1.0 } else { positive };
        if scale * unit(drawn) <= magnitude { fired } else { 0.0 }
    };
    let planes = image.chunks_exact(plane).zip(drawn.chunks_exact(plane));
    for (channel, (image, drawn)) in planes.enumerate() {
        if channels == 1 {
            for (i, to) in spikes[..plane].iter_mut().enumerate() {
                *to = spike(image[i], drawn[i]);
            }
        } else {
            for i in 0..plane {
                spikes[i * channels + channel] = spike(image[i], drawn[i]);
            }
        }
    }
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
