//! The filters of a [`Tile`]: G f G^T of every filter, G^T u G of every filter's gradient, a panel of output channels
//! at a time.

use super::FilterOrientation;
use super::tile::Tile;
use super::transform::{apart, transposed};
use crate::ops::Geometry;
use crate::ops::product::tile::PANEL;
use crate::ops::scratch::Reused;
use crate::ops::simd::arch;
use crate::ops::transpose::Transpose;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Input channels per task.
const CHANNELS: usize = 16;
/// Floats of one channel's filters of a panel: [3, 3, 32].
pub const TAPS: usize = 9 * PANEL;

/// Output channels in panels of 32, the last perhaps of 16.
pub fn panels(channels: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    (0..channels).step_by(PANEL).map(move |start| start..(start + PANEL).min(channels))
}

/// G f G^T of every filter: T x T elements [`apart`], each [panels of O][C][width].
pub struct Filters<W>(Reused, PhantomData<W>);

impl<W> Filters<W> {
    pub fn new<const M: usize, const T: usize>(w: &[f32], orientation: FilterOrientation, g: &Geometry) -> Self
    where
        W: Tile<M, T>,
    {
        let mut u = Reused::new(T * T * apart(g.in_channels * g.out_channels));
        let tasks = tasks::<W, M, T>(w, orientation, g, panels(g.out_channels), &mut u);
        tasks.into_par_iter().for_each_init(Reused::default, |taps, task| task.run(taps));
        Self(u, PhantomData)
    }

    /// All channels of one element and panel: [C][width].
    pub fn of_panel(&self, element: usize, panel: &Range<usize>, g: &Geometry) -> &[f32] {
        let (c, o) = (g.in_channels, g.out_channels);
        &self.0[element * apart(c * o) + panel.start * c..][..c * panel.len()]
    }
}

/// The transforms of one panel, T x T elements [`apart`] of [C][width].
pub fn of_panel<W: Tile<M, T>, const M: usize, const T: usize>(
    w: &[f32],
    orientation: FilterOrientation,
    g: &Geometry,
    panel: &Range<usize>,
    u: &mut [f32],
    taps: &mut Reused,
) {
    let panels = std::iter::once(panel.clone());
    tasks::<W, M, T>(w, orientation, g, panels, u).into_iter().for_each(|task| task.run(taps));
}

/// What is to be done for some panels, whose channels lie in `u`: T x T elements [`apart`] of [panels][C][width].
fn tasks<'a, W: Tile<M, T>, const M: usize, const T: usize>(
    w: &'a [f32],
    orientation: FilterOrientation,
    g: &'a Geometry,
    panels: impl Iterator<Item = Range<usize>>,
    u: &'a mut [f32],
) -> Vec<FilterTask<'a, W, M, T>> {
    // A task writes a run of channels of one panel in each of the elements.
    let size = u.len() / (T * T);
    let mut rest: Vec<&mut [f32]> = u.chunks_mut(size).collect();
    let mut tasks = Vec::new();
    for panel in panels {
        for first in (0..g.in_channels).step_by(CHANNELS) {
            let floats = CHANNELS.min(g.in_channels - first) * panel.len();
            let parts = rest.iter_mut().map(|rest| split(rest, floats)).collect();
            tasks.push(FilterTask { w, orientation, g, panel: panel.clone(), first, parts, tile: PhantomData });
        }
    }
    tasks
}

/// Takes the first `floats` of a slice.
pub fn split<'a>(rest: &mut &'a mut [f32], floats: usize) -> &'a mut [f32] {
    rest.split_off_mut(..floats).unwrap_or_default()
}

/// The transform of a run of channels of one panel.
struct FilterTask<'a, W, const M: usize, const T: usize> {
    w: &'a [f32],
    orientation: FilterOrientation,
    g: &'a Geometry,
    panel: Range<usize>,
    first: usize,
    /// T x T elements of [channels][width].
    parts: Vec<&'a mut [f32]>,
    tile: PhantomData<W>,
}

impl<W: Tile<M, T>, const M: usize, const T: usize> FilterTask<'_, W, M, T> {
    fn run(self, taps: &mut Reused) {
        arch().dispatch(FilterTransform { task: self, taps: taps.lend(CHANNELS * TAPS) });
    }
}

