//! The transforms of F(2x2, 3x3) on pixels whose channels lie side by side, so that a vector holds channels of one
//! pixel: B^T d B of inputs, A^T m A to outputs, A e A^T of gradients. Those of filters are in [`super::filters`].

use crate::ops::Geometry;
use crate::ops::scratch::Scratch;
use pulp::Simd;
use std::ops::Range;

/// How images and their tiles of 2x2 outputs lie.
#[derive(Clone, Copy)]
pub struct Plane {
    pub height: usize,
    pub width: usize,
    pub out_height: usize,
    pub out_width: usize,
    pub padding: usize,
    pub tile_rows: usize,
    pub tile_columns: usize,
}

impl Plane {
    pub fn from_geometry(g: &Geometry) -> Self {
        let (out_height, out_width) = (g.out_height(), g.out_width());
        Self {
            height: g.height,
            width: g.width,
            out_height,
            out_width,
            padding: g.padding,
            tile_rows: out_height.div_ceil(2),
            tile_columns: out_width.div_ceil(2),
        }
    }

    pub fn tiles(&self) -> usize {
        self.tile_rows * self.tile_columns
    }
}

/// Floats from one of a tile's 16 elements to the next, where each element takes `floats`: an odd number of cache
/// lines, since sixteen stores side by side at a power of two from one another would fall into one set of the cache.
pub fn apart(floats: usize) -> usize {
    (floats.div_ceil(16) | 1) * 16
}

/// Where an image's transformed tiles go among those of other images: `tiles` in all, this image's from `first` on.
#[derive(Clone, Copy)]
pub struct TileOffset {
    pub tiles: usize,
    pub first: usize,
}

/// Four rows of pixels as floats, with zeros where a tile hangs over the border.
#[derive(Default)]
pub struct PaddedRows([Scratch; 4]);

impl PaddedRows {
    /// Makes room for rows of `floats` and empties them.
    fn clear(&mut self, floats: usize) {
        for row in &mut self.0 {
            row.lend_zeroed(floats);
        }
    }

    /// Row `i` from pixel `padding` on; all zeros when there is no `source`.
    fn fill<T: Copy + Into<f32>>(&mut self, i: usize, source: Option<&[T]>, padding: usize) {
        let row = &mut self.0[i];
        match source {
            Some(source) => row[padding..].iter_mut().zip(source).for_each(|(to, &from)| *to = from.into()),
            None => row.fill(0.0),
        }
    }
}

/// Writes B^T d B of the tile rows `rows` of one image [H, W, C] to `v`, 16 elements [`apart`] of [tiles][C] each.
#[inline(always)]
pub fn inputs<S: Simd, T: Copy + Into<f32>>(
    simd: S,
    x: &[T],
    channels: usize,
    plane: &Plane,
    rows: Range<usize>,
    (v, place): (&mut [f32], TileOffset),
    d: &mut PaddedRows,
) {
    let (line, n) = (plane.width * channels, channels / S::F32_LANES);
    d.clear((2 * plane.tile_columns + 2).max(plane.width + plane.padding) * channels);
    let mut elements = split::<S>(v, apart(place.tiles * channels));
    for (strip, tile_row) in rows.clone().enumerate() {
        for i in 0..4 {
            if i < 2 && strip > 0 {
                // The last two rows of the tiles above.
                d.0.swap(i, i + 2);
                continue;
            }
            let row = (2 * tile_row + i).checked_sub(plane.padding).filter(|&row| row < plane.height);
            d.fill(i, row.map(|row| &x[row * line..][..line]), plane.padding * channels);
        }
        let d: [&[S::f32s]; 4] = std::array::from_fn(|i| S::as_simd_f32s(&d.0[i]).0);
        for tile in 0..plane.tile_columns {
            let d: [[&[S::f32s]; 4]; 4] =
                std::array::from_fn(|i| std::array::from_fn(|j| &d[i][(2 * tile + j) * n..][..n]));
            let at = (place.first + strip * plane.tile_columns + tile) * n;
            let out = elements.each_mut().map(|e| &mut e[at..][..n]);
            for k in 0..n {
                let mut rows = [[simd.splat_f32s(0.0); 4]; 4];
                for j in 0..4 {
                    rows[j] = before(simd, [d[0][j][k], d[1][j][k], d[2][j][k], d[3][j][k]]);
                }
                for i in 0..4 {
                    let row = before(simd, [rows[0][i], rows[1][i], rows[2][i], rows[3][i]]);
                    for (j, value) in row.into_iter().enumerate() {
                        out[4 * i + j][k] = value;
                    }
                }
            }
        }
    }
}

