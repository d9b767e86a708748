//! Batch norm on the CPU. Sums run in double precision over the images of a group in order, groups divided among threads.

use super::Groups;
use rayon::prelude::*;

/// Channels per task. Channels are independent, so this changes no result.
const CHANNELS: usize = 16;

/// What one group and channel are normalised with.
pub struct Affine<'a> {
    pub mean: &'a [f32],
    pub variance: &'a [f32],
    pub scale: &'a [f32],
    pub shift: Option<&'a [f32]>,
    pub eps: f32,
}

impl Affine<'_> {
    fn inverse_deviation(&self, at: usize) -> f32 {
        1.0 / (self.variance[at] + self.eps).sqrt()
    }
}

/// Mean and biased variance [G, C], in two passes.
pub fn statistics(x: &[f32], g: &Groups) -> (Vec<f32>, Vec<f32>) {
    let n = g.count() as f64;
    let mean: Vec<f64> = sums(g, x, x, |v, _, _| f64::from(v)).into_iter().map(|sum| sum / n).collect();
    let variance = sums(g, x, x, |v, _, at| (f64::from(v) - mean[at]) * (f64::from(v) - mean[at]));
    (mean.iter().map(|&m| m as f32).collect(), variance.iter().map(|&v| (v / n) as f32).collect())
}

pub fn normalize(x: &[f32], with: &Affine<'_>, g: &Groups) -> Vec<f32> {
    let factors: Vec<(f32, f32)> = (0..g.groups * g.channels)
        .map(|at| {
            let factor = with.scale[at] * with.inverse_deviation(at);
            let shift = with.shift.map_or(0.0, |shift| shift[at % g.channels]);
            (factor, shift - factor * with.mean[at])
        })
        .collect();
    let mut y = vec![0f32; x.len()];
    let image = g.channels * g.pixels;
    y.par_chunks_mut(image).zip(x.par_chunks(image)).enumerate().with_min_len(4).for_each(|(item, (y, x))| {
        let factors = &factors[item / g.items * g.channels..][..g.channels];
        if g.pixels == 1 {
            for ((y, x), (factor, offset)) in y.iter_mut().zip(x).zip(factors) {
                *y = x * factor + offset;
            }
        } else {
            for ((y, x), (factor, offset)) in y.chunks_mut(g.pixels).zip(x.chunks(g.pixels)).zip(factors) {
                y.iter_mut().zip(x).for_each(|(y, x)| *y = x * factor + offset);
            }
        }
    });
    y
}

/// Gradients of the input, the scale [G, C] and the shift [C].
pub fn gradients(x: &[f32], dy: &[f32], with: &Affine<'_>, g: &Groups) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let n = g.count() as f64;
    let sum_dy = sums(g, dy, dy, |dy, _, _| f64::from(dy));
    let sum_centred = sums(g, dy, x, |dy, x, at| f64::from(dy) * f64::from(x - with.mean[at]));

    let scale: Vec<f32> = (0..sum_dy.len()).map(|at| (sum_centred[at] as f32) * with.inverse_deviation(at)).collect();
    let mut shift = vec![0f64; g.channels];
    sum_dy.chunks(g.channels).for_each(|group| shift.iter_mut().zip(group).for_each(|(s, v)| *s += v));

    // dX = a dY + b (X - m) + c for every group and channel.
    let factors: Vec<(f32, f32, f32)> = (0..sum_dy.len())
        .map(|at| {
            let inverse = f64::from(with.inverse_deviation(at));
            let a = f64::from(with.scale[at]) * inverse;
            (a as f32, (-a * inverse * inverse * sum_centred[at] / n) as f32, (-a * sum_dy[at] / n) as f32)
        })
        .collect();
    let mut dx = vec![0f32; x.len()];
    let image = g.channels * g.pixels;
    dx.par_chunks_mut(image).zip(x.par_chunks(image).zip(dy.par_chunks(image))).enumerate().with_min_len(4).for_each(
        |(item, (dx, (x, dy)))| {
            let first = item / g.items * g.channels;
            let planes = dx.chunks_mut(g.pixels).zip(x.chunks(g.pixels).zip(dy.chunks(g.pixels)));
            for (channel, (dx, (x, dy))) in planes.enumerate() {
                let ((a, b, c), mean) = (factors[first + channel], with.mean[first + channel]);
                for (dx, (x, dy)) in dx.iter_mut().zip(x.iter().zip(dy)) {
                    *dx = a * dy + (b * (x - mean) + c);
                }
            }
        },
    );
    (dx, scale, shift.into_iter().map(|s| s as f32).collect())
}

