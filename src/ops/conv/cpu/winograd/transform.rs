//! The transforms of [`Tile`] on pixels whose channels lie side by side, so that a vector holds channels of one pixel:
//! B^T d B of inputs, A^T m A to outputs, A e A^T of gradients. Those of filters are in [`super::filters`].
//!
//! Vectors are moved by loops, not by closures such as `array::from_fn` takes: a closure that is not inlined is
//! compiled without the vector instructions, and calls a function for each addition.

use super::tile::Tile;
use crate::ops::Geometry;
use crate::ops::scratch::Scratch;
use pulp::{Simd, WithSimd};
use std::array::from_fn;
use std::marker::PhantomData;
use std::ops::Range;

/// How images and their tiles lie.
#[derive(Clone, Copy)]
pub struct Plane {
    height: usize,
    width: usize,
    pub out_height: usize,
    pub out_width: usize,
    padding: usize,
    pub tile_rows: usize,
    pub tile_columns: usize,
}

impl Plane {
    /// Of tiles of `m` x `m` outputs.
    pub fn new(g: &Geometry, m: usize) -> Self {
        let (out_height, out_width) = (g.out_height(), g.out_width());
        Self {
            height: g.height,
            width: g.width,
            out_height,
            out_width,
            padding: g.padding,
            tile_rows: out_height.div_ceil(m),
            tile_columns: out_width.div_ceil(m),
        }
    }

    pub fn tiles(&self) -> usize {
        self.tile_rows * self.tile_columns
    }
}

/// Floats from one of a tile's elements to the next, where each element takes `floats`: an odd number of cache lines,
/// since stores side by side at a power of two from one another would fall into one set of the cache.
pub fn apart(floats: usize) -> usize {
    (floats.div_ceil(16) | 1) * 16
}

/// Where an image's transformed tiles go among those of other images: `tiles` in all, this image's from `first` on.
#[derive(Clone, Copy)]
pub struct TileOffset {
    pub tiles: usize,
    pub first: usize,
}

/// The rows of pixels that a row of tiles reads, as floats, with zeros where a tile hangs over the border.
pub struct PaddedRows<const T: usize>([Scratch; T]);

impl<const T: usize> Default for PaddedRows<T> {
    fn default() -> Self {
        Self(from_fn(|_| Scratch::default()))
    }
}

impl<const T: usize> PaddedRows<T> {
    /// Makes room for rows of `floats`. They are zero where [`fill`](Self::fill) leaves them, which is the same place
    /// for all images of a layer.
    fn reserve(&mut self, floats: usize) {
        for row in self.0.iter_mut().filter(|row| row.len() != floats) {
            row.lend_zeroed(floats);
        }
    }

    /// Row `i` from pixel `padding` on; all zeros when there is no `source`.
    #[inline(always)]
    fn fill<I: Copy + Into<f32>>(&mut self, i: usize, source: Option<&[I]>, padding: usize) {
        let row = &mut self.0[i];
        match source {
            Some(source) => row[padding..].iter_mut().zip(source).for_each(|(to, &from)| *to = from.into()),
            None => row.fill(0.0),
        }
    }
}

/// Writes B^T d B of the tile rows `rows` of one image [H, W, C] to `v`, T x T elements [`apart`] of [runs of
/// C][tiles][`run`] each.
#[inline(always)]
pub fn inputs<S: Simd, W: Tile<M, T>, I: Copy + Into<f32>, const M: usize, const T: usize>(
    simd: S,
    x: &[I],
    (channels, run): (usize, usize),
    plane: &Plane,
    rows: Range<usize>,
    (v, place): (&mut [f32], TileOffset),
    d: &mut PaddedRows<T>,
) {
    let (line, overlap) = (plane.width * channels, T - M);
    let (n, in_run) = (channels / S::F32_LANES, run / S::F32_LANES);
    d.reserve((M * plane.tile_columns + overlap).max(plane.width + plane.padding) * channels);
    let (v, element) = (S::as_mut_simd_f32s(v).0, apart(place.tiles * channels) / S::F32_LANES);
    let zero = simd.splat_f32s(0.0);
    for (strip, tile_row) in rows.enumerate() {
        for i in 0..T {
            if i < overlap && strip > 0 {
                // The last rows of the tiles above.
                d.0.swap(i, i + M);
                continue;
            }
            let row = (M * tile_row + i).checked_sub(plane.padding).filter(|&row| row < plane.height);
            d.fill(i, row.map(|row| &x[row * line..][..line]), plane.padding * channels);
        }
        let d: [&[S::f32s]; T] = from_fn(|i| S::as_simd_f32s(&d.0[i]).0);
        for tile in 0..plane.tile_columns {
            let number = place.first + strip * plane.tile_columns + tile;
            for (start, at) in (0..n).step_by(in_run).zip((number * in_run..).step_by(place.tiles * in_run)) {
                for k in 0..in_run {
                    let mut lines = [[zero; T]; T];
                    for (line, d) in lines.iter_mut().zip(d) {
                        let mut pixels = [zero; T];
                        for (j, pixel) in pixels.iter_mut().enumerate() {
                            *pixel = d[(M * tile + j) * n + start + k];
                        }
                        *line = W::input(simd, pixels);
                    }
                    for (j, line) in transposed(lines, zero).into_iter().enumerate() {
                        for (i, value) in W::input(simd, line).into_iter().enumerate() {
                            v[(T * i + j) * element + at + k] = value;
                        }
                    }
                }
            }
        }
    }
}

