//! 3x3 convolutions of stride 1 with 16 products for every 4 outputs instead of 36: Winograd's F(2x2, 3x3).
//!
//! An image is cut into tiles of 2x2 outputs, each reading 4x4 inputs d. With a filter f and the output's gradient e (2x2),
//!
//!   outputs = A^T [(G f G^T) * (B^T d B)] A,    filter's gradient = G^T [sum over tiles of (B^T d B) * (A e A^T)] G,
//!
//! where * multiplies elements. Summed over channels (or tiles) each of the 16 elements is a matrix product. Source: Lavin & Gray
//! 2016 (arXiv 1509.09308), section 4.1. Sums of a few inputs replace single ones, so results differ from the definition's by
//! rounding; with spikes as inputs B^T d B is exact.
//!
//! Matrices with O columns lie in panels of 32 columns (the last may have 16), as [`multiply_panel`] reads them.

use super::super::Geometry;
use super::transform::{self, Place, Plane, Rows};
use crate::ops::fresh::Fresh;
use crate::ops::product::tile::{PANEL, ROWS, Strided, multiply_panel};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Floats of transformed inputs per product: about half of a core's second-level cache.
const BLOCK: usize = 128 * 1024;
/// Floats of transformed inputs and gradients that the weight's gradient takes at a time.
const CHUNK: usize = 4 * 1024 * 1024;
/// Tiles per product of the weight's gradient, at least: long enough to pay for reading and writing the sums.
const DEPTH: usize = 128;
/// Input channels per product of the weight's gradient.
const CHANNELS: usize = 64;

/// Whether this way is open: the kernels work on 16 channels at a time.
pub fn fits(g: &Geometry) -> bool {
    let whole = |channels: usize| channels > 0 && channels.is_multiple_of(PANEL / 2);
    g.kernel == 3 && g.stride == 1 && g.padding <= 2 && whole(g.in_channels) && whole(g.out_channels)
}

fn panels(channels: usize) -> impl Iterator<Item = Range<usize>> {
    (0..channels).step_by(PANEL).map(move |start| start..(start + PANEL).min(channels))
}

/// G f G^T of every filter: [16][panels of O][C][width].
pub struct Filters(Vec<f32>);

impl Filters {
    /// Of the weight [O, C, 3, 3].
    pub fn new(w: &[f32], g: &Geometry) -> Self {
        Self::of(g, |o, c| w.as_chunks::<9>().0[o * g.in_channels + c])
    }

    /// Of the weight [C, O, 3, 3] of the convolution whose reverse `g` is: filters turned by half a turn.
    pub fn turned(w: &[f32], g: &Geometry) -> Self {
        Self::of(g, |o, c| {
            let mut filter = w.as_chunks::<9>().0[c * g.out_channels + o];
            filter.reverse();
            filter
        })
    }

    fn of(g: &Geometry, filter: impl Fn(usize, usize) -> [f32; 9] + Sync) -> Self {
        let size = g.in_channels * g.out_channels;
        let mut u = vec![0f32; 16 * size];
        // A task writes a run of channels in each of the 16 elements of one panel.
        let mut rest: Vec<&mut [f32]> = u.chunks_mut(size).collect();
        let mut tasks = Vec::new();
        for panel in panels(g.out_channels) {
            for first in (0..g.in_channels).step_by(16) {
                let count = 16.min(g.in_channels - first);
                let parts: Vec<&mut [f32]> =
                    rest.iter_mut().map(|rest| rest.split_off_mut(..count * panel.len()).unwrap_or_default()).collect();
                tasks.push((panel.clone(), first, parts));
            }
        }
        tasks.into_par_iter().for_each(|(panel, first, mut parts)| {
            for at in 0..parts[0].len() {
                let (c, o) = (first + at / panel.len(), panel.start + at % panel.len());
                let u = transform::filter(&filter(o, c));
                parts.iter_mut().zip(u).for_each(|(part, u)| part[at] = u);
            }
        });
        Self(u)
    }
}

