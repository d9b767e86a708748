//! 3x3 convolutions of stride 1 with fewer products than the definition's nine an output: Winograd's F(m x m, 3x3).
//!
//! An image is cut into tiles of m x m outputs, each reading t x t inputs d, t = m + 2. With a filter f and the
//! output's gradient e,
//!
//!   outputs = A^T [(G f G^T) * (B^T d B)] A,    filter's gradient = G^T [sum over tiles of (B^T d B) * (A e A^T)] G,
//!
//! where * multiplies elements. Summed over channels (or tiles) each of the t^2 elements is a matrix product. The
//! matrices are those of [`tile`]. Sums of a few inputs replace single ones, so results differ from the definition's by
//! rounding: F(4x4, 3x3) by less than 1e-5 of the largest value.
//!
//! Matrices with O columns lie in panels of 32 columns (the last may have 16), as [`multiply_panel`] reads them.

mod by_panel;
mod filters;
mod tile;
mod transform;
mod weight_gradient;

use super::{Image, in_groups};
use crate::ops::Geometry;
use crate::ops::product::tile::{PANEL, ROWS, StridedMatrix, multiply_panel};
use crate::ops::scratch::Reused;
use crate::ops::simd::arch;
use filters::Filters;
use filters::panels;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tile::{Four, Tile, Two};
use transform::{PaddedRows, Plane, TileOffset, apart};

/// Tiles that are taken together, at most: few enough for their elements to stay in the cache. Fewer where threads
/// would find nothing to do. What becomes of a tile does not depend on the others.
const TILES: usize = 32;
/// The same where there are more than [`FEW_FILTERS`], which then come from memory each time that they pass by.
const MANY_TILES: usize = 128;
const FEW_FILTERS: usize = 256 * 256;
/// Large tiles of a batch from which the weight's gradient takes them.
const LARGE_TILES: usize = 64;

/// Whether this way is open: the kernels work on 16 channels at a time.
pub fn fits(g: &Geometry) -> bool {
    let whole = |channels: usize| channels > 0 && channels.is_multiple_of(PANEL / 2);
    g.kernel == 3 && g.stride == 1 && g.padding <= 2 && whole(g.in_channels) && whole(g.out_channels)
}

/// Which filters a convolution takes from the weight.
#[derive(Clone, Copy)]
pub enum FilterOrientation {
    /// Those of the weight [O, C, 3, 3].
    AsStored,
    /// Those of the weight [C, O, 3, 3] of the convolution whose reverse this is, turned by half a turn.
    Reversed,
}

/// Whether tiles of 4x4 outputs take fewer products than tiles of 2x2: not where most of a tile would hang over the
/// border.
fn takes_large_tiles(g: &Geometry) -> bool {
    4 * 36 * Plane::new(g, 4).tiles() < 3 * 16 * Plane::new(g, 2).tiles()
}

/// Y [H', W', O] of X [H, W, C], for each of `images`.
pub fn forward<I: Copy + Into<f32> + Sync>(
    images: Vec<Image<'_, I>>,
    w: &[f32],
    filter: FilterOrientation,
    g: &Geometry,
) {
    if takes_large_tiles(g) {
        forward_by::<I, Four, _, _>(images, w, filter, g);
    } else {
        forward_by::<I, Two, _, _>(images, w, filter, g);
    }
}

/// dW [O, C, 3, 3] from X [N, H, W, C] and dY [N, H', W', O].
pub fn weight_gradient<I: Copy + Into<f32> + Sync>(x: &[I], dy: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    // The sums are many: with few tiles for each, reading and writing them would cost more than the products.
    if takes_large_tiles(g) && n * Plane::new(g, 4).tiles() >= LARGE_TILES {
        weight_gradient::by_tiles::<I, Four, _, _>(x, dy, g, n)
    } else {
        weight_gradient::by_tiles::<I, Two, _, _>(x, dy, g, n)
    }
}

