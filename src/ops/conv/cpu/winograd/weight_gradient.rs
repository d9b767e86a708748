//! The weight's gradient by Winograd's tiles: transforms of inputs and of the outputs' gradients, and a product over
//! all tiles for each element.

use super::filters::{self, panels};
use super::tile::Tile;
use super::transform::{self, PaddedRows, Plane, TileOffset, apart};
use crate::ops::Geometry;
use crate::ops::product::tile::{PANEL, StridedMatrix, multiply_panel};
use crate::ops::scratch::Reused;
use crate::ops::simd::arch;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::marker::PhantomData;

/// Floats of transformed inputs and gradients that are taken at a time.
const CHUNK: usize = 1024 * 1024;
/// Tiles per product, at least: long enough to pay for reading and writing the sums.
const DEPTH: usize = 64;
/// Input channels per product.
const CHANNELS: usize = 64;

/// dW [O, C, 3, 3] from X [N, H, W, C] and dY [N, H', W', O]. Products run over chunks of images in order, each divided
/// among threads by element and channel, so that every sum has one owner.
pub fn by_tiles<I: Copy + Into<f32> + Sync, W: Tile<M, T>, const M: usize, const T: usize>(
    x: &[I],
    dy: &[f32],
    g: &Geometry,
    n: usize,
) -> Vec<f32> {
    let (plane, c, o) = (Plane::new(g, M), g.in_channels, g.out_channels);
    let (in_size, out_size) = (c * g.in_pixels(), o * g.out_pixels());
    let mut u = Reused::zeroed(T * T * c * o);
    if n == 0 {
        return filters::back::<W, _, _>(&u, g);
    }
    // Images whose tiles are transformed together, and how many such groups a chunk takes.
    let group = DEPTH.div_ceil(plane.tiles()).clamp(1, n);
    let tiles = group * plane.tiles();
    let chunk = group * (CHUNK / (T * T * tiles * (c + o))).max(1);
    let channels = if c.is_multiple_of(CHANNELS) { CHANNELS } else { PANEL / 2 };
    let (mut v, mut e) = (Reused::default(), Reused::default());
    for (x, dy) in x.chunks(chunk * in_size).zip(dy.chunks(chunk * out_size)) {
        let groups = (dy.len() / out_size).div_ceil(group);
        let (v_size, e_size) = (T * T * apart(tiles * c), T * T * apart(tiles * o));
        let (v, e) = (v.lend(groups * v_size), e.lend(groups * e_size));
        let transformed = v.par_chunks_mut(v_size).zip(e.par_chunks_mut(e_size));
        let images = x.par_chunks(group * in_size).zip(dy.par_chunks(group * out_size));
        transformed.zip(images).for_each_init(PaddedRows::default, |rows, ((v, e), (x, dy))| {
            arch().dispatch(TransformedTiles { x, dy, v, e, g, plane: &plane, rows, tile: PhantomData::<W> });
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
    filters::back::<W, _, _>(&u, g)
}

/// The transforms of a group of images: T x T elements of V, [tiles][C] each, and of E, [panels of O][tiles][width].
struct TransformedTiles<'a, I, W, const M: usize, const T: usize> {
    x: &'a [I],
    dy: &'a [f32],
    v: &'a mut [f32],
    e: &'a mut [f32],
    g: &'a Geometry,
    plane: &'a Plane,
    rows: &'a mut PaddedRows<T>,
    tile: PhantomData<W>,
}

impl<I: Copy + Into<f32>, W: Tile<M, T>, const M: usize, const T: usize> WithSimd for TransformedTiles<'_, I, W, M, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, dy, v, e, g, plane, rows, .. } = self;
        let (c, o) = (g.in_channels, g.out_channels);
        let tiles = dy.len() / (o * g.out_pixels()) * plane.tiles();
        let images = x.chunks(c * g.in_pixels()).zip(dy.chunks(o * g.out_pixels()));
        for (i, (x, dy)) in images.enumerate() {
            let place = TileOffset { tiles, first: i * plane.tiles() };
            transform::inputs::<_, W, _, _, _>(simd, x, c, plane, 0..plane.tile_rows, (v, place), rows);
            transform::gradients::<_, W, _, _>(simd, dy, o, plane, panels(o), (e, place));
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