/// Y [N, H', W', O] of X [N, H, W, C].
pub fn forward<T: Copy + Into<f32> + Sync>(x: &[T], filters: &Filters, g: &Geometry, n: usize) -> Vec<f32> {
    let (plane, in_size, out_size) = (Plane::of(g), g.in_channels * g.in_pixels(), g.out_channels * g.out_pixels());
    let mut y = Fresh::new(n * out_size);
    let tiles = (BLOCK / 16 / g.in_channels).clamp(ROWS, 128);
    let group = (tiles / plane.tiles()).clamp(1, n.max(1));
    let strip = (tiles / plane.tile_columns).clamp(1, plane.tile_rows);
    let outputs = y.parts(group * out_size).into_par_iter();
    outputs.zip(x.par_chunks(group * in_size)).for_each_init(Buffers::default, |buffers, (y, x)| {
        Arch::new().dispatch(Images { x, y: y.zero(), filters: &filters.0, g, plane: &plane, strip, buffers });
    });
    y.done()
}

/// What a thread reuses from one group of images to the next.
#[derive(Default)]
struct Buffers {
    rows: Rows,
    /// [16][tiles][C].
    v: Vec<f32>,
    /// [16][tiles][width of a panel].
    m: Vec<f32>,
}

/// A few images, taken in strips of tile rows.
struct Images<'a, T> {
    x: &'a [T],
    y: &'a mut [f32],
    filters: &'a [f32],
    g: &'a Geometry,
    plane: &'a Plane,
    strip: usize,
    buffers: &'a mut Buffers,
}

impl<T: Copy + Into<f32>> WithSimd for Images<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, y, filters, g, plane, strip, buffers: Buffers { rows: scratch, v, m } } = self;
        let (c, o) = (g.in_channels, g.out_channels);
        let (in_size, out_size) = (c * g.in_pixels(), o * g.out_pixels());
        let images = y.len() / out_size;
        for first in (0..plane.tile_rows).step_by(strip) {
            let rows = first..(first + strip).min(plane.tile_rows);
            let per_image = rows.len() * plane.tile_columns;
            // Tiles that fill up the last rows of the products are left over from before and not read.
            let tiles = (images * per_image).next_multiple_of(ROWS);
            v.resize(16 * tiles * c, 0.0);
            m.resize(16 * tiles * PANEL, 0.0);
            for (i, x) in x.chunks(in_size).enumerate() {
                let place = Place { tiles, first: i * per_image };
                transform::inputs(simd, x, c, plane, rows.clone(), (v, place), scratch);
            }
            for panel in panels(o) {
                let width = panel.len();
                for e in 0..16 {
                    let a = Strided { data: &v[e * tiles * c..][..tiles * c], row: c, column: 1 };
                    let b = &filters[(e * o + panel.start) * c..][..c * width];
                    let to = &mut m[e * tiles * width..][..tiles * width];
                    multiply_panel(simd, (tiles, width, c), a, b, to, width, false);
                }
                for (i, y) in y.chunks_mut(out_size).enumerate() {
                    let place = Place { tiles, first: i * per_image };
                    transform::outputs(simd, (m, place), plane, rows.clone(), y, (o, panel.clone()));
                }
            }
        }
    }
}

