//! Pooling on the CPU, on pixels whose channels lie side by side: one row of windows after another, images divided
//! among threads.

use super::Planes;
use crate::ops::simd::vectorized;
use crate::ops::uninit::{UninitBuffer, UninitWriter};
use rayon::prelude::*;

/// Channels that are added side by side, in registers.
const WIDE: usize = 64;
const LANES: usize = 16;

pub fn average<T: Copy + Into<f32> + Sync>(x: &[T], planes: &Planes) -> Vec<f32> {
    let mut y = UninitBuffer::new(planes.pooled_len());
    let images = y.parts(planes.pooled_image()).into_par_iter().zip(x.par_chunks(planes.image()));
    images.for_each(|(y, x)| {
        vectorized(
            #[inline(always)]
            || average_image(x, y.writer(), planes),
        );
    });
    y.done()
}

#[inline(always)]
fn average_image<T: Copy + Into<f32>>(x: &[T], mut y: UninitWriter<'_, f32>, planes: &Planes) {
    let (rows, columns) = planes.pooled();
    for at in 0..rows * columns {
        let x = &x[planes.corner(at) * planes.channels..];
        let mut first = 0;
        while planes.channels - first >= WIDE {
            y.write(&average_lanes::<_, WIDE>(&x[first..], planes));
            first += WIDE;
        }
        while planes.channels - first >= LANES {
            y.write(&average_lanes::<_, LANES>(&x[first..], planes));
            first += LANES;
        }
        for first in first..planes.channels {
            y.write(&average_lanes::<_, 1>(&x[first..], planes));
        }
    }
}

/// The mean of L channels over the window that `x` begins with.
#[inline(always)]
fn average_lanes<T: Copy + Into<f32>, const L: usize>(x: &[T], planes: &Planes) -> [f32; L] {
    let (kh, kw) = planes.window;
    let mut sums = [0f32; L];
    for i in 0..kh {
        for j in 0..kw {
            let x = &x[(i * planes.width + j) * planes.channels..][..L];
            sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += x.into());
        }
    }
    let scale = 1.0 / (kh * kw) as f32;
    sums.map(|sum| sum * scale)
}

pub fn average_gradient(grad: &[f32], planes: &Planes) -> Vec<f32> {
    let mut dx = UninitBuffer::new(planes.len());
    let images = dx.parts(planes.image()).into_par_iter().zip(grad.par_chunks(planes.pooled_image()));
    images.for_each_init(
        || vec![0f32; planes.width * planes.channels],
        |row, (dx, grad)| spread_image(grad, dx.writer(), row, planes),
    );
    dx.done()
}

/// Writes the gradient of one image, a `row` at a time, whose end that fills no window is zero and stays so.
fn spread_image(grad: &[f32], mut dx: UninitWriter<'_, f32>, row: &mut [f32], planes: &Planes) {
    let (channels, (kh, kw)) = (planes.channels, planes.window);
    let (scale, columns) = (1.0 / (kh * kw) as f32, planes.pooled().1);
    for grad in grad.chunks_exact(columns * channels) {
        vectorized(
            #[inline(always)]
            || {
                for (dx, grad) in row.chunks_exact_mut(kw * channels).zip(grad.chunks_exact(channels)) {
                    for dx in dx.chunks_exact_mut(channels) {
                        dx.iter_mut().zip(grad).for_each(|(dx, grad)| *dx = grad * scale);
                    }
                }
            },
        );
        (0..kh).for_each(|_| dx.write(row));
    }
    let below = vec![0f32; dx.left()];
    dx.write(&below);
}

/// The maxima and their places inside the windows. A window has at most 256 places (the layer checks).
pub fn max<T: Copy + PartialOrd + Default + Sync + Send>(x: &[T], planes: &Planes) -> (Vec<T>, Vec<u8>) {
    let (mut y, mut places) = (vec![T::default(); planes.pooled_len()], vec![0u8; planes.pooled_len()]);
    let outputs = y.par_chunks_mut(planes.pooled_image()).zip(places.par_chunks_mut(planes.pooled_image()));
    outputs.zip(x.par_chunks(planes.image())).for_each(|((y, places), x)| {
        let outputs = y.chunks_exact_mut(planes.channels).zip(places.chunks_exact_mut(planes.channels));
        for (at, (y, places)) in outputs.enumerate() {
            for (place, pixel) in planes.pixels(at).enumerate() {
                let x = &x[pixel * planes.channels..][..planes.channels];
                for ((y, held), &x) in y.iter_mut().zip(&mut *places).zip(x) {
                    if place == 0 || x > *y {
                        (*y, *held) = (x, place as u8);
                    }
                }
            }
        }
    });
    (y, places)
}

