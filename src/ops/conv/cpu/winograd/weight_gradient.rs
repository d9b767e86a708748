//! The weight's gradient by Winograd's tiles: transforms of inputs and of the outputs' gradients, and a product over
//! all tiles for each element.

use super::filters::{self, InverseFilterTransform, TAPS, panels};
use super::tile::Tile;
use super::transform::{self, InputTiles, PaddedRows, Plane, TileOffset, apart};
use crate::ops::Geometry;
use crate::ops::product::tile::{PANEL, StridedMatrix, multiply_panel};
use crate::ops::scratch::Reused;
use crate::ops::simd::arch;
use crate::ops::uninit::{UninitBuffer, UninitPiece};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::marker::PhantomData;

/// Floats of transformed inputs and gradients that each thread makes at a time.
const CHUNK: usize = 512 * 1024;
/// Tiles per product, at least: long enough to pay for reading and writing the sums.
const DEPTH: usize = 64;
/// Input channels of a block of sums: the most that leave it in the cache, and the fewest that the products take, where
/// threads would find nothing to do.
const CHANNELS: [usize; 3] = [64, 32, 16];

/// dW [O, C, 3, 3] from X [N, H, W, C] and dY [N, H', W', O]. Products run over chunks of images in order, each divided
/// among threads by channels, so that every sum has one owner.
pub fn by_tiles<I: Copy + Into<f32> + Sync, W: Tile<M, T>, const M: usize, const T: usize>(
    x: &[I],
    dy: &[f32],
    g: &Geometry,
    n: usize,
) -> Vec<f32> {
    let (plane, c, o) = (Plane::new(g, M), g.in_channels, g.out_channels);
    let (in_size, out_size) = (c * g.in_pixels(), o * g.out_pixels());
    if n == 0 {
        return vec![0.0; o * c * 9];
    }
    // Images whose tiles are transformed together, all of few; and how many such groups a chunk takes.
    let few = n * plane.tiles() < 2 * DEPTH;
    let group = if few { n } else { DEPTH.div_ceil(plane.tiles()).clamp(1, n) };
    let tiles = group * plane.tiles();
    let chunk = group * (CHUNK / (T * T * tiles * (c + o))).max(1) * rayon::current_num_threads();
    let enough = |&channels: &usize| {
        c.is_multiple_of(channels) && c / channels * panels(o).count() >= 2 * rayon::current_num_threads()
    };
    let channels = CHANNELS.into_iter().find(enough).unwrap_or(PANEL / 2);
    let (mut u, mut dw) = (Reused::new(T * T * c * o), UninitBuffer::new(o * c * 9));
    let (mut rest, mut blocks) = (&mut u[..], Vec::new());
    for piece in dw.pieces(c * 9, PANEL, channels * 9) {
        let u = filters::split(&mut rest, T * T * channels * piece.rows.len());
        blocks.push(Block { u, piece, c, o, tile: PhantomData::<W> });
    }
    let (mut v, mut e) = (Reused::default(), Reused::default());
    for (number, (x, dy)) in x.chunks(chunk * in_size).zip(dy.chunks(chunk * out_size)).enumerate() {
        let images = dy.len() / out_size;
        let (v_size, e_size) = (T * T * apart(tiles * c), T * T * apart(tiles * o));
        let groups = images.div_ceil(group);
        let (v, e) = (v.lend(groups * v_size), e.lend(groups * e_size));
        let transformed = v.par_chunks_mut(v_size).zip(e.par_chunks_mut(e_size));
        let taken = x.par_chunks(group * in_size).zip(dy.par_chunks(group * out_size));
        transformed.zip(taken).for_each_init(PaddedRows::default, |rows, ((v, e), (x, dy))| {
            let tiles = dy.len() / out_size * plane.tiles();
            let images: Vec<&[I]> = x.chunks(in_size).collect();
            let inputs =
                InputTiles { images: &images, v, tiles, c, run: channels, plane: &plane, rows, tile: PhantomData::<W> };
            let gradients = GradientTiles { dy, e, o, plane: &plane, tile: PhantomData::<W> };
            arch().dispatch(inputs);
            arch().dispatch(gradients);
        });
        let parts = v.chunks(v_size).zip(e.chunks(e_size)).zip(dy.chunks(group * out_size));
        let groups: Vec<Group<'_>> =
            parts.map(|((v, e), dy)| Group { v, e, tiles: dy.len() / out_size * plane.tiles() }).collect();
        let (first, last) = (number == 0, number * chunk + images == n);
        blocks.par_iter_mut().for_each_init(Default::default, |(taps, w), block| {
            arch().dispatch(BlockSums { block, groups: &groups, first });
            if last {
                block.finish(taps, w);
            }
        });
    }
    drop(blocks);
    dw.done()
}

