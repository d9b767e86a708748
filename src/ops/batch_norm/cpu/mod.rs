//! Batch norm on the CPU, on pixels whose channels lie side by side. Few rows are summed in single precision, such sums
//! in double; chunks of rows are divided among threads and added in order.

mod reverse;
mod sums;

use super::{Groups, Over};
use crate::ops::simd::vectorized;
use rayon::prelude::*;
pub use reverse::{GradientSums, Reverse, parameter_gradients};
use std::ops::Range;
use sums::sum_rows;

/// Floats of a chunk: its values are read twice, the second time from the cache.
const CHUNK: usize = 32 * 1024;

/// What every group and channel are normalised with: all [G, C]; the shift may be [C].
pub struct Affine<'a> {
    pub mean: &'a [f32],
    pub variance: &'a [f32],
    pub scale: &'a [f32],
    pub shift: Option<&'a [f32]>,
    pub eps: f32,
    pub over: Over,
}

impl Affine<'_> {
    fn inverse_deviation(&self, at: usize) -> f32 {
        1.0 / (self.variance[at] + self.eps).sqrt()
    }

    /// The factors and offsets [G, C] of Y = factor X + offset.
    pub fn scale_shift(&self, g: &Groups) -> ScaleShift {
        let row_at = |at: usize| {
            let factor = self.scale[at] * self.inverse_deviation(at);
            (factor, self.shift.map_or(0.0, |shift| shift[at % shift.len()]) - factor * self.mean[at])
        };
        let (factor, offset) = (0..g.groups * g.channels).map(row_at).unzip();
        ScaleShift { factor, offset }
    }
}

/// Y = factor X + offset for every group and channel.
pub struct ScaleShift {
    factor: Vec<f32>,
    offset: Vec<f32>,
}

/// Those of one group: [C] each.
#[derive(Clone, Copy)]
pub struct GroupScaleShift<'a> {
    pub factor: &'a [f32],
    pub offset: &'a [f32],
}

impl ScaleShift {
    pub fn group(&self, group: usize, channels: usize) -> GroupScaleShift<'_> {
        let at = group * channels..(group + 1) * channels;
        GroupScaleShift { factor: &self.factor[at.clone()], offset: &self.offset[at] }
    }
}

impl GroupScaleShift<'_> {
    /// Y of rows of channels.
    fn apply(self, x: &[f32], y: &mut [f32]) {
        let (Self { factor, offset }, channels) = (self, self.factor.len());
        vectorized(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                    for ((y, x), (factor, offset)) in y.iter_mut().zip(x).zip(factor.iter().zip(offset)) {
                        *y = x * factor + offset;
                    }
                }
            },
        );
    }
}

/// Mean and biased variance [G, C].
pub fn statistics(x: &[f32], g: &Groups) -> (Vec<f32>, Vec<f32>) {
    let (mut means, mut variances) = (Vec::new(), Vec::new());
    for chunks in per_chunk(g, |_, rows| Moments::from_rows(&x[rows], g.channels)) {
        let Moments { rows, mean, squares } = chunks.into_iter().fold(Moments::none(g.channels), Moments::combined);
        means.extend(mean.iter().map(|&mean| mean as f32));
        variances.extend(squares.iter().map(|&squares| (squares / rows) as f32));
    }
    (means, variances)
}

/// Mean and biased variance of all groups up to each, from those of each alone: [G, C].
pub fn accumulated(mean: &[f32], variance: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut means, mut variances) = (Vec::with_capacity(mean.len()), Vec::with_capacity(mean.len()));
    let mut all = Moments::none(channels);
    for (mean, variance) in mean.chunks(channels).zip(variance.chunks(channels)) {
        let wide = |numbers: &[f32]| numbers.iter().map(|&number| f64::from(number)).collect();
        all = all.combined(Moments { rows: 1.0, mean: wide(mean), squares: wide(variance) });
        means.extend(all.mean.iter().map(|&mean| mean as f32));
        variances.extend(all.squares.iter().map(|&squares| (squares / all.rows) as f32));
    }
    (means, variances)
}