/// B^T d B of some images, whose tiles take the first places of `tiles`, by [`inputs`].
pub struct InputTiles<'a, I, W, const M: usize, const T: usize> {
    pub images: &'a [&'a [I]],
    pub v: &'a mut [f32],
    pub tiles: usize,
    pub c: usize,
    pub run: usize,
    pub plane: &'a Plane,
    pub rows: &'a mut PaddedRows<T>,
    pub tile: PhantomData<W>,
}

impl<I: Copy + Into<f32>, W: Tile<M, T>, const M: usize, const T: usize> WithSimd for InputTiles<'_, I, W, M, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { images, v, tiles, c, run, plane, rows, .. } = self;
        for (i, x) in images.iter().enumerate() {
            let place = TileOffset { tiles, first: i * plane.tiles() };
            inputs::<_, W, _, _, _>(simd, x, (c, run), plane, 0..plane.tile_rows, (v, place), rows);
        }
    }
}

/// Writes A^T m A of one row of tiles, the `first` of those in `m`, to their outputs `y` [rows, W', O], from the
/// elements [`apart`] of `m`, each [tiles][O].
#[inline(always)]
pub fn outputs<S: Simd, W: Tile<M, T>, const M: usize, const T: usize>(
    simd: S,
    (m, place): (&[f32], TileOffset),
    plane: &Plane,
    y: &mut [f32],
    channels: usize,
) {
    let (m, element) = (S::as_simd_f32s(m).0, apart(place.tiles * channels) / S::F32_LANES);
    let (zero, n) = (simd.splat_f32s(0.0), channels / S::F32_LANES);
    let (rows, y) = (y.len() / (plane.out_width * channels), S::as_mut_simd_f32s(y).0);
    for tile in 0..plane.tile_columns {
        let at = (place.first + tile) * n;
        let columns = M.min(plane.out_width - M * tile);
        for k in 0..n {
            let mut lines = [[zero; M]; T];
            for (i, line) in lines.iter_mut().enumerate() {
                let mut elements = [zero; T];
                for (j, value) in elements.iter_mut().enumerate() {
                    *value = m[(T * i + j) * element + at + k];
                }
                *line = W::output(simd, elements);
            }
            for (j, line) in transposed(lines, zero).into_iter().enumerate().take(columns) {
                for (i, value) in W::output(simd, line).into_iter().enumerate().take(rows) {
                    y[(i * plane.out_width + M * tile + j) * n + k] = value;
                }
            }
        }
    }
}

/// Writes A e A^T of one image's output gradient [H', W', O] to `v`, T x T elements [`apart`] of [panels][tiles][width]
/// each.
#[inline(always)]
pub fn gradients<S: Simd, W: Tile<M, T>, const M: usize, const T: usize>(
    simd: S,
    dy: &[f32],
    channels: usize,
    plane: &Plane,
    panels: impl Iterator<Item = Range<usize>> + Clone,
    (v, place): (&mut [f32], TileOffset),
) {
    let (v, element) = (S::as_mut_simd_f32s(v).0, apart(place.tiles * channels) / S::F32_LANES);
    let (dy, pixel_vectors) = (S::as_simd_f32s(dy).0, channels / S::F32_LANES);
    let zero = simd.splat_f32s(0.0);
    for tile_row in 0..plane.tile_rows {
        for tile in 0..plane.tile_columns {
            // A tile's pixels lie in a few rows: they are read from one end to the other.
            for panel in panels.clone() {
                let (n, first) = (panel.len() / S::F32_LANES, panel.start / S::F32_LANES);
                let at = first * place.tiles + (place.first + tile_row * plane.tile_columns + tile) * n;
                for k in 0..n {
                    let mut lines = [[zero; T]; M];
                    for (i, line) in lines.iter_mut().enumerate() {
                        let mut pixels = [zero; M];
                        for (j, pixel) in pixels.iter_mut().enumerate() {
                            let (row, column) = (M * tile_row + i, M * tile + j);
                            if row < plane.out_height && column < plane.out_width {
                                *pixel = dy[(row * plane.out_width + column) * pixel_vectors + first + k];
                            }
                        }
                        *line = W::gradient(simd, pixels);
                    }
                    for (j, line) in transposed(lines, zero).into_iter().enumerate() {
                        for (i, value) in W::gradient(simd, line).into_iter().enumerate() {
                            v[(T * i + j) * element + at + k] = value;
                        }
                    }
                }
            }
        }
    }
}

/// Columns for rows.
#[inline(always)]
pub fn transposed<V: Copy, const A: usize, const B: usize>(rows: [[V; B]; A], zero: V) -> [[V; A]; B] {
    let mut columns = [[zero; A]; B];
    for (i, row) in rows.into_iter().enumerate() {
        for (column, value) in columns.iter_mut().zip(row) {
            column[i] = value;
        }
    }
    columns
}