/// B^T (a, b, c, d)^T.
#[inline(always)]
fn before<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
    [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
}

/// Writes A^T m A of tile rows to channels `panel` of their outputs `y` [rows, W', O], from the 16 elements [`apart`]
/// of `m`, each [tiles][width of the panel].
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "k counts through sixteen slices at once")]
pub fn outputs<S: Simd>(
    simd: S,
    (m, place): (&[f32], TileOffset),
    plane: &Plane,
    y: &mut [f32],
    (channels, panel): (usize, Range<usize>),
) {
    let (width, element) = (panel.len(), apart(place.tiles * panel.len()));
    let line = plane.out_width * channels;
    let rows = y.len() / line;
    for tile_row in 0..rows.div_ceil(2) {
        for tile in 0..plane.tile_columns {
            let at = place.first + tile_row * plane.tile_columns + tile;
            let m: [&[S::f32s]; 16] =
                std::array::from_fn(|e| S::as_simd_f32s(&m[e * element + at * width..][..width]).0);
            for k in 0..width / S::F32_LANES {
                let column = |j: usize| after(simd, [m[j][k], m[4 + j][k], m[8 + j][k], m[12 + j][k]]);
                let [a, b, c, d] = [column(0), column(1), column(2), column(3)];
                for i in 0..2 {
                    let row = after(simd, [a[i], b[i], c[i], d[i]]);
                    for (j, value) in row.into_iter().enumerate() {
                        let (y_row, y_column) = (2 * tile_row + i, 2 * tile + j);
                        if y_row < rows && y_column < plane.out_width {
                            let pixel = y_row * line + y_column * channels;
                            let to = &mut y[pixel + panel.start..][..width];
                            S::as_mut_simd_f32s(to).0[k] = value;
                        }
                    }
                }
            }
        }
    }
}

/// A^T (a, b, c, d)^T.
#[inline(always)]
fn after<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
    let (sum, difference) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
    [simd.add_f32s(a, sum), simd.sub_f32s(difference, d)]
}

/// Writes A e A^T of one image's output gradient [H', W', O] to `v`, 16 elements [`apart`] of [panels][tiles][width]
/// each.
#[inline(always)]
pub fn gradients<S: Simd>(
    simd: S,
    dy: &[f32],
    channels: usize,
    plane: &Plane,
    panels: impl Iterator<Item = Range<usize>>,
    (v, place): (&mut [f32], TileOffset),
) {
    let mut elements = split::<S>(v, apart(place.tiles * channels));
    for panel in panels {
        let n = panel.len() / S::F32_LANES;
        for tile_row in 0..plane.tile_rows {
            for tile in 0..plane.tile_columns {
                let at =
                    panel.start * place.tiles / S::F32_LANES + (place.first + tile_row * plane.tile_columns + tile) * n;
                let e: [[Option<&[S::f32s]>; 2]; 2] = std::array::from_fn(|i| {
                    std::array::from_fn(|j| {
                        let (row, column) = (2 * tile_row + i, 2 * tile + j);
                        let inside = row < plane.out_height && column < plane.out_width;
                        let pixel = (row * plane.out_width + column) * channels;
                        inside.then(|| S::as_simd_f32s(&dy[pixel + panel.start..][..panel.len()]).0)
                    })
                });
                let out = elements.each_mut().map(|e| &mut e[at..][..n]);
                for k in 0..n {
                    let mut columns = [[simd.splat_f32s(0.0); 4]; 2];
                    for j in 0..2 {
                        let mut column = [simd.splat_f32s(0.0); 2];
                        for i in 0..2 {
                            if let Some(e) = e[i][j] {
                                column[i] = e[k];
                            }
                        }
                        columns[j] = spread(simd, column);
                    }
                    for i in 0..4 {
                        let row = spread(simd, [columns[0][i], columns[1][i]]);
                        for (j, value) in row.into_iter().enumerate() {
                            out[4 * i + j][k] = value;
                        }
                    }
                }
            }
        }
    }
}

/// A (a, b)^T.
#[inline(always)]
fn spread<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 4] {
    [a, simd.add_f32s(a, b), simd.sub_f32s(a, b), simd.neg_f32s(b)]
}

/// The 16 elements of transformed tiles, `apart` floats from one another.
#[inline(always)]
fn split<S: Simd>(v: &mut [f32], apart: usize) -> [&mut [S::f32s]; 16] {
    let mut elements = S::as_mut_simd_f32s(v).0.chunks_exact_mut(apart / S::F32_LANES);
    std::array::from_fn(|_| elements.next().unwrap_or_default())
}
