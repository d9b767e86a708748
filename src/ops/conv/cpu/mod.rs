//! Convolution on the CPU, on pixels whose channels lie side by side: which way a convolution takes.
//!
//! Every way adds in an order that depends on the shapes alone.

mod events;
mod sparse;
mod unfold;
mod winograd;

use crate::ops::Geometry;
use crate::ops::input_value::{InputValue, density};
use crate::ops::uninit::{UninitBuffer, UninitPart};
use rayon::prelude::*;
use winograd::FilterOrientation;

/// How a convolution is computed on the CPU. All give the same results but for rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Additions for every input that is not zero: 3x3 kernels of stride 1.
    Sparse,
    /// Winograd's F(4x4, 3x3), or F(2x2, 3x3) of small images: 3x3 kernels of stride 1, channels in multiples of 16.
    Winograd,
    /// Products of patches and weights: any kernel and stride.
    Unfold,
}

/// Share of inputs that are not zero below which the sparse way wins over products of patches.
const SPARSE: f64 = 0.35;
/// The same over Winograd's way, forward and for the weight's gradient. Measured on layers of VGG, 16 to 512 channels,
/// with AVX2 and AVX-512 (2026-11-30): the ways are level at 0.1 to 0.2 forward, and at 0.2 to 0.3 for the gradient. A
/// few images that go another way than the others cost more than they save: their filters are brought into order too.
const SPARSE_FORWARD: f64 = 0.12;
const SPARSE_GRADIENT: f64 = 0.25;

/// The ways that a convolution of this geometry takes, in words; which of two, the density of its input decides.
pub fn algorithms(g: &Geometry) -> &'static str {
    match (Algorithm::Sparse.open(g), Algorithm::dense(g)) {
        (true, Algorithm::Winograd) => "sparse / Winograd",
        (true, _) => "sparse / patches",
        (false, Algorithm::Winograd) => "Winograd",
        (false, _) => "patches",
    }
}

impl Algorithm {
    /// Whether convolutions of this geometry can go this way.
    pub fn open(self, g: &Geometry) -> bool {
        match self {
            Self::Sparse => sparse::fits(g),
            Self::Winograd => winograd::fits(g),
            Self::Unfold => true,
        }
    }

    /// The fastest for inputs of which few are zero.
    pub fn dense(g: &Geometry) -> Self {
        if Self::Winograd.open(g) { Self::Winograd } else { Self::Unfold }
    }

    /// The fastest for `x`, where the sparse way wins over Winograd's below `beside_winograd`.
    fn choose<T: InputValue>(x: &[T], g: &Geometry, beside_winograd: f64) -> Self {
        let dense = Self::dense(g);
        let share = if dense == Self::Winograd { beside_winograd } else { SPARSE };
        if Self::Sparse.open(g) && density(x) < share { Self::Sparse } else { dense }
    }

    fn forward<T: InputValue>(self, images: Vec<Image<'_, T>>, w: &[f32], g: &Geometry) {
        match self {
            _ if images.is_empty() => {}
            Self::Sparse => sparse::forward(images, &sparse::taps(w, g), g),
            Self::Winograd => winograd::forward(images, w, FilterOrientation::AsStored, g),
            Self::Unfold => unfold::forward(images, w, g),
        }
    }
}

/// One image [H, W, C] and the room for its outputs [H', W', O].
struct Image<'a, T> {
    x: &'a [T],
    y: UninitPart<'a, f32>,
}

/// `images` in groups of `size`, the last perhaps smaller.
fn in_groups<'a, T>(images: Vec<Image<'a, T>>, size: usize) -> Vec<Vec<Image<'a, T>>> {
    let (mut images, size) = (images.into_iter(), size.max(1));
    (0..images.len().div_ceil(size)).map(|_| images.by_ref().take(size).collect()).collect()
}

/// Y [N, H', W', O] of X [N, H, W, C]. Each image goes the way that its own share of zeros makes the faster one, unless
/// it is told which: what becomes of it does not depend on the others.
pub fn forward<T: InputValue>(x: &[T], w: &[f32], g: &Geometry, n: usize, algorithm: Option<Algorithm>) -> Vec<f32> {
    let mut y = UninitBuffer::new(n * g.out_channels * g.out_pixels());
    let (inputs, outputs) = (x.par_chunks(g.in_channels * g.in_pixels()), y.parts(g.out_channels * g.out_pixels()));
    let is_sparse = |image: &Image<'_, T>| {
        algorithm.unwrap_or_else(|| Algorithm::choose(image.x, g, SPARSE_FORWARD)) == Algorithm::Sparse
    };
    let (sparse, others): (Vec<_>, Vec<_>) = inputs.zip(outputs).map(|(x, y)| Image { x, y }).partition(is_sparse);
    Algorithm::Sparse.forward(sparse, w, g);
    algorithm.unwrap_or(Algorithm::dense(g)).forward(others, w, g);
    y.done()
}

