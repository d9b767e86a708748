//! Convolution on the CPU: strips of an image are unfolded into columns that stay in the second-level cache, and each
//! strip is one single-threaded matrix product.
//!
//! Images are divided among threads. The weight's gradient is summed over a number of parts that depends on the shapes
//! alone, each in image order, then over the parts in order.

use super::Geometry;
use crate::ops::product::{Matrix, multiply};
use rayon::prelude::*;

/// Floats of unfolded columns per product: about half a megabyte, which leaves the cache room for the weights.
const STRIP: usize = 128 * 1024;
/// Columns per product of the weight's gradient: long enough to pay for reading and writing the sum.
const DEPTH: usize = 512;
/// Floats that the partial sums of a weight's gradient may take together.
const PARTIAL_SUMS: usize = 16 * 1024 * 1024;

/// Y [N, O, H', W'].
pub fn forward<T: Copy + Into<f32> + Sync>(x: &[T], w: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    let (in_size, out_pixels) = (g.in_channels * g.in_pixels(), g.out_pixels());
    let out_size = g.out_channels * out_pixels;
    let mut y = vec![0f32; n * out_size];
    if y.is_empty() {
        return y;
    }
    let out_width = g.out_width();
    let strip = (STRIP / (g.patch() * out_width)).max(64usize.div_ceil(out_width)).min(g.out_height());
    y.par_chunks_mut(out_size).zip(x.par_chunks(in_size)).for_each_init(Vec::new, |columns, (y, x)| {
        for first in (0..g.out_height()).step_by(strip) {
            let rows = strip.min(g.out_height() - first);
            let pixels = rows * out_width;
            columns.resize(g.patch() * pixels, 0.0);
            unfold(x, g, first..first + rows, columns, pixels);
            let sizes = (g.out_channels, pixels, g.patch());
            let y = &mut y[first * out_width..];
            multiply(sizes, Matrix::rows(w, g.patch()), Matrix::rows(columns, pixels), y, out_pixels, false);
        }
    });
    y
}

/// W turned by half a turn with its channels exchanged: [C, O, k, k].
pub fn turned(w: &[f32], g: &Geometry) -> Vec<f32> {
    let taps = g.kernel * g.kernel;
    let mut turned = vec![0f32; w.len()];
    for (o, filter) in w.chunks(g.patch()).enumerate() {
        for (c, plane) in filter.chunks(taps).enumerate() {
            let at = (c * g.out_channels + o) * taps;
            turned[at..at + taps].iter_mut().zip(plane.iter().rev()).for_each(|(to, &from)| *to = from);
        }
    }
    turned
}

/// dX [N, C, H, W] for any stride and padding: columns W^T dY, folded back onto the image.
pub fn input_gradient(dy: &[f32], w: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    let (in_size, out_pixels) = (g.in_channels * g.in_pixels(), g.out_pixels());
    let mut dx = vec![0f32; n * in_size];
    if dx.is_empty() {
        return dx;
    }
    let images = dy.par_chunks(g.out_channels * out_pixels);
    dx.par_chunks_mut(in_size).zip(images).for_each_init(Vec::new, |columns, (dx, dy)| {
        columns.resize(g.patch() * out_pixels, 0.0);
        let sizes = (g.patch(), out_pixels, g.out_channels);
        let w = Matrix::rows(w, g.patch()).transposed();
        multiply(sizes, w, Matrix::rows(dy, out_pixels), columns, out_pixels, false);
        fold_back(columns, g, dx);
    });
    dx
}