fn forward_by<I: Copy + Into<f32> + Sync, W: Tile<M, T>, const M: usize, const T: usize>(
    images: Vec<Image<'_, I>>,
    w: &[f32],
    filter: FilterOrientation,
    g: &Geometry,
) {
    let few_tiles = images.len() * Plane::new(g, M).tiles() <= MANY_TILES;
    let panel_for_each_thread = rayon::current_num_threads() <= panels(g.out_channels).count();
    if g.in_channels * g.out_channels > FEW_FILTERS && few_tiles && panel_for_each_thread {
        by_panel::forward::<I, W, _, _>(images, w, filter, g);
    } else {
        by_strip::<I, W, _, _>(images, &Filters::new(w, filter, g), g);
    }
}

/// Some images at a time, with all filters.
fn by_strip<I: Copy + Into<f32> + Sync, W: Tile<M, T>, const M: usize, const T: usize>(
    images: Vec<Image<'_, I>>,
    filters: &Filters<W>,
    g: &Geometry,
) {
    let plane = Plane::new(g, M);
    let share = (images.len() * plane.tiles()).div_ceil(rayon::current_num_threads());
    let most = if g.in_channels * g.out_channels > FEW_FILTERS { MANY_TILES } else { TILES };
    let tiles = share.clamp(ROWS, most);
    let strip = (tiles / plane.tile_columns).clamp(1, plane.tile_rows);
    let groups = in_groups(images, tiles / plane.tiles());
    groups.into_par_iter().for_each_init(Buffers::default, |buffers, images| {
        arch().dispatch(TileStrips { images, filters, g, plane: &plane, strip, buffers });
    });
}

/// What a thread reuses from one group of images to the next.
#[derive(Default)]
struct Buffers<const T: usize> {
    rows: PaddedRows<T>,
    /// [T x T][tiles][C].
    v: Reused,
    /// [T x T][tiles][O].
    m: Reused,
    /// The outputs of a row of tiles.
    y: Reused,
}

/// A few images, taken in strips of tile rows.
struct TileStrips<'a, I, W, const M: usize, const T: usize> {
    images: Vec<Image<'a, I>>,
    filters: &'a Filters<W>,
    g: &'a Geometry,
    plane: &'a Plane,
    strip: usize,
    buffers: &'a mut Buffers<T>,
}

impl<I: Copy + Into<f32>, W: Tile<M, T>, const M: usize, const T: usize> WithSimd for TileStrips<'_, I, W, M, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { images, filters, g, plane, strip, buffers } = self;
        let Buffers { rows: scratch, v, m, y } = buffers;
        let (c, o) = (g.in_channels, g.out_channels);
        let size = M * plane.out_width * o;
        let y = y.lend(size);
        let (images, mut outputs): (Vec<&[I]>, Vec<_>) =
            images.into_iter().map(|image| (image.x, image.y.writer())).unzip();
        for first in (0..plane.tile_rows).step_by(strip) {
            let rows = first..(first + strip).min(plane.tile_rows);
            let per_image = rows.len() * plane.tile_columns;
            // Tiles that fill up the last rows of the products are left over from before and not read.
            let tiles = (images.len() * per_image).next_multiple_of(ROWS);
            let (v_element, m_element) = (apart(tiles * c), apart(tiles * o));
            let (v, m) = (v.lend(T * T * v_element), m.lend(T * T * m_element));
            for (i, x) in images.iter().enumerate() {
                let place = TileOffset { tiles, first: i * per_image };
                transform::inputs::<_, W, _, _, _>(simd, x, (c, c), plane, rows.clone(), (v, place), scratch);
            }
            // An element's inputs stay in the cache while its filters pass by, once for all tiles.
            for e in 0..T * T {
                let a = StridedMatrix { data: &v[e * v_element..][..tiles * c], row: c, column: 1 };
                for panel in panels(o) {
                    let to = &mut m[e * m_element..][..tiles * o][panel.start..];
                    multiply_panel(simd, (tiles, panel.len(), c), a, filters.of_panel(e, &panel, g), to, o, false);
                }
            }
            for (i, output) in outputs.iter_mut().enumerate() {
                for number in 0..rows.len() {
                    let y = &mut y[..size.min(output.left())];
                    let place = TileOffset { tiles, first: i * per_image + number * plane.tile_columns };
                    transform::outputs::<_, W, _, _>(simd, (m, place), plane, y, o);
                    output.write(y);
                }
            }
        }
    }
}
