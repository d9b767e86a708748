//! Two-dimensional convolution (cross-correlation) of a sequence.
//!
//! Y[n, o, y, x] = sum over c, i, j of X[n, c, s y + i - p, s x + j - p] W[o, c, i, j], zero outside the image, with
//! kernel k, stride s and padding p; X [N, C, H, W] spikes or values, W [O, C, k, k], Y [N, O, H', W'] with
//! H' = (H + 2 p - k) / s + 1, rounded down. Gradients are those of this sum; nothing is detached.

mod cpu;
pub mod cuda;
mod groups;

pub use cpu::{Algorithm, algorithms as cpu_algorithms};
pub use groups::GroupedGeometry;

use super::Geometry;
use super::channels_last::{channels_last, from_channels_last};
use super::values::{SequenceValues, input, values};
use super::{Precision, fold, gpu};
use candle_core::{Device, Result, Tensor, bail};

/// The convolution of `x` [..., C, H, W] with `weight` [O, C, k, k]: [..., O, H', W'].
pub fn forward(x: &Tensor, weight: &Tensor, geometry: &Geometry, precision: Precision) -> Result<Tensor> {
    forward_by(None, x, weight, geometry, precision)
}

/// The same, on the CPU by a given way or by the fastest.
pub fn forward_by(
    algorithm: Option<Algorithm>,
    x: &Tensor,
    weight: &Tensor,
    geometry: &Geometry,
    precision: Precision,
) -> Result<Tensor> {
    let g = geometry;
    let n = images(x, [g.in_channels, g.height, g.width])?;
    let shape = with_item(x, [g.out_channels, g.out_height(), g.out_width()]);
    match x.device() {
        Device::Cpu => {
            let (x, w) = (channels_last(x)?, values::<f32>(weight)?);
            let y = match input(&x)? {
                SequenceValues::Floats(x) => cpu::forward(&x, &w, g, n, algorithm),
                SequenceValues::Spikes(x) => cpu::forward(&x, &w, g, n, algorithm),
            };
            from_channels_last(y, &shape, &x)
        }
        device => cuda::forward(&*gpu::for_device(device)?, x, weight, g, n, precision),
    }
}

/// The input's gradient [..., C, H, W] from the output's, `grad` [..., O, H', W'].
pub fn input_gradient(grad: &Tensor, weight: &Tensor, geometry: &Geometry, precision: Precision) -> Result<Tensor> {
    let g = geometry;
    let n = images(grad, [g.out_channels, g.out_height(), g.out_width()])?;
    let shape = with_item(grad, [g.in_channels, g.height, g.width]);
    match grad.device() {
        Device::Cpu => {
            let grad = channels_last(grad)?;
            let dx = cpu::input_gradient(&values(&grad)?, &values(weight)?, g, n);
            from_channels_last(dx, &shape, &grad)
        }
        device => cuda::input_gradient(&*gpu::for_device(device)?, grad, weight, g, n, precision),
    }
}

/// The weight's gradient [O, C, k, k], summed over the sequence.
pub fn weight_gradient(x: &Tensor, grad: &Tensor, geometry: &Geometry, precision: Precision) -> Result<Tensor> {
    weight_gradient_by(None, x, grad, geometry, precision)
}

/// The same, on the CPU by a given way or by the fastest.
pub fn weight_gradient_by(
    algorithm: Option<Algorithm>,
    x: &Tensor,
    grad: &Tensor,
    geometry: &Geometry,
    precision: Precision,
) -> Result<Tensor> {
    let g = geometry;
    let n = images(x, [g.in_channels, g.height, g.width])?;
    if images(grad, [g.out_channels, g.out_height(), g.out_width()])? != n {
        bail!("conv: {:?} images with gradients of {:?}", x.dims(), grad.dims())
    }
    match grad.device() {
        Device::Cpu => {
            let (x, grad) = (channels_last(x)?, channels_last(grad)?);
            let dy = values::<f32>(&grad)?;
            let dw = match input(&x)? {
                SequenceValues::Floats(x) => cpu::weight_gradient(&x, &dy, g, n, algorithm),
                SequenceValues::Spikes(x) => cpu::weight_gradient(&x, &dy, g, n, algorithm),
            };
            Tensor::from_vec(dw, (g.out_channels, g.in_channels, g.kernel, g.kernel), grad.device())
        }
        device => cuda::weight_gradient(&*gpu::for_device(device)?, x, grad, g, n, precision),
    }
}

/// The number of images in `x`, whose last dimensions must be `item`.
fn images(x: &Tensor, item: [usize; 3]) -> Result<usize> {
    let (n, found) = fold(x, 3)?;
    if found != item || x.rank() == 3 {
        bail!("conv: expected [..., {item:?}], found {:?}", x.dims())
    }
    Ok(n)
}

fn with_item(x: &Tensor, item: [usize; 3]) -> Vec<usize> {
    let lead = x.rank() - 3;
    [&x.dims()[..lead], &item].concat()
}