/// dW [O, C, k, k] = sum over images of dY columns(X)^T.
pub fn weight_gradient<T: Copy + Into<f32> + Sync>(x: &[T], dy: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    let (in_size, out_pixels) = (g.in_channels * g.in_pixels(), g.out_pixels());
    let (out_size, size) = (g.out_channels * out_pixels, g.out_channels * g.patch());
    let parts = (PARTIAL_SUMS / size).clamp(2, 32).min(n.max(1));
    let per_part = n.div_ceil(parts);
    let group = (DEPTH / out_pixels).clamp(1, per_part.max(1));
    let sums: Vec<Vec<f32>> = (0..parts)
        .into_par_iter()
        .map(|part| {
            let (mut sum, mut columns, mut gathered) = (vec![0f32; size], Vec::new(), Vec::new());
            let end = ((part + 1) * per_part).min(n);
            let mut first = part * per_part;
            while first < end {
                let images = group.min(end - first);
                let depth = images * out_pixels;
                columns.resize(g.patch() * depth, 0.0);
                gathered.resize(g.out_channels * depth, 0.0);
                for i in 0..images {
                    let image = &x[(first + i) * in_size..][..in_size];
                    unfold(image, g, 0..g.out_height(), &mut columns[i * out_pixels..], depth);
                    let gradient = &dy[(first + i) * out_size..][..out_size];
                    for (o, plane) in gradient.chunks(out_pixels).enumerate() {
                        gathered[o * depth + i * out_pixels..][..out_pixels].copy_from_slice(plane);
                    }
                }
                let columns = Matrix::rows(&columns, depth).transposed();
                let sizes = (g.out_channels, g.patch(), depth);
                multiply(sizes, Matrix::rows(&gathered, depth), columns, &mut sum, g.patch(), true);
                first += images;
            }
            sum
        })
        .collect();
    let mut total = sums[0].clone();
    total.par_chunks_mut(4096).enumerate().for_each(|(block, total)| {
        for sum in &sums[1..] {
            total.iter_mut().zip(&sum[block * 4096..]).for_each(|(t, s)| *t += s);
        }
    });
    total
}

/// Writes the patches under output rows `rows` as columns: `columns[(c, i, j) * stride + pixel]`.
fn unfold<T: Copy + Into<f32>>(
    x: &[T],
    g: &Geometry,
    rows: std::ops::Range<usize>,
    columns: &mut [f32],
    stride: usize,
) {
    let out_width = g.out_width();
    let mut line = 0;
    for plane in x.chunks(g.in_pixels()) {
        for i in 0..g.kernel {
            for j in 0..g.kernel {
                let line_start = line * stride;
                line += 1;
                // Output columns whose input column s x + j - p lies inside the image.
                let (from, to) = inside(j, g, g.width, out_width);
                for (r, y) in rows.clone().enumerate() {
                    let out = &mut columns[line_start + r * out_width..][..out_width];
                    let row = (y * g.stride + i).checked_sub(g.padding).filter(|&row| row < g.height);
                    let Some(row) = row.filter(|_| from < to) else {
                        out.fill(0.0);
                        continue;
                    };
                    out[..from].fill(0.0);
                    out[to..].fill(0.0);
                    let source = &plane[row * g.width + from * g.stride + j - g.padding..];
                    if g.stride == 1 {
                        out[from..to].iter_mut().zip(source).for_each(|(to, &from)| *to = from.into());
                    } else {
                        let source = source.iter().step_by(g.stride);
                        out[from..to].iter_mut().zip(source).for_each(|(to, &from)| *to = from.into());
                    }
                }
            }
        }
    }
}

/// Adds columns back onto the image they were taken from: the transpose of [`unfold`].
fn fold_back(columns: &[f32], g: &Geometry, dx: &mut [f32]) {
    let (out_width, out_pixels) = (g.out_width(), g.out_pixels());
    let mut line = 0;
    for plane in dx.chunks_mut(g.in_pixels()) {
        for i in 0..g.kernel {
            for j in 0..g.kernel {
                let column = &columns[line * out_pixels..][..out_pixels];
                line += 1;
                let (from, to) = inside(j, g, g.width, out_width);
                for (y, values) in column.chunks(out_width).enumerate() {
                    let row = (y * g.stride + i).checked_sub(g.padding).filter(|&row| row < g.height);
                    let Some(row) = row.filter(|_| from < to) else { continue };
                    let target = &mut plane[row * g.width + from * g.stride + j - g.padding..];
                    let target = target.iter_mut().step_by(g.stride);
                    target.zip(&values[from..to]).for_each(|(to, from)| *to += from);
                }
            }
        }
    }
}