/// The sums of some input channels and a panel of output channels.
struct Block<'a, W, const M: usize, const T: usize> {
    /// T x T elements of [channels][width].
    u: &'a mut [f32],
    /// Their place in dW [O, C x 9].
    piece: UninitPiece<'a, f32>,
    c: usize,
    o: usize,
    tile: PhantomData<W>,
}

impl<W: Tile<M, T>, const M: usize, const T: usize> Block<'_, W, M, T> {
    fn width(&self) -> usize {
        self.piece.rows.len()
    }

    fn channels(&self) -> usize {
        self.u.len() / (T * T * self.width())
    }

    /// Writes the filters' gradients.
    fn finish(&mut self, taps: &mut Reused, w: &mut Reused) {
        let (channels, width) = (self.channels(), self.width());
        let (taps, w) = (taps.lend(channels * TAPS), w.lend(width * channels * 9));
        let transform = InverseFilterTransform { u: self.u, channels, width, taps, w, tile: PhantomData::<W> };
        arch().dispatch(transform);
        let rows = std::mem::take(&mut self.piece.rows);
        rows.into_iter().zip(w.chunks_exact(channels * 9)).for_each(|(to, from)| to.copy_from(from));
    }
}

/// A e A^T of a group of images: T x T elements of [panels of O][tiles][width].
struct GradientTiles<'a, W, const M: usize, const T: usize> {
    dy: &'a [f32],
    e: &'a mut [f32],
    o: usize,
    plane: &'a Plane,
    tile: PhantomData<W>,
}

impl<W: Tile<M, T>, const M: usize, const T: usize> WithSimd for GradientTiles<'_, W, M, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { dy, e, o, plane, .. } = self;
        let image = o * plane.out_height * plane.out_width;
        let tiles = dy.len() / image * plane.tiles();
        for (i, dy) in dy.chunks_exact(image).enumerate() {
            let place = TileOffset { tiles, first: i * plane.tiles() };
            transform::gradients::<_, W, _, _>(simd, dy, o, plane, panels(o), (e, place));
        }
    }
}

/// What a chunk's groups hold.
struct Group<'a> {
    v: &'a [f32],
    e: &'a [f32],
    tiles: usize,
}

/// Adds V^T E of all groups to a block's sums, or sets them at the `first` time.
struct BlockSums<'a, 'b, W, const M: usize, const T: usize> {
    block: &'a mut Block<'b, W, M, T>,
    groups: &'a [Group<'a>],
    first: bool,
}

impl<W: Tile<M, T>, const M: usize, const T: usize> WithSimd for BlockSums<'_, '_, W, M, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { block, groups, first } = self;
        let (c, o, channels, width) = (block.c, block.o, block.channels(), block.width());
        let (row, column) = (block.piece.row, block.piece.column / 9);
        for (element, u) in block.u.chunks_exact_mut(channels * width).enumerate() {
            for (number, &Group { v, e, tiles }) in groups.iter().enumerate() {
                let (v, e) = (&v[element * apart(tiles * c)..], &e[element * apart(tiles * o)..]);
                let a = StridedMatrix { data: &v[column * tiles..], row: 1, column: channels };
                let b = &e[row * tiles..][..tiles * width];
                multiply_panel(simd, (channels, width, tiles), a, b, u, width, !(first && number == 0));
            }
        }
    }
}
