//! 3x3 convolutions of stride 1 with 16 products for every 4 outputs instead of 36: Winograd's F(2x2, 3x3).
//!
//! An image is cut into tiles of 2x2 outputs, each reading 4x4 inputs d. With a filter f and the output's gradient e
//! (2x2),
//!
//!   outputs = A^T [(G f G^T) * (B^T d B)] A,    filter's gradient = G^T [sum over tiles of (B^T d B) * (A e A^T)] G,
//!
//! where * multiplies elements. Summed over channels (or tiles) each of the 16 elements is a matrix product. Source:
//! Lavin & Gray 2016 (arXiv 1509.09308), section 4.1. Sums of a few inputs replace single ones, so results differ from
//! the definition's by rounding; with spikes as inputs B^T d B is exact.
//!
//! Matrices with O columns lie in panels of 32 columns (the last may have 16), as [`multiply_panel`] reads them.

use super::filters::{self, Filters, panels};
use super::transform::{self, PaddedRows, Plane, TileOffset, apart};
use super::{Image, in_groups};
use crate::ops::Geometry;
use crate::ops::product::tile::{PANEL, ROWS, StridedMatrix, multiply_panel};
use crate::ops::scratch::Scratch;
use crate::ops::simd::arch;
use crate::ops::uninit::UninitPart;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

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

/// Y [H', W', O] of X [H, W, C], for each of `images`.
pub fn forward<T: Copy + Into<f32> + Sync>(images: Vec<Image<'_, T>>, filters: &Filters, g: &Geometry) {
    let plane = Plane::from_geometry(g);
    let tiles = (BLOCK / 16 / g.in_channels).clamp(ROWS, 128);
    let strip = (tiles / plane.tile_columns).clamp(1, plane.tile_rows);
    let groups = in_groups(images, tiles / plane.tiles());
    groups.into_par_iter().for_each_init(Buffers::default, |buffers, images| {
        arch().dispatch(TileStrips { images, filters, g, plane: &plane, strip, buffers });
    });
}

/// What a thread reuses from one group of images to the next.
#[derive(Default)]
struct Buffers {
    rows: PaddedRows,
    /// [16][tiles][C].
    v: Scratch,
    /// [16][tiles][width of a panel].
    m: Scratch,
}

/// A few images, taken in strips of tile rows.
struct TileStrips<'a, T> {
    images: Vec<Image<'a, T>>,
    filters: &'a Filters,
    g: &'a Geometry,
    plane: &'a Plane,
    strip: usize,
    buffers: &'a mut Buffers,
}

impl<T: Copy + Into<f32>> WithSimd for TileStrips<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { images, filters, g, plane, strip, buffers: Buffers { rows: scratch, v, m } } = self;
        let (c, o) = (g.in_channels, g.out_channels);
        let size = 2 * strip * plane.out_width * o;
        let (images, mut strips): (Vec<&[T]>, Vec<_>) =
            images.into_iter().map(|image| (image.x, image.y.cut(size))).unzip();
        for first in (0..plane.tile_rows).step_by(strip) {
            let rows = first..(first + strip).min(plane.tile_rows);
            let per_image = rows.len() * plane.tile_columns;
            // Tiles that fill up the last rows of the products are left over from before and not read.
            let tiles = (images.len() * per_image).next_multiple_of(ROWS);
            let (v_element, m_element) = (apart(tiles * c), apart(tiles * PANEL));
            let (v, m) = (v.lend(16 * v_element), m.lend(16 * m_element));
            for (i, x) in images.iter().enumerate() {
                let place = TileOffset { tiles, first: i * per_image };
                transform::inputs(simd, x, c, plane, rows.clone(), (v, place), scratch);
            }
            // A strip of every image, set to zero while it is about to be written.
            let mut outputs: Vec<&mut [f32]> =
                strips.iter_mut().filter_map(Iterator::next).map(UninitPart::zero).collect();
            for panel in panels(o) {
                let width = panel.len();
                for e in 0..16 {
                    let a = StridedMatrix { data: &v[e * v_element..][..tiles * c], row: c, column: 1 };
                    let b = filters.of_panel(e, &panel, g);
                    let to = &mut m[e * apart(tiles * width)..][..tiles * width];
                    multiply_panel(simd, (tiles, width, c), a, b, to, width, false);
                }
                for (i, y) in outputs.iter_mut().enumerate() {
                    let place = TileOffset { tiles, first: i * per_image };
                    transform::outputs(simd, (m, place), plane, y, (o, panel.clone()));
                }
            }
        }
    }
}