/// The output positions `from..to` at which kernel offset `j` reads inside an image of `size`.
fn inside(j: usize, g: &Geometry, size: usize, out: usize) -> (usize, usize) {
    let from = g.padding.saturating_sub(j).div_ceil(g.stride).min(out);
    let to = (size + g.padding).saturating_sub(j).div_ceil(g.stride).min(out);
    (from, to.max(from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    fn random(n: usize, epoch: usize) -> Vec<f32> {
        let stream = Stream::new(0, Purpose::Synthetic, 0, epoch, 0);
        (0..n as u64).map(|i| stream.uniform(i) - 0.5).collect()
    }

    /// Calls `visit(x index, w index, y index)` for every product in the definition of the convolution.
    fn definition(g: &Geometry, n: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let (height, width, k) = (g.out_height(), g.out_width(), g.kernel);
        for y_index in 0..n * g.out_channels * height * width {
            let (x, y) = (y_index % width, y_index / width % height);
            let (o, n) = (y_index / (width * height) % g.out_channels, y_index / (width * height * g.out_channels));
            for patch in 0..g.patch() {
                let (j, i, c) = (patch % k, patch / k % k, patch / (k * k));
                let row = (y * g.stride + i).checked_sub(g.padding).filter(|&r| r < g.height);
                let column = (x * g.stride + j).checked_sub(g.padding).filter(|&c| c < g.width);
                if let (Some(row), Some(column)) = (row, column) {
                    let x_index = ((n * g.in_channels + c) * g.height + row) * g.width + column;
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

    #[test]
    fn every_direction_agrees_with_the_definition_on_odd_sizes_strides_and_paddings() {
        for (kernel, stride, padding, height, width) in [
            (3, 1, 1, 5, 7),
            (3, 1, 0, 6, 4),
            (1, 1, 0, 3, 3),
            (5, 2, 2, 9, 8),
            (2, 2, 0, 7, 5),
            (3, 3, 2, 4, 4),
            (3, 1, 2, 1, 2),
        ] {
            let g = Geometry { in_channels: 3, out_channels: 4, kernel, stride, padding, height, width };
            let n = 5;
            let x = random(n * g.in_channels * g.in_pixels(), 1);
            let w = random(g.out_channels * g.patch(), 2);
            let dy = random(n * g.out_channels * g.out_pixels(), 3);
            let (mut y, mut dx, mut dw) = (vec![0f32; dy.len()], vec![0f32; x.len()], vec![0f32; w.len()]);
            definition(&g, n, |xi, wi, yi| {
                y[yi] += x[xi] * w[wi];
                dx[xi] += dy[yi] * w[wi];
                dw[wi] += dy[yi] * x[xi];
            });
            close(&y, &forward(&x, &w, &g, n), &format!("y of {g:?}"));
            close(&dx, &input_gradient(&dy, &w, &g, n), &format!("dx of {g:?}"));
            close(&dw, &weight_gradient(&x, &dy, &g, n), &format!("dw of {g:?}"));
            if let Some(reversed) = g.reversed() {
                close(&dx, &forward(&dy, &turned(&w, &g), &reversed, n), &format!("dx by reversal of {g:?}"));
            }
        }
    }

    #[test]
    fn spikes_as_bytes_give_the_bits_of_spikes_as_floats() {
        let g = Geometry { in_channels: 8, out_channels: 5, kernel: 3, stride: 1, padding: 1, height: 6, width: 6 };
        let bytes: Vec<u8> = random(7 * 8 * 36, 4).iter().map(|v| u8::from(*v > 0.2)).collect();
        let floats: Vec<f32> = bytes.iter().map(|&b| f32::from(b)).collect();
        let (w, dy) = (random(5 * 72, 5), random(7 * 5 * 36, 6));
        assert_eq!(forward(&bytes, &w, &g, 7), forward(&floats, &w, &g, 7));
        assert_eq!(weight_gradient(&bytes, &dy, &g, 7), weight_gradient(&floats, &dy, &g, 7));
    }
}
