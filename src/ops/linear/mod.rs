//! The product of a sequence with a weight matrix.
//!
//! Y = X W^T, with X [N, F] spikes or values, W [O, F], Y [N, O]. Gradients: dX = dY W, dW = dY^T X.

mod cpu;
pub mod cuda;

use super::values::{SequenceValues, input, values};
use super::{Precision, fold, gpu};
use candle_core::{Device, Result, Tensor, bail};
pub use cpu::{LinearAlgorithm, ProductSizes};

/// `x` [..., F] times `weight` [O, F] transposed: [..., O].
pub fn forward(x: &Tensor, weight: &Tensor, precision: Precision) -> Result<Tensor> {
    forward_by(None, x, weight, precision)
}

/// The same, on the CPU by a given way or by the faster.
pub fn forward_by(
    algorithm: Option<LinearAlgorithm>,
    x: &Tensor,
    weight: &Tensor,
    precision: Precision,
) -> Result<Tensor> {
    let s = sizes(x, weight, 1)?;
    match x.device() {
        Device::Cpu => {
            let (tensor, w) = (x.contiguous()?, values::<f32>(weight)?);
            let y = match input(&tensor)? {
                SequenceValues::Floats(x) => cpu::forward(&x, &w, s, algorithm),
                SequenceValues::Spikes(x) => cpu::forward(&x, &w, s, algorithm),
            };
            Tensor::from_vec(y, with_last(x, s.outputs), x.device())
        }
        device => cuda::forward(&*gpu::for_device(device)?, x, weight, s, &with_last(x, s.outputs), precision),
    }
}

/// The input's gradient [..., F] from the output's, `grad` [..., O].
pub fn input_gradient(grad: &Tensor, weight: &Tensor, precision: Precision) -> Result<Tensor> {
    let s = sizes(grad, weight, 0)?;
    match grad.device() {
        Device::Cpu => {
            let dx = cpu::input_gradient(&values(&grad.contiguous()?)?, &values(weight)?, s);
            Tensor::from_vec(dx, with_last(grad, s.features), grad.device())
        }
        device => {
            cuda::input_gradient(&*gpu::for_device(device)?, grad, weight, s, &with_last(grad, s.features), precision)
        }
    }
}

/// The weight's gradient [O, F], summed over the sequence.
pub fn weight_gradient(x: &Tensor, grad: &Tensor, precision: Precision) -> Result<Tensor> {
    weight_gradient_by(None, x, grad, precision)
}

/// The same, on the CPU by a given way or by the faster.
pub fn weight_gradient_by(
    algorithm: Option<LinearAlgorithm>,
    x: &Tensor,
    grad: &Tensor,
    precision: Precision,
) -> Result<Tensor> {
    let ((n, features), (rows, outputs)) = (fold(x, 1)?, fold(grad, 1)?);
    if n != rows {
        bail!("linear: {:?} features with gradients of {:?}", x.dims(), grad.dims())
    }
    let s = ProductSizes { n, features: features[0], outputs: outputs[0] };
    match grad.device() {
        Device::Cpu => {
            let (x, grad) = (x.contiguous()?, grad.contiguous()?);
            let dy = values::<f32>(&grad)?;
            let dw = match input(&x)? {
                SequenceValues::Floats(x) => cpu::weight_gradient(&x, &dy, s, algorithm),
                SequenceValues::Spikes(x) => cpu::weight_gradient(&x, &dy, s, algorithm),
            };
            Tensor::from_vec(dw, (s.outputs, s.features), grad.device())
        }
        device => cuda::weight_gradient(&*gpu::for_device(device)?, x, grad, s, precision),
    }
}

/// The sizes of a product whose sequence `x` has the weight's dimension `dim` as its last.
fn sizes(x: &Tensor, weight: &Tensor, dim: usize) -> Result<ProductSizes> {
    let (outputs, features) = weight.dims2()?;
    let (n, item) = fold(x, 1)?;
    if item != [[outputs, features][dim]] {
        bail!("linear: expected [..., {}], found {:?}", [outputs, features][dim], x.dims())
    }
    Ok(ProductSizes { n, features, outputs })
}

fn with_last(x: &Tensor, last: usize) -> Vec<usize> {
    let lead = x.rank() - 1;
    [&x.dims()[..lead], &[last]].concat()
}
