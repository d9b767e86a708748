//! The way back through batch norm: sums over rows, what they say of scale and shift, and the input's gradient.

use super::sums::sum_rows;
use super::{Affine, Groups, Over};
use crate::ops::simd::vectorized;

/// What backward sums over rows: dY and dY (X - mean), a number for every channel.
pub struct GradientSums {
    dy: Vec<f64>,
    dy_centred: Vec<f64>,
}

impl GradientSums {
    pub fn none(channels: usize) -> Self {
        Self { dy: vec![0.0; channels], dy_centred: vec![0.0; channels] }
    }

    /// Adds rows of channels.
    pub fn add(&mut self, x: &[f32], dy: &[f32], mean: &[f32]) {
        let totals = [&mut self.dy, &mut self.dy_centred].map(Vec::as_mut_slice);
        sum_rows(
            [dy, x],
            mean,
            totals,
            #[inline(always)]
            |dy, x, mean| [dy, dy * (x - mean)],
        );
    }

    pub fn plus(mut self, other: Self) -> Self {
        self.dy.iter_mut().zip(&other.dy).for_each(|(sum, more)| *sum += more);
        self.dy_centred.iter_mut().zip(&other.dy_centred).for_each(|(sum, more)| *sum += more);
        self
    }
}

/// Gradients of the scale [G, C] and the shift, of its shape or [C], from every group's sums.
pub fn parameter_gradients(sums: &[GradientSums], with: &Affine<'_>, g: &Groups) -> (Vec<f32>, Vec<f32>) {
    let centred = sums.iter().flat_map(|sums| &sums.dy_centred).enumerate();
    let scale = centred.map(|(at, &sum)| sum as f32 * with.inverse_deviation(at)).collect();
    let shift = match with.shift {
        Some(shift) if shift.len() > g.channels => {
            sums.iter().flat_map(|sums| &sums.dy).map(|&sum| sum as f32).collect()
        }
        _ => (0..g.channels).map(|c| sums.iter().map(|sums| sums.dy[c]).sum::<f64>() as f32).collect(),
    };
    (scale, shift)
}

/// dX = a dY + b (X - mean) + c for every group and channel.
pub struct Reverse<'a> {
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
    mean: &'a [f32],
}

impl<'a> Reverse<'a> {
    pub fn new(sums: &[GradientSums], with: &Affine<'a>, g: &Groups) -> Self {
        if with.over != Over::Group {
            return Self::through_shared(sums, with, g);
        }
        let n = g.count() as f64;
        let mut reverse = Self { a: Vec::new(), b: Vec::new(), c: Vec::new(), mean: with.mean };
        let sums = sums.iter().flat_map(|sums| sums.dy.iter().zip(&sums.dy_centred));
        for (at, (dy, dy_centred)) in sums.enumerate() {
            let inverse = f64::from(with.inverse_deviation(at));
            let a = f64::from(with.scale[at]) * inverse;
            reverse.a.push(a as f32);
            reverse.b.push((-a * inverse * inverse * dy_centred / n) as f32);
            reverse.c.push((-a * dy / n) as f32);
        }
        reverse
    }

    /// The same where statistics are over several groups: each group's own part of dX, and what every group whose
    /// statistics it has a share in adds, b (X - m) + c with that one's mean m.
    fn through_shared(sums: &[GradientSums], with: &Affine<'a>, g: &Groups) -> Self {
        let (channels, table) = (g.channels, g.groups * g.channels);
        let mut reverse = Self { a: vec![0.0; table], b: vec![0.0; table], c: vec![0.0; table], mean: with.mean };
        for channel in 0..channels {
            // From the last group on: sums of b, and of c - b m, over the groups that come after.
            let (mut slope, mut constant) = (0f64, 0f64);
            for group in (0..g.groups).rev() {
                let at = group * channels + channel;
                let (inverse, mean) = (f64::from(with.inverse_deviation(at)), f64::from(with.mean[at]));
                let a = f64::from(with.scale[at]) * inverse;
                let n = (g.count() * with.over.groups(group, g.groups)) as f64;
                let b = -a * inverse * inverse * sums[group].dy_centred[channel] / n;
                slope += b;
                constant += -a * sums[group].dy[channel] / n - b * mean;
                reverse.a[at] = a as f32;
                reverse.b[at] = slope as f32;
                reverse.c[at] = (constant + slope * mean) as f32;
            }
            if with.over == Over::Sequence {
                // The first group has heard of all.
                let (slope, constant) = (slope as f32, reverse.c[channel]);
                for group in 0..g.groups {
                    reverse.b[group * channels + channel] = slope;
                    reverse.c[group * channels + channel] = constant;
                }
            }
        }
        reverse
    }

    /// Replaces dY by dX in rows of channels of `group`.
    pub fn apply(&self, group: usize, channels: usize, x: &[f32], dy: &mut [f32]) {
        let at = group * channels..(group + 1) * channels;
        let [a, b, c, mean] = [&self.a, &self.b, &self.c, self.mean].map(|factors| &factors[at.clone()]);
        vectorized(
            #[inline(always)]
            || {
                for (dy, x) in dy.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                    let factors = a.iter().zip(b).zip(c.iter().zip(mean));
                    for ((dy, x), ((a, b), (c, mean))) in dy.iter_mut().zip(x).zip(factors) {
                        *dy = a * *dy + (b * (x - mean) + c);
                    }
                }
            },
        );
    }
}