/// Mean and sum of squared distances from it, for every channel of some rows.
struct Moments {
    rows: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn none(channels: usize) -> Self {
        Self { rows: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] }
    }

    fn from_rows(x: &[f32], channels: usize) -> Self {
        let mut moments = Self { rows: (x.len() / channels) as f64, ..Self::none(channels) };
        let Self { rows, mean, squares } = &mut moments;
        sum_rows(
            [x, x],
            &vec![0.0; channels],
            [mean],
            #[inline(always)]
            |x, _, _| [x],
        );
        mean.iter_mut().for_each(|sum| *sum /= *rows);
        let centre: Vec<f32> = mean.iter().map(|&mean| mean as f32).collect();
        sum_rows(
            [x, x],
            &centre,
            [squares],
            #[inline(always)]
            |x, _, centre| [(x - centre) * (x - centre)],
        );
        // The distances are from the mean in single precision, which misses it by a little.
        for ((squares, mean), &centre) in squares.iter_mut().zip(mean).zip(&centre) {
            *squares -= *rows * (*mean - f64::from(centre)).powi(2);
        }
        moments
    }

    /// The moments of both parts' rows together (Chan, Golub & LeVeque 1979).
    fn combined(mut self, other: Self) -> Self {
        let rows = self.rows + other.rows;
        for (c, (mean, squares)) in self.mean.iter_mut().zip(&mut self.squares).enumerate() {
            let distance = other.mean[c] - *mean;
            *mean += distance * other.rows / rows;
            *squares += other.squares[c] + distance * distance * self.rows * other.rows / rows;
        }
        Self { rows, ..self }
    }
}

/// Y [G, rows, C].
pub fn normalize(x: &[f32], with: &Affine<'_>, g: &Groups) -> Vec<f32> {
    let scale_shift = with.scale_shift(g);
    let mut y = vec![0f32; x.len()];
    for_chunks(g, &mut y, |group, rows, y| scale_shift.group(group, g.channels).apply(&x[rows], y));
    y
}

/// Gradients of the input, the scale [G, C] and the shift [C].
pub fn gradients(x: &[f32], dy: &[f32], with: &Affine<'_>, g: &Groups) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let chunks = per_chunk(g, |group, rows| {
        let mut sums = GradientSums::none(g.channels);
        sums.add(&x[rows.clone()], &dy[rows], &with.mean[group * g.channels..][..g.channels]);
        sums
    });
    let sums: Vec<GradientSums> = chunks
        .into_iter()
        .map(|chunks| chunks.into_iter().fold(GradientSums::none(g.channels), GradientSums::plus))
        .collect();
    let (scale, shift) = parameter_gradients(&sums, with, g);
    let reverse = Reverse::new(&sums, with, g);
    let mut dx = dy.to_vec();
    for_chunks(g, &mut dx, |group, rows, dx| reverse.apply(group, g.channels, &x[rows], dx));
    (dx, scale, shift)
}

/// Rows of a chunk.
fn chunk_rows(g: &Groups) -> usize {
    (CHUNK / g.channels).max(1)
}

/// `work(group, elements)` of every chunk of rows, in order, chunks divided among threads.
fn per_chunk<T: Send>(g: &Groups, work: impl Fn(usize, Range<usize>) -> T + Sync) -> Vec<Vec<T>> {
    let (rows, per_group) = (chunk_rows(g), g.count() * g.channels);
    let chunks = g.count().div_ceil(rows);
    let mut results: Vec<T> = (0..g.groups * chunks)
        .into_par_iter()
        .map(|task| {
            let (group, first) = (task / chunks, task % chunks * rows);
            let last = (first + rows).min(g.count());
            work(group, group * per_group + first * g.channels..group * per_group + last * g.channels)
        })
        .collect();
    let mut grouped: Vec<Vec<T>> = (0..g.groups).map(|_| results.split_off(results.len() - chunks)).collect();
    grouped.reverse();
    grouped
}

/// `work(group, elements, out)` on every chunk of rows of `out`, chunks divided among threads.
pub fn for_chunks(g: &Groups, out: &mut [f32], work: impl Fn(usize, Range<usize>, &mut [f32]) + Sync) {
    let (size, per_group) = (chunk_rows(g) * g.channels, g.count() * g.channels);
    let chunks: Vec<(usize, usize, &mut [f32])> = out
        .chunks_mut(per_group)
        .enumerate()
        .flat_map(|(group, out)| {
            let first = group * per_group;
            out.chunks_mut(size).enumerate().map(move |(i, out)| (group, first + i * size, out))
        })
        .collect();
    chunks.into_par_iter().for_each(|(group, first, out)| work(group, first..first + out.len(), out));
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
                let with = Affine {
                    mean: &mean,
                    variance: &variance,
                    scale,
                    shift: Some(shift),
                    eps: 1e-3,
                    over: Over::Group,
                };
                normalize(x, &with, &g).iter().zip(&dy).map(|(y, dy)| f64::from(*y) * f64::from(*dy)).sum()
            };
            let (mean, variance) = statistics(&x, &g);
            let with =
                Affine { mean: &mean, variance: &variance, scale: &scale, shift: None, eps: 1e-3, over: Over::Group };
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