/// dW [O, C, 3, 3] from X [N, H, W, C] and dY [N, H', W', O]. Products run over chunks of images in order, each divided
/// among threads by element and channel, so that every sum has one owner.
pub fn weight_gradient<T: Copy + Into<f32> + Sync>(x: &[T], dy: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    let (plane, c, o) = (Plane::from_geometry(g), g.in_channels, g.out_channels);
    let (in_size, out_size) = (c * g.in_pixels(), o * g.out_pixels());
    let mut u = Scratch::zeroed(16 * c * o);
    if n == 0 {
        return filters::back(&u, g);
    }
    // Images whose tiles are transformed together, and how many such groups a chunk takes.
    let group = DEPTH.div_ceil(plane.tiles()).clamp(1, n);
    let tiles = group * plane.tiles();
    let chunk = group * (CHUNK / (16 * tiles * (c + o))).max(1);
    let channels = if c.is_multiple_of(CHANNELS) { CHANNELS } else { PANEL / 2 };
    let (mut v, mut e) = (Scratch::default(), Scratch::default());
    for (x, dy) in x.chunks(chunk * in_size).zip(dy.chunks(chunk * out_size)) {
        let groups = (dy.len() / out_size).div_ceil(group);
        let (v_size, e_size) = (16 * apart(tiles * c), 16 * apart(tiles * o));
        let (v, e) = (v.lend(groups * v_size), e.lend(groups * e_size));
        let transformed = v.par_chunks_mut(v_size).zip(e.par_chunks_mut(e_size));
        let images = x.par_chunks(group * in_size).zip(dy.par_chunks(group * out_size));
        transformed.zip(images).for_each_init(PaddedRows::default, |rows, ((v, e), (x, dy))| {
            arch().dispatch(TransformedTiles { x, dy, v, e, g, plane: &plane, rows });
        });
        u.par_chunks_mut(channels * o).enumerate().for_each(|(task, u)| {
            let first = task * channels;
            for (number, (v, e)) in v.chunks(v_size).zip(e.chunks(e_size)).enumerate() {
                let tiles = group.min(dy.len() / out_size - number * group) * plane.tiles();
                arch().dispatch(WeightGradientTask {
                    v,
                    e,
                    tiles,
                    element: first / c,
                    first: first % c,
                    c,
                    o,
                    u: &mut *u,
                });
            }
        });
    }
    filters::back(&u, g)
}

/// The transforms of a group of images: 16 elements of V, [tiles][C] each, and of E, [panels of O][tiles][width].
struct TransformedTiles<'a, T> {
    x: &'a [T],
    dy: &'a [f32],
    v: &'a mut [f32],
    e: &'a mut [f32],
    g: &'a Geometry,
    plane: &'a Plane,
    rows: &'a mut PaddedRows,
}

impl<T: Copy + Into<f32>> WithSimd for TransformedTiles<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, dy, v, e, g, plane, rows } = self;
        let (c, o) = (g.in_channels, g.out_channels);
        let tiles = dy.len() / (o * g.out_pixels()) * plane.tiles();
        let images = x.chunks(c * g.in_pixels()).zip(dy.chunks(o * g.out_pixels()));
        for (i, (x, dy)) in images.enumerate() {
            let place = TileOffset { tiles, first: i * plane.tiles() };
            transform::inputs(simd, x, c, plane, 0..plane.tile_rows, (v, place), rows);
            transform::gradients(simd, dy, o, plane, panels(o), (e, place));
        }
    }
}

/// Adds V^T E of one element and a run of input channels to `u` [channels][O].
struct WeightGradientTask<'a> {
    v: &'a [f32],
    e: &'a [f32],
    tiles: usize,
    element: usize,
    first: usize,
    c: usize,
    o: usize,
    u: &'a mut [f32],
}

impl WithSimd for WeightGradientTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { v, e, tiles, element, first, c, o, u } = self;
        let (v, e) = (&v[element * apart(tiles * c)..], &e[element * apart(tiles * o)..]);
        let a = StridedMatrix { data: &v[first..], row: 1, column: c };
        for panel in panels(o) {
            let b = &e[panel.start * tiles..][..tiles * panel.len()];
            multiply_panel(simd, (u.len() / o, panel.len(), tiles), a, b, &mut u[panel.start..], o, true);
        }
    }
}