/// The sum of `term(a, b, g * C + c)` over every group and channel: [G, C]. One channel's pixels of an image are contiguous;
/// with one pixel a channel, neighbouring channels are summed side by side instead.
fn sums(g: &Groups, a: &[f32], b: &[f32], term: impl Fn(f32, f32, usize) -> f64 + Sync) -> Vec<f64> {
    let mut totals = vec![0f64; g.groups * g.channels];
    let per_task = CHANNELS.min(g.channels).max(1);
    totals.par_chunks_mut(per_task).enumerate().for_each(|(task, totals)| {
        for (i, total) in totals.iter_mut().enumerate().filter(|_| g.pixels > 1) {
            let at = task * per_task + i;
            for item in 0..g.items {
                let plane = ((at / g.channels * g.items + item) * g.channels + at % g.channels) * g.pixels;
                let (a, b) = (&a[plane..plane + g.pixels], &b[plane..plane + g.pixels]);
                *total += lane_sum(a, b, |a, b| term(a, b, at));
            }
        }
        for item in (0..g.items).filter(|_| g.pixels == 1) {
            for (i, total) in totals.iter_mut().enumerate() {
                let at = task * per_task + i;
                let element = (at / g.channels * g.items + item) * g.channels + at % g.channels;
                *total += term(a[element], b[element], at);
            }
        }
    });
    totals
}

/// A sum in eight interleaved lanes, which the compiler can add side by side, then over the lanes in order.
fn lane_sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f64) -> f64 {
    let mut lanes = [0f64; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[lane] += term(a, b);
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    fn random(n: usize, epoch: usize) -> Vec<f32> {
        let stream = Stream::new(0, Purpose::Synthetic, 0, epoch, 0);
        (0..n as u64).map(|i| stream.uniform(i) * 3.0 - 1.0).collect()
    }

    #[test]
    fn statistics_of_a_constant_and_of_two_values_are_those_computed_by_hand() {
        let g = Groups { groups: 2, items: 2, channels: 1, pixels: 2 };
        let (mean, variance) = statistics(&[5., 5., 5., 5., 1., 3., 1., 3.], &g);
        assert_eq!((mean, variance), (vec![5., 2.], vec![0., 1.]));
    }

    #[test]
    fn gradients_agree_with_finite_differences_for_one_and_many_pixels_and_shared_groups() {
        for (groups, items, channels, pixels) in [(3, 4, 2, 9), (1, 5, 3, 1), (2, 6, 17, 1), (1, 3, 18, 4)] {
            let g = Groups { groups, items, channels, pixels };
            let n = groups * items * channels * pixels;
            let (x, dy, scale) = (random(n, 1), random(n, 2), random(groups * channels, 3));
            let shift = random(channels, 4);
            let loss = |x: &[f32], scale: &[f32], shift: &[f32]| -> f64 {
                let (mean, variance) = statistics(x, &g);
                let with = Affine { mean: &mean, variance: &variance, scale, shift: Some(shift), eps: 1e-3 };
                normalize(x, &with, &g).iter().zip(&dy).map(|(y, dy)| f64::from(*y) * f64::from(*dy)).sum()
            };
            let (mean, variance) = statistics(&x, &g);
            let with = Affine { mean: &mean, variance: &variance, scale: &scale, shift: None, eps: 1e-3 };
            let (dx, dscale, dshift) = gradients(&x, &dy, &with, &g);
            let check = |found: f32, values: &[f32], at: usize, loss: &dyn Fn(&[f32]) -> f64, what: &str| {
                let moved = |by: f32| {
                    let mut moved = values.to_vec();
                    moved[at] += by;
                    loss(&moved)
                };
                let expected = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                assert!(
                    (f64::from(found) - expected).abs() < 2e-2,
                    "{what}[{at}] of {g:?}: {found} against {expected}"
                );
            };
            for at in (0..n).step_by(5) {
                check(dx[at], &x, at, &|x| loss(x, &scale, &shift), "dx");
            }
            for (at, &found) in dscale.iter().enumerate() {
                check(found, &scale, at, &|scale| loss(&x, scale, &shift), "dscale");
            }
            for (at, &found) in dshift.iter().enumerate() {
                check(found, &shift, at, &|shift| loss(&x, &scale, shift), "dshift");
            }
        }
    }
}
