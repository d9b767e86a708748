//! The filters of F(2x2, 3x3): G f G^T of every filter, G^T u G of every filter's gradient, a panel of output channels
//! at a time.

use super::transform::apart;
use crate::ops::Geometry;
use crate::ops::product::tile::PANEL;
use crate::ops::scratch::Scratch;
use crate::ops::simd::arch;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Input channels per task.
const CHANNELS: usize = 16;

/// Output channels in panels of 32, the last perhaps of 16.
pub fn panels(channels: usize) -> impl Iterator<Item = Range<usize>> {
    (0..channels).step_by(PANEL).map(move |start| start..(start + PANEL).min(channels))
}

/// G f G^T of every filter: 16 elements [`apart`], each [panels of O][C][width].
pub struct Filters(Scratch);

impl Filters {
    /// Of the weight [O, C, 3, 3].
    pub fn new(w: &[f32], g: &Geometry) -> Self {
        let filters = w.as_chunks::<9>().0;
        Self::transformed(g, |o, c| filters[o * g.in_channels + c])
    }

    /// Of the weight [C, O, 3, 3] of the convolution whose reverse `g` is: filters turned by half a turn.
    pub fn turned(w: &[f32], g: &Geometry) -> Self {
        let filters = w.as_chunks::<9>().0;
        Self::transformed(g, |o, c| {
            let mut filter = filters[c * g.out_channels + o];
            filter.reverse();
            filter
        })
    }

    fn transformed(g: &Geometry, filter: impl Fn(usize, usize) -> [f32; 9] + Sync) -> Self {
        let size = apart(g.in_channels * g.out_channels);
        let mut u = Scratch::zeroed(16 * size);
        // A task writes a run of channels of one panel in each of the 16 elements.
        let mut rest: Vec<&mut [f32]> = u.chunks_mut(size).collect();
        let mut tasks = Vec::new();
        for panel in panels(g.out_channels) {
            for first in (0..g.in_channels).step_by(CHANNELS) {
                let floats = CHANNELS.min(g.in_channels - first) * panel.len();
                let parts: Vec<&mut [f32]> = rest.iter_mut().map(|rest| split(rest, floats)).collect();
                tasks.push((panel.clone(), first, parts));
            }
        }
        tasks.into_par_iter().for_each(|(panel, first, parts)| {
            arch().dispatch(FilterTransform { panel, first, filter: &filter, parts });
        });
        Self(u)
    }

    /// All channels of one element and panel: [C][width].
    pub fn of_panel(&self, element: usize, panel: &Range<usize>, g: &Geometry) -> &[f32] {
        let (c, o) = (g.in_channels, g.out_channels);
        &self.0[element * apart(c * o) + panel.start * c..][..c * panel.len()]
    }
}

/// Takes the first `floats` of a slice.
fn split<'a>(rest: &mut &'a mut [f32], floats: usize) -> &'a mut [f32] {
    rest.split_off_mut(..floats).unwrap_or_default()
}

/// The transform of a run of channels of one panel.
struct FilterTransform<'a, F> {
    panel: Range<usize>,
    first: usize,
    filter: &'a F,
    /// 16 elements of [channels][width].
    parts: Vec<&'a mut [f32]>,
}

impl<F: Fn(usize, usize) -> [f32; 9]> WithSimd for FilterTransform<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { panel, first, filter, mut parts } = self;
        let width = panel.len();
        for c in 0..parts[0].len() / width {
            let mut f = [[0f32; PANEL]; 9];
            for k in 0..width {
                for (f, value) in f.iter_mut().zip(filter(panel.start + k, first + c)) {
                    f[k] = value;
                }
            }
            for k in 0..width / S::F32_LANES {
                let f = |tap: usize| S::as_simd_f32s(&f[tap]).0[k];
                let rows =
                    [lift(simd, [f(0), f(3), f(6)]), lift(simd, [f(1), f(4), f(7)]), lift(simd, [f(2), f(5), f(8)])];
                for i in 0..4 {
                    let row = lift(simd, [rows[0][i], rows[1][i], rows[2][i]]);
                    for (j, value) in row.into_iter().enumerate() {
                        S::as_mut_simd_f32s(&mut parts[4 * i + j][c * width..][..width]).0[k] = value;
                    }
                }
            }
        }
    }
}

/// G (a, b, c)^T.
#[inline(always)]
fn lift<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 4] {
    let (half, outer) = (simd.splat_f32s(0.5), simd.add_f32s(a, c));
    [a, simd.mul_f32s(half, simd.add_f32s(outer, b)), simd.mul_f32s(half, simd.sub_f32s(outer, b)), c]
}

/// G^T u G of every filter's gradient, 16 elements of [C][O]: dW [O, C, 3, 3].
pub fn back(u: &[f32], g: &Geometry) -> Vec<f32> {
    let (c, o) = (g.in_channels, g.out_channels);
    let mut w = vec![0f32; o * c * 9];
    w.par_chunks_mut(PANEL * c * 9).enumerate().for_each(|(number, w)| {
        let panel = number * PANEL..number * PANEL + w.len() / (c * 9);
        arch().dispatch(InverseFilterTransform { u, panel, o, c, w });
    });
    w
}

/// The transform back of one panel of output channels.
struct InverseFilterTransform<'a> {
    u: &'a [f32],
    panel: Range<usize>,
    o: usize,
    c: usize,
    /// [width][C][9].
    w: &'a mut [f32],
}

impl WithSimd for InverseFilterTransform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { u, panel, o, c, w } = self;
        let width = panel.len();
        for at in 0..c {
            let mut f = [[0f32; PANEL]; 9];
            for k in 0..width / S::F32_LANES {
                let u =
                    |i: usize, j: usize| S::as_simd_f32s(&u[((4 * i + j) * c + at) * o + panel.start..][..width]).0[k];
                let mut columns = [[simd.splat_f32s(0.0); 3]; 4];
                for (j, column) in columns.iter_mut().enumerate() {
                    *column = lower(simd, [u(0, j), u(1, j), u(2, j), u(3, j)]);
                }
                for i in 0..3 {
                    let row = lower(simd, [columns[0][i], columns[1][i], columns[2][i], columns[3][i]]);
                    for (j, value) in row.into_iter().enumerate() {
                        S::as_mut_simd_f32s(&mut f[3 * i + j]).0[k] = value;
                    }
                }
            }
            for k in 0..width {
                for (w, f) in w[(k * c + at) * 9..][..9].iter_mut().zip(&f) {
                    *w = f[k];
                }
            }
        }
    }
}

/// G^T (a, b, c, d)^T.
#[inline(always)]
fn lower<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 3] {
    let half = simd.splat_f32s(0.5);
    let (sum, difference) = (simd.mul_f32s(half, simd.add_f32s(b, c)), simd.mul_f32s(half, simd.sub_f32s(b, c)));
    [simd.add_f32s(a, sum), difference, simd.add_f32s(sum, d)]
}