/// dX [N, H, W, C] of dY [N, H', W', O]: where it exists, the convolution of dY with the filters turned by half a turn.
pub fn input_gradient(dy: &[f32], w: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    let Some(reversed) = g.reversed().filter(winograd::fits) else {
        return unfold::input_gradient(dy, w, g, n);
    };
    let mut dx = UninitBuffer::new(n * g.in_channels * g.in_pixels());
    let inputs = dy.chunks(g.out_channels * g.out_pixels()).zip(dx.parts(g.in_channels * g.in_pixels()));
    let images = inputs.map(|(x, y)| Image { x, y }).collect();
    winograd::forward(images, w, FilterOrientation::Reversed, &reversed);
    dx.done()
}

/// dW [O, C, k, k], the way that all inputs' share of zeros makes the fastest, unless it is told which.
pub fn weight_gradient<T: InputValue>(
    x: &[T],
    dy: &[f32],
    g: &Geometry,
    n: usize,
    algorithm: Option<Algorithm>,
) -> Vec<f32> {
    match algorithm.unwrap_or_else(|| Algorithm::choose(x, g, SPARSE_GRADIENT)) {
        Algorithm::Sparse => sparse::weight_gradient(x, dy, g, n),
        Algorithm::Winograd => winograd::weight_gradient(x, dy, g, n),
        Algorithm::Unfold => unfold::weight_gradient(x, dy, g, n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    fn random(n: usize, epoch: usize) -> Vec<f32> {
        let stream = Stream::new(0, Purpose::Synthetic, 0, epoch, 0);
        (0..n as u64).map(|i| stream.uniform(i) - 0.5).collect()
    }

    /// A 3x3 convolution that leaves the size of square images.
    fn same_size(in_channels: usize, out_channels: usize, side: usize) -> Geometry {
        Geometry { in_channels, out_channels, kernel: 3, stride: 1, padding: 1, height: side, width: side }
    }

    /// Calls `visit(x index, w index, y index)` for every product in the definition of the convolution.
    fn definition(g: &Geometry, n: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let (height, width, k) = (g.out_height(), g.out_width(), g.kernel);
        for y_index in 0..n * g.out_channels * height * width {
            let (o, x) = (y_index % g.out_channels, y_index / g.out_channels % width);
            let (y, n) = (y_index / (g.out_channels * width) % height, y_index / (g.out_channels * width * height));
            for patch in 0..g.patch() {
                let (j, i, c) = (patch % k, patch / k % k, patch / (k * k));
                let row = (y * g.stride + i).checked_sub(g.padding).filter(|&r| r < g.height);
                let column = (x * g.stride + j).checked_sub(g.padding).filter(|&c| c < g.width);
                if let (Some(row), Some(column)) = (row, column) {
                    let x_index = ((n * g.height + row) * g.width + column) * g.in_channels + c;
                    visit(x_index, o * g.patch() + patch, y_index);
                }
            }
        }
    }

    fn close(expected: &[f32], found: &[f32], what: &str) {
        assert_eq!(expected.len(), found.len(), "{what}");
        for (i, (e, f)) in expected.iter().zip(found).enumerate() {
            assert!((e - f).abs() < 2e-4 * e.abs().max(1.0), "{what}[{i}]: expected {e}, found {f}");
        }
    }

    /// Every way's outputs and gradients against the definition.
    fn check(g: &Geometry, n: usize, algorithms: &[Algorithm]) {
        let mut x = random(n * g.in_channels * g.in_pixels(), 1);
        x.iter_mut().filter(|x| x.abs() > 0.2).for_each(|x| *x = 0.0);
        let w = random(g.out_channels * g.patch(), 2);
        let dy = random(n * g.out_channels * g.out_pixels(), 3);
        let (mut y, mut dx, mut dw) = (vec![0f32; dy.len()], vec![0f32; x.len()], vec![0f32; w.len()]);
        definition(g, n, |xi, wi, yi| {
            y[yi] += x[xi] * w[wi];
            dx[xi] += dy[yi] * w[wi];
            dw[wi] += dy[yi] * x[xi];
        });
        for &algorithm in algorithms {
            assert!(algorithm.open(g), "{algorithm:?} of {g:?}");
            close(&y, &forward(&x, &w, g, n, Some(algorithm)), &format!("y by {algorithm:?} of {g:?}"));
            close(&dw, &weight_gradient(&x, &dy, g, n, Some(algorithm)), &format!("dw by {algorithm:?} of {g:?}"));
        }
        close(&dx, &unfold::input_gradient(&dy, &w, g, n), &format!("dx of {g:?}"));
        close(&dx, &input_gradient(&dy, &w, g, n), &format!("dx of {g:?}"));
    }

    #[test]
    fn the_general_way_agrees_with_the_definition_on_odd_sizes_strides_and_paddings() {
        for (kernel, stride, padding, height, width) in [
            (3, 1, 1, 5, 7),
            (3, 1, 0, 6, 4),
            (1, 1, 0, 3, 3),
            (5, 2, 2, 9, 8),
            (2, 2, 0, 7, 5),
            (3, 3, 2, 4, 4),
            (3, 1, 2, 1, 2),
        ] {
            check(
                &Geometry { in_channels: 3, out_channels: 4, kernel, stride, padding, height, width },
                5,
                &[Algorithm::Unfold],
            );
        }
    }

    #[test]
    fn the_fast_way_agrees_with_the_definition_on_odd_and_even_sizes_and_all_paddings() {
        for (height, width, padding, n, (in_channels, out_channels)) in [
            (8, 8, 1, 5, (16, 48)),
            (32, 32, 1, 1, (16, 16)),
            (5, 7, 1, 3, (32, 64)),
            (4, 4, 0, 9, (80, 16)),
            (3, 3, 0, 1, (16, 32)),
            (1, 2, 1, 40, (16, 16)),
            (6, 40, 2, 2, (16, 32)),
            (2, 2, 1, 3, (64, 96)),
        ] {
            let g = Geometry { in_channels, out_channels, kernel: 3, stride: 1, padding, height, width };
            check(&g, n, &[Algorithm::Unfold, Algorithm::Winograd, Algorithm::Sparse]);
        }
    }

    #[test]
    fn winograds_results_miss_the_definition_by_less_than_a_hundred_thousandth_of_the_largest() {
        for (channels, height) in [(16, 8), (64, 6), (256, 8), (512, 4), (512, 2)] {
            let g = same_size(channels, 16, height);
            let (x, w) = (random(channels * g.in_pixels(), 1), random(16 * g.patch(), 2));
            let mut exact = vec![0f64; 16 * g.out_pixels()];
            definition(&g, 1, |xi, wi, yi| exact[yi] += f64::from(x[xi]) * f64::from(w[wi]));
            let largest = exact.iter().fold(0f64, |largest, y| largest.max(y.abs()));
            for (found, exact) in forward(&x, &w, &g, 1, Some(Algorithm::Winograd)).iter().zip(&exact) {
                assert!((f64::from(*found) - exact).abs() < 1e-5 * largest, "{channels} channels: {found}, {exact}");
            }
        }
    }

    #[test]
    fn spikes_as_bytes_give_the_bits_of_spikes_as_floats() {
        for channels in [5, 16, 40] {
            let g = same_size(channels, 16, 6);
            let bytes: Vec<u8> = random(7 * channels * 36, 4).iter().map(|v| u8::from(*v > 0.2)).collect();
            let floats: Vec<f32> = bytes.iter().map(|&b| f32::from(b)).collect();
            let (w, dy) = (random(16 * g.patch(), 5), random(7 * 16 * 36, 6));
            for algorithm in [None, Some(Algorithm::Sparse), Some(Algorithm::Unfold)] {
                let (from_bytes, from_floats) =
                    (forward(&bytes, &w, &g, 7, algorithm), forward(&floats, &w, &g, 7, algorithm));
                assert!(from_bytes == from_floats, "{algorithm:?}, {channels} channels");
                let by_bytes = weight_gradient(&bytes, &dy, &g, 7, algorithm);
                assert!(
                    by_bytes == weight_gradient(&floats, &dy, &g, 7, algorithm),
                    "{algorithm:?}, {channels} channels"
                );
            }
        }
    }

    #[test]
    fn an_image_has_the_same_outputs_whatever_else_is_in_the_batch() {
        let g = same_size(16, 32, 4);
        let w = random(32 * g.patch(), 1);
        // Images of every density, so that some go the sparse way and others do not.
        let threshold = |i: usize| (i / (16 * 16)) as f32 / 20.0 - 0.5;
        let x: Vec<f32> = random(20 * 16 * 16, 2)
            .into_iter()
            .enumerate()
            .map(|(i, v)| if v < threshold(i) { v } else { 0.0 })
            .collect();
        let together = forward(&x, &w, &g, 20, None);
        for (x, y) in x.chunks(16 * 16).zip(together.chunks(32 * 16)) {
            assert_eq!(forward(x, &w, &g, 1, None), y);
        }
    }
}