struct FilterTransform<'a, 'b, W, const M: usize, const T: usize> {
    task: FilterTask<'a, W, M, T>,
    /// Room for the filters, [channels][3 x 3][32].
    taps: &'b mut [f32],
}

impl<W: Tile<M, T>, const M: usize, const T: usize> FilterTransform<'_, '_, W, M, T> {
    /// Brings output channels side by side.
    #[inline(always)]
    fn gather<S: Simd>(&mut self, simd: S, channels: usize) {
        let FilterTask { w, g, panel, first, .. } = &self.task;
        let (c, o, width) = (g.in_channels, g.out_channels, panel.len());
        match self.task.orientation {
            FilterOrientation::AsStored => {
                let from = &w[(panel.start * c + first) * 9..];
                let (to, columns) = (&mut *self.taps, channels * 9);
                let turned = Transpose { from, from_row: c * 9, to, to_row: PANEL, rows: width, columns };
                turned.with_simd(simd);
            }
            FilterOrientation::Reversed => {
                for (channel, to) in self.taps.chunks_exact_mut(TAPS).take(channels).enumerate() {
                    let from = &w[((first + channel) * o + panel.start) * 9..];
                    Transpose { from, from_row: 9, to, to_row: PANEL, rows: width, columns: 9 }.with_simd(simd);
                }
            }
        }
    }
}

impl<W: Tile<M, T>, const M: usize, const T: usize> WithSimd for FilterTransform<'_, '_, W, M, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (width, zero) = (self.task.panel.len(), simd.splat_f32s(0.0));
        let channels = self.task.parts[0].len() / width;
        self.gather(simd, channels);
        let FilterTask { orientation, parts, .. } = &mut self.task;
        for (c, f) in self.taps.chunks_exact(TAPS).take(channels).enumerate() {
            for k in 0..width / S::F32_LANES {
                let mut lines = [[zero; T]; 3];
                for (i, line) in lines.iter_mut().enumerate() {
                    let mut taps = [zero; 3];
                    for (j, tap) in taps.iter_mut().enumerate() {
                        let place = match orientation {
                            FilterOrientation::AsStored => 3 * i + j,
                            FilterOrientation::Reversed => 8 - (3 * i + j),
                        };
                        *tap = S::as_simd_f32s(&f[place * PANEL..][..PANEL]).0[k];
                    }
                    *line = W::filter(simd, taps);
                }
                for (j, line) in transposed(lines, zero).into_iter().enumerate() {
                    for (i, value) in W::filter(simd, line).into_iter().enumerate() {
                        S::as_mut_simd_f32s(&mut parts[T * i + j][c * width..][..width]).0[k] = value;
                    }
                }
            }
        }
    }
}

/// G^T u G of some filters' gradients, T x T elements of [channels][width]: [width][channels][9].
pub struct InverseFilterTransform<'a, W, const M: usize, const T: usize> {
    pub u: &'a [f32],
    pub channels: usize,
    pub width: usize,
    /// Room for the filters, [channels][3 x 3][32].
    pub taps: &'a mut [f32],
    pub w: &'a mut [f32],
    pub tile: PhantomData<W>,
}

impl<W: Tile<M, T>, const M: usize, const T: usize> WithSimd for InverseFilterTransform<'_, W, M, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { u, channels, width, taps, w, .. } = self;
        let zero = simd.splat_f32s(0.0);
        for (c, f) in taps.chunks_exact_mut(TAPS).take(channels).enumerate() {
            for k in 0..width / S::F32_LANES {
                let mut lines = [[zero; 3]; T];
                for (i, line) in lines.iter_mut().enumerate() {
                    let mut elements = [zero; T];
                    for (j, element) in elements.iter_mut().enumerate() {
                        *element = S::as_simd_f32s(&u[((T * i + j) * channels + c) * width..][..width]).0[k];
                    }
                    *line = W::filter_gradient(simd, elements);
                }
                for (j, line) in transposed(lines, zero).into_iter().enumerate() {
                    for (i, value) in W::filter_gradient(simd, line).into_iter().enumerate() {
                        S::as_mut_simd_f32s(&mut f[(3 * i + j) * PANEL..][..PANEL]).0[k] = value;
                    }
                }
            }
        }
        let (rows, to_row) = (channels * 9, channels * 9);
        Transpose { from: taps, from_row: PANEL, to: w, to_row, rows, columns: width }.with_simd(simd);
    }
}
