//! The convolution of any kernel, stride and padding: the patch under every output pixel becomes a row of a matrix, and
//! a strip of rows that stays in the cache is one product. The plain twin of the faster ways.
//!
//! Weights are used as [k, k, C, O]: a patch is k runs of pixels that lie side by side in memory.

use super::Image;
use crate::ops::Geometry;
use crate::ops::product::{Matrix, multiply};
use crate::ops::sum_in_order;
use crate::ops::uninit::UninitBuffer;
use rayon::prelude::*;
use std::ops::Range;

/// Floats of patches per product: about half a megabyte.
const STRIP: usize = 128 * 1024;
/// Floats that the partial sums of a weight's gradient may take together.
const PARTIAL_SUMS: usize = 16 * 1024 * 1024;

/// The weight [O, C, k, k] as [k, k, C, O].
fn by_patch(w: &[f32], g: &Geometry) -> Vec<f32> {
    let taps = g.kernel * g.kernel;
    let mut by_patch = vec![0f32; w.len()];
    for (at, value) in by_patch.iter_mut().enumerate() {
        let (tap, c, o) =
            (at / (g.in_channels * g.out_channels), at / g.out_channels % g.in_channels, at % g.out_channels);
        *value = w[(o * g.in_channels + c) * taps + tap];
    }
    by_patch
}

/// Y [H', W', O] of X [H, W, C], for each of `images`.
pub fn forward<T: Copy + Into<f32> + Sync>(images: Vec<Image<'_, T>>, w: &[f32], g: &Geometry) {
    let (w, line) = (by_patch(w, g), g.out_width() * g.out_channels);
    let strip = (STRIP / (g.patch() * g.out_width())).clamp(1, g.out_height());
    images.into_par_iter().for_each_init(Vec::new, |patches, Image { x, y }| {
        for (number, y) in y.zero().chunks_mut(strip * line).enumerate() {
            let rows = number * strip..number * strip + y.len() / line;
            let pixels = rows.len() * g.out_width();
            unfold(x, g, rows, patches);
            let (patches, w) = (Matrix::rows(patches, g.patch()), Matrix::rows(&w, g.out_channels));
            multiply((pixels, g.out_channels, g.patch()), patches, w, y, g.out_channels, false);
        }
    });
}

/// dX [N, H, W, C] of dY [N, H', W', O].
pub fn input_gradient(dy: &[f32], w: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    let w = by_patch(w, g);
    let (in_size, out_pixels) = (g.in_channels * g.in_pixels(), g.out_pixels());
    let mut dx = UninitBuffer::new(n * in_size);
    let images = dy.par_chunks(g.out_channels * out_pixels);
    dx.parts(in_size).into_par_iter().zip(images).for_each_init(Vec::new, |patches, (dx, dy)| {
        patches.resize(out_pixels * g.patch(), 0f32);
        let (dy, w) = (Matrix::rows(dy, g.out_channels), Matrix::rows(&w, g.out_channels).transposed());
        multiply((out_pixels, g.patch(), g.out_channels), dy, w, patches, g.patch(), false);
        fold_back(patches, g, dx.zero());
    });
    dx.done()
}

/// dW [O, C, k, k], the sum over images of patches(X)^T dY: over a number of parts that depends on the shapes alone,
/// each in the order of the images, then over the parts.
pub fn weight_gradient<T: Copy + Into<f32> + Sync>(x: &[T], dy: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    let (in_size, line) = (g.in_channels * g.in_pixels(), g.out_width() * g.out_channels);
    let out_size = g.out_height() * line;
    let size = g.patch() * g.out_channels;
    let parts = (PARTIAL_SUMS / size).clamp(2, 32).min(n.max(1));
    let per_part = n.div_ceil(parts);
    let strip = (STRIP / (g.patch() * g.out_width())).clamp(1, g.out_height());
    let sums: Vec<Vec<f32>> = (0..parts)
        .into_par_iter()
        .map(|part| {
            let (mut sum, mut patches) = (vec![0f32; size], Vec::new());
            for image in (part * per_part).min(n)..((part + 1) * per_part).min(n) {
                let (x, dy) = (&x[image * in_size..][..in_size], &dy[image * out_size..][..out_size]);
                for (number, dy) in dy.chunks(strip * line).enumerate() {
                    let rows = number * strip..number * strip + dy.len() / line;
                    let pixels = rows.len() * g.out_width();
                    unfold(x, g, rows, &mut patches);
                    let (dy, columns) = (Matrix::rows(dy, g.out_channels), Matrix::rows(&patches, g.patch()));
                    let sizes = (g.patch(), g.out_channels, pixels);
                    multiply(sizes, columns.transposed(), dy, &mut sum, g.out_channels, true);
                }
            }
            sum
        })
        .collect();
    by_filter(&sum_in_order(sums), g)
}

/// A gradient [k, k, C, O] as [O, C, k, k].
fn by_filter(by_patch: &[f32], g: &Geometry) -> Vec<f32> {
    let taps = g.kernel * g.kernel;
    let value = |at: usize| {
        let (o, c, tap) = (at / g.patch(), at / taps % g.in_channels, at % taps);
        by_patch[(tap * g.in_channels + c) * g.out_channels + o]
    };
    (0..by_patch.len()).map(value).collect()
}

/// The patches under output rows `rows` of an image [H, W, C]: [pixels][k, k, C], zero outside the image.
fn unfold<T: Copy + Into<f32>>(x: &[T], g: &Geometry, rows: Range<usize>, patches: &mut Vec<f32>) {
    let run = g.kernel * g.in_channels;
    patches.clear();
    patches.resize(rows.len() * g.out_width() * g.patch(), 0.0);
    for (at, patch) in patches.chunks_mut(g.patch()).enumerate() {
        for (i, patch) in patch.chunks_mut(run).enumerate() {
            if let Some((taps, from)) = inside(g, rows.start + at / g.out_width(), at % g.out_width(), i) {
                let to = &mut patch[taps.start * g.in_channels..taps.end * g.in_channels];
                to.iter_mut().zip(&x[from..]).for_each(|(to, &from)| *to = from.into());
            }
        }
    }
}

/// Adds patches back onto the image they were taken from: the transpose of [`unfold`] for all rows.
fn fold_back(patches: &[f32], g: &Geometry, dx: &mut [f32]) {
    for (at, patch) in patches.chunks(g.patch()).enumerate() {
        for (i, patch) in patch.chunks(g.kernel * g.in_channels).enumerate() {
            if let Some((taps, to)) = inside(g, at / g.out_width(), at % g.out_width(), i) {
                let from = &patch[taps.start * g.in_channels..taps.end * g.in_channels];
                dx[to..].iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
    }
}

/// Where row `i` of the patch under output (row, column) lies inside the image: the taps `j` that do, and the place in
/// [H, W, C] of the first.
fn inside(g: &Geometry, row: usize, column: usize, i: usize) -> Option<(Range<usize>, usize)> {
    let y = (row * g.stride + i).checked_sub(g.padding).filter(|&y| y < g.height)?;
    let corner = column * g.stride;
    let taps = g.padding.saturating_sub(corner)..(g.width + g.padding).saturating_sub(corner).min(g.kernel);
    (taps.start < taps.end).then(|| {
        let x = corner + taps.start - g.padding;
        (taps, (y * g.width + x) * g.in_channels)
    })
}
