//! A few tiles and many filters: a panel of output channels at a time, whose filters are transformed just before their
//! products and never leave the cache. All of a layer's would be written to memory and read again.

use super::filters::{self, panels};
use super::tile::Tile;
use super::transform::{self, InputTiles, PaddedRows, Plane, TileOffset, apart};
use super::{FilterOrientation, Image};
use crate::ops::Geometry;
use crate::ops::product::tile::{PANEL, ROWS, StridedMatrix, multiply_panel};
use crate::ops::scratch::Reused;
use crate::ops::simd::arch;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Images whose tiles are transformed together: a multiple of the products' rows, so that no group ends within one.
const GROUP: usize = 2 * ROWS;

/// Y [H', W', O] of X [H, W, C], for each of `images`: the same bits as from all filters at once.
pub fn forward<I: Copy + Into<f32> + Sync, W: Tile<M, T>, const M: usize, const T: usize>(
    images: Vec<Image<'_, I>>,
    w: &[f32],
    orientation: FilterOrientation,
    g: &Geometry,
) {
    let (plane, c, o) = (Plane::new(g, M), g.in_channels, g.out_channels);
    let (inputs, outputs): (Vec<&[I]>, Vec<_>) = images.into_iter().map(|image| (image.x, image.y)).unzip();
    let tiles = GROUP * plane.tiles();
    // [groups][T x T][tiles][C].
    let v_size = T * T * apart(tiles * c);
    let mut v = Reused::new(inputs.len().div_ceil(GROUP) * v_size);
    v.par_chunks_mut(v_size).zip(inputs.par_chunks(GROUP)).for_each_init(PaddedRows::default, |rows, (v, images)| {
        arch().dispatch(InputTiles { images, v, tiles, c, run: c, plane: &plane, rows, tile: PhantomData::<W> });
    });
    // [panels of O][images][H', W', width].
    let pixels = inputs.len() * g.out_pixels();
    let mut y = Reused::new(pixels * o);
    let tasks = y.par_chunks_mut(pixels * PANEL).zip(panels(o).collect::<Vec<_>>());
    tasks.for_each_init(PanelBuffers::default, |buffers, (y, panel)| {
        let u = buffers.u.lend(T * T * apart(c * panel.len()));
        filters::of_panel::<W, _, _>(w, orientation, g, &panel, u, &mut buffers.taps);
        arch().dispatch(PanelTask { v: &v, u, m: &mut buffers.m, y, c, panel, plane: &plane, tile: PhantomData::<W> });
    });
    outputs.into_par_iter().enumerate().for_each(|(image, output)| {
        let mut output = output.writer();
        for pixel in image * g.out_pixels()..(image + 1) * g.out_pixels() {
            for panel in panels(o) {
                output.write(&y[panel.start * pixels + pixel * panel.len()..][..panel.len()]);
            }
        }
    });
}

/// What a thread reuses from one panel to the next.
#[derive(Default)]
struct PanelBuffers {
    taps: Reused,
    /// [T x T][C][width].
    u: Reused,
    /// [T x T][tiles][width].
    m: Reused,
}

/// The products of a panel, and its outputs.
struct PanelTask<'a, W, const M: usize, const T: usize> {
    v: &'a [f32],
    u: &'a [f32],
    m: &'a mut Reused,
    /// [images][H', W', width].
    y: &'a mut [f32],
    c: usize,
    panel: Range<usize>,
    plane: &'a Plane,
    tile: PhantomData<W>,
}

impl<W: Tile<M, T>, const M: usize, const T: usize> WithSimd for PanelTask<'_, W, M, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { v, u, m, y, c, panel, plane, .. } = self;
        let (width, per_group) = (panel.len(), GROUP * plane.tiles());
        let image = plane.out_height * plane.out_width * width;
        let images = y.len() / image;
        let tiles = (images * plane.tiles()).next_multiple_of(ROWS);
        let (v_element, u_element, m_element) = (apart(per_group * c), apart(c * width), apart(tiles * width));
        let m = m.lend(T * T * m_element);
        for e in 0..T * T {
            let (filters, m) = (&u[e * u_element..][..c * width], &mut m[e * m_element..][..tiles * width]);
            // Tiles that fill up the last rows are left over from before and not read.
            for (v, to) in v.chunks(T * T * v_element).zip(m.chunks_mut(per_group * width)) {
                let a = StridedMatrix { data: &v[e * v_element..][..per_group * c], row: c, column: 1 };
                multiply_panel(simd, (to.len() / width, width, c), a, filters, to, width, false);
            }
        }
        let row = M * plane.out_width * width;
        for (number, y) in y.chunks_exact_mut(image).enumerate() {
            for (tile_row, y) in y.chunks_mut(row).enumerate() {
                let place = TileOffset { tiles, first: number * plane.tiles() + tile_row * plane.tile_columns };
                transform::outputs::<_, W, _, _>(simd, (m, place), plane, y, width);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::by_strip;
    use super::super::filters::Filters;
    use super::super::tile::{Four, Two};
    use super::*;
    use crate::ops::uninit::UninitBuffer;
    use crate::rng::{Purpose, Stream};

    /// Both ways' outputs.
    fn outputs<W: Tile<M, T>, const M: usize, const T: usize>(
        n: usize,
        orientation: FilterOrientation,
        g: &Geometry,
    ) -> [Vec<f32>; 2] {
        let random = |n: usize, purpose| {
            let stream = Stream::new(0, purpose, 0, n, 0);
            (0..n as u64).map(|i| stream.uniform(i) - 0.5).collect::<Vec<f32>>()
        };
        let x = random(n * g.in_channels * g.in_pixels(), Purpose::Synthetic);
        let w = random(g.out_channels * g.in_channels * 9, Purpose::Synthetic);
        let by = |way: &dyn Fn(Vec<Image<'_, f32>>)| {
            let mut y = UninitBuffer::new(n * g.out_channels * g.out_pixels());
            let inputs = x.chunks(g.in_channels * g.in_pixels());
            let parts = inputs.zip(y.parts(g.out_channels * g.out_pixels()));
            way(parts.map(|(x, y)| Image { x, y }).collect());
            y.done()
        };
        [
            by(&|images| by_strip::<_, W, _, _>(images, &Filters::new(&w, orientation, g), g)),
            by(&|images| forward::<_, W, _, _>(images, &w, orientation, g)),
        ]
    }

    #[test]
    fn a_panel_at_a_time_gives_the_same_bits() {
        for (height, width, padding, n, (in_channels, out_channels)) in [
            (4, 4, 1, 80, (16, 96)),
            (2, 2, 1, 17, (48, 32)),
            (5, 7, 1, 3, (32, 16)),
            (3, 9, 0, 16, (16, 48)),
            (6, 5, 2, 1, (80, 80)),
        ] {
            let g = Geometry { in_channels, out_channels, kernel: 3, stride: 1, padding, height, width };
            for orientation in [FilterOrientation::AsStored, FilterOrientation::Reversed] {
                for [strips, panels] in
                    [outputs::<Four, 4, 6>(n, orientation, &g), outputs::<Two, 2, 4>(n, orientation, &g)]
                {
                    assert!(strips == panels, "{g:?}");
                    assert!(strips.iter().any(|&y| y != 0.0));
                }
            }
        }
    }
}