/// dW [O, C, 3, 3] from X [N, H, W, C] and dY [N, H', W', O]. Products run over chunks of images in order, each divided among
/// threads by element and channel, so that every sum has one owner.
pub fn weight_gradient<T: Copy + Into<f32> + Sync>(x: &[T], dy: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    let (plane, c, o) = (Plane::of(g), g.in_channels, g.out_channels);
    let (in_size, out_size) = (c * g.in_pixels(), o * g.out_pixels());
    let mut u = vec![0f32; 16 * c * o];
    if n == 0 {
        return filters_back(&u, g);
    }
    // Images whose tiles are transformed together, and how many such groups a chunk takes.
    let group = DEPTH.div_ceil(plane.tiles()).clamp(1, n);
    let tiles = group * plane.tiles();
    let chunk = group * (CHUNK / (16 * tiles * (c + o))).max(1);
    let channels = if c.is_multiple_of(CHANNELS) { CHANNELS } else { PANEL / 2 };
    let (mut v, mut e) = (Vec::new(), Vec::new());
    for (x, dy) in x.chunks(chunk * in_size).zip(dy.chunks(chunk * out_size)) {
        let images = dy.len() / out_size;
        v.resize(16 * images * plane.tiles() * c, 0.0);
        e.resize(16 * images * plane.tiles() * o, 0.0);
        let transformed = v.par_chunks_mut(16 * tiles * c).zip(e.par_chunks_mut(16 * tiles * o));
        let images = x.par_chunks(group * in_size).zip(dy.par_chunks(group * out_size));
        transformed.zip(images).for_each_init(Rows::default, |rows, ((v, e), (x, dy))| {
            Arch::new().dispatch(Tiles { x, dy, v, e, g, plane: &plane, rows });
        });
        u.par_chunks_mut(channels * o).enumerate().for_each(|(task, u)| {
            let first = task * channels;
            for (v, e) in v.chunks(16 * tiles * c).zip(e.chunks(16 * tiles * o)) {
                Arch::new().dispatch(Product { v, e, element: first / c, first: first % c, c, o, u: &mut *u });
            }
        });
    }
    filters_back(&u, g)
}

/// The transforms of a group of images: V [16][tiles][C] and E [16][panels of O][tiles][width].
struct Tiles<'a, T> {
    x: &'a [T],
    dy: &'a [f32],
    v: &'a mut [f32],
    e: &'a mut [f32],
    g: &'a Geometry,
    plane: &'a Plane,
    rows: &'a mut Rows,
}

impl<T: Copy + Into<f32>> WithSimd for Tiles<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, dy, v, e, g, plane, rows } = self;
        let (c, o) = (g.in_channels, g.out_channels);
        let tiles = v.len() / (16 * c);
        let images = x.chunks(c * g.in_pixels()).zip(dy.chunks(o * g.out_pixels()));
        for (i, (x, dy)) in images.enumerate() {
            let place = Place { tiles, first: i * plane.tiles() };
            transform::inputs(simd, x, c, plane, 0..plane.tile_rows, (v, place), rows);
            transform::gradients(simd, dy, o, plane, panels(o), (e, place));
        }
    }
}

/// Adds V^T E of one element and a run of input channels to `u` [channels][O].
struct Product<'a> {
    v: &'a [f32],
    e: &'a [f32],
    element: usize,
    first: usize,
    c: usize,
    o: usize,
    u: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { v, e, element, first, c, o, u } = self;
        let (tiles, channels) = (v.len() / (16 * c), u.len() / o);
        let a = Strided { data: &v[element * tiles * c + first..], row: 1, column: c };
        for panel in panels(o) {
            let b = &e[(element * o + panel.start) * tiles..][..tiles * panel.len()];
            multiply_panel(simd, (channels, panel.len(), tiles), a, b, &mut u[panel.start..], o, true);
        }
    }
}

/// G^T u G of every filter's gradient [16][C][O]: dW [O, C, 3, 3].
fn filters_back(u: &[f32], g: &Geometry) -> Vec<f32> {
    let (c, o) = (g.in_channels, g.out_channels);
    let mut w = vec![0f32; o * c * 9];
    w.par_chunks_mut(c * 9).enumerate().for_each(|(o_at, filters)| {
        for (c_at, f) in filters.as_chunks_mut::<9>().0.iter_mut().enumerate() {
            let u = std::array::from_fn(|e| u[(e * c + c_at) * o + o_at]);
            *f = transform::filter_back(&u);
        }
    });
    w
}
