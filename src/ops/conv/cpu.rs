//! Convolution on the CPU, on pixels whose channels lie side by side: which way a convolution takes.
//!
//! Every way divides the work by the shapes alone and adds in a fixed order.

mod events;
mod sparse;
mod transform;
mod unfold;
mod winograd;

use super::Geometry;
pub use events::Input;
use winograd::Filters;

/// Share of inputs that are not zero below which the sparse way wins forward.
const SPARSE_FORWARD: f64 = 0.13;
/// The same for the weight's gradient.
const SPARSE_GRADIENT: f64 = 0.3;
/// Inputs that are looked at to tell how many are zero.
const SAMPLE: usize = 64 * 1024;

/// Y [N, H', W', O] of X [N, H, W, C].
pub fn forward<T: Input>(x: &[T], w: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    if sparse::fits(g) && density(x) < SPARSE_FORWARD {
        sparse::forward(x, w, g, n)
    } else if winograd::fits(g) {
        winograd::forward(x, &Filters::new(w, g), g, n)
    } else {
        unfold::forward(x, w, g, n)
    }
}

/// The share of inputs that are not zero, of a sample in even steps.
fn density<T: Input>(x: &[T]) -> f64 {
    // An odd step meets all channels.
    let step = (x.len() / SAMPLE) | 1;
    let (seen, events) = x
        .iter()
        .step_by(step)
        .fold((0u32, 0u32), |(seen, events), &value| (seen + 1, events + u32::from(value != T::default())));
    f64::from(events) / f64::from(seen.max(1))
}

/// dX [N, H, W, C] of dY [N, H', W', O]: where it exists, the convolution of dY with the filters turned by half a turn.
pub fn input_gradient(dy: &[f32], w: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    match g.reversed().filter(winograd::fits) {
        Some(reversed) => winograd::forward(dy, &Filters::turned(w, &reversed), &reversed, n),
        None => unfold::input_gradient(dy, w, g, n),
    }
}

/// dW [O, C, k, k].
pub fn weight_gradient<T: Input>(x: &[T], dy: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    if sparse::fits(g) && density(x) < SPARSE_GRADIENT {
        sparse::weight_gradient(x, dy, g, n)
    } else if winograd::fits(g) {
        winograd::weight_gradient(x, dy, g, n)
    } else {
        unfold::weight_gradient(x, dy, g, n)
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
    fn check(g: &Geometry, n: usize, ways: &[&str]) {
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
        for way in ways {
            let found = match *way {
                "unfold" => unfold::forward(&x, &w, g, n),
                "sparse" => sparse::forward(&x, &w, g, n),
                _ => winograd::forward(&x, &Filters::new(&w, g), g, n),
            };
            close(&y, &found, &format!("y by {way} of {g:?}"));
            let found = match *way {
                "unfold" => unfold::weight_gradient(&x, &dy, g, n),
                "sparse" => sparse::weight_gradient(&x, &dy, g, n),
                _ => winograd::weight_gradient(&x, &dy, g, n),
            };
            close(&dw, &found, &format!("dw by {way} of {g:?}"));
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
                &["unfold"],
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
            check(&g, n, &["unfold", "winograd", "sparse"]);
        }
    }

    #[test]
    fn spikes_as_bytes_give_the_bits_of_spikes_as_floats() {
        for channels in [5, 16, 40] {
            let g = Geometry {
                in_channels: channels,
                out_channels: 16,
                kernel: 3,
                stride: 1,
                padding: 1,
                height: 6,
                width: 6,
            };
            let bytes: Vec<u8> = random(7 * channels * 36, 4).iter().map(|v| u8::from(*v > 0.2)).collect();
            let floats: Vec<f32> = bytes.iter().map(|&b| f32::from(b)).collect();
            let (w, dy) = (random(16 * g.patch(), 5), random(7 * 16 * 36, 6));
            for (from, from_floats, way) in [
                (sparse::forward(&bytes, &w, &g, 7), sparse::forward(&floats, &w, &g, 7), "sparse"),
                (unfold::forward(&bytes, &w, &g, 7), unfold::forward(&floats, &w, &g, 7), "unfold"),
                (forward(&bytes, &w, &g, 7), forward(&floats, &w, &g, 7), "chosen"),
                (sparse::weight_gradient(&bytes, &dy, &g, 7), sparse::weight_gradient(&floats, &dy, &g, 7), "sparse"),
                (unfold::weight_gradient(&bytes, &dy, &g, 7), unfold::weight_gradient(&floats, &dy, &g, 7), "unfold"),
            ] {
                assert_eq!(from, from_floats, "{way}, {channels} channels");
            }
        }
    }
}