pub fn max_gradient(grad: &[f32], places: &[u8], planes: &Planes) -> Vec<f32> {
    let mut dx = vec![0f32; planes.len()];
    let outputs = grad.par_chunks(planes.pooled_image()).zip(places.par_chunks(planes.pooled_image()));
    dx.par_chunks_mut(planes.image()).zip(outputs).for_each(|(dx, (grad, places))| {
        let outputs = grad.chunks_exact(planes.channels).zip(places.chunks_exact(planes.channels));
        for (at, (grad, places)) in outputs.enumerate() {
            for (place, pixel) in planes.pixels(at).enumerate() {
                let dx = &mut dx[pixel * planes.channels..][..planes.channels];
                for ((dx, grad), &held) in dx.iter_mut().zip(grad).zip(places) {
                    *dx = if usize::from(held) == place { *grad } else { 0.0 };
                }
            }
        }
    });
    dx
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images of 3 x 5 with windows of 2 x 2: the last row and column fill no window. One channel, and as one image
    /// of two.
    const PLANES: Planes = Planes { count: 2, channels: 1, height: 3, width: 5, window: (2, 2) };
    const CHANNELS: Planes = Planes { count: 1, channels: 2, height: 3, width: 5, window: (2, 2) };
    #[rustfmt::skip]
    const X: [f32; 30] = [
        1., 2., 3., 4., 9.,   5., 6., 7., 8., 9.,   9., 9., 9., 9., 9.,
        4., 4., 0., 0., 9.,   4., 4., 0., 1., 9.,   9., 9., 9., 9., 9.,
    ];

    /// Two images of one channel as one image of two channels.
    fn joined<T: Copy>(x: &[T]) -> Vec<T> {
        let (first, second) = x.split_at(x.len() / 2);
        first.iter().zip(second).flat_map(|(&a, &b)| [a, b]).collect()
    }

    #[test]
    fn averages_are_those_computed_by_hand() {
        assert_eq!(average(&X, &PLANES), [3.5, 5.5, 4., 0.25]);
    }

    #[test]
    fn an_average_spreads_its_gradient_evenly_and_leaves_the_border_without() {
        let dx = average_gradient(&[4., 8., 12., 16.], &PLANES);
        assert_eq!(dx[..15], [1., 1., 2., 2., 0., 1., 1., 2., 2., 0., 0., 0., 0., 0., 0.]);
        assert_eq!(dx[15..20], [3., 3., 4., 4., 0.]);
    }

    #[test]
    fn of_equal_maxima_the_first_gets_the_whole_gradient() {
        let (y, places) = max(&X, &PLANES);
        assert_eq!((y, places.clone()), (vec![6., 8., 4., 1.], vec![3, 3, 0, 3]));
        let dx = max_gradient(&[1., 2., 3., 4.], &places, &PLANES);
        let hit: Vec<(usize, f32)> = dx.into_iter().enumerate().filter(|(_, v)| *v != 0.).collect();
        assert_eq!(hit, [(6, 1.), (8, 2.), (15, 3.), (23, 4.)]);
    }

    #[test]
    fn two_channels_are_pooled_as_two_images_are() {
        assert_eq!(average(&joined(&X), &CHANNELS), joined(&average(&X, &PLANES)));
        let grad = [4., 8., 12., 16.];
        assert_eq!(average_gradient(&joined(&grad), &CHANNELS), joined(&average_gradient(&grad, &PLANES)));
        let ((y, places), (y_joined, places_joined)) = (max(&X, &PLANES), max(&joined(&X), &CHANNELS));
        assert_eq!((y_joined, places_joined), (joined(&y), joined(&places)));
        let dx = max_gradient(&joined(&grad), &joined(&places), &CHANNELS);
        assert_eq!(dx, joined(&max_gradient(&grad, &places, &PLANES)));
    }
}
