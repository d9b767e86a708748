//! The product of a sequence with a weight matrix.
//!
//! Y = X W^T, with X [N, F] spikes or values, W [O, F], Y [N, O]. Gradients: dX = dY W, dW = dY^T X.

use super::product::{Matrix, multiply_parallel};
use super::values::{Input, input, values};
use super::{fold, no_kernel};
use candle_core::{Device, Result, Tensor};

/// `x` [..., F] times `weight` [O, F] transposed: [..., O].
pub fn forward(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (n, features, outputs) = sizes(x, weight)?;
    match x.device() {
        Device::Cpu => {
            let (x_values, w) = (input(x)?, values::<f32>(weight)?);
            let floats = as_floats(&x_values);
            // Rows of W rather than of X are divided among threads: there are more of them in every network we know.
            let y = multiply_parallel((outputs, n, features), Matrix::rows(&w, features), {
                Matrix::rows(&floats, features).transposed()
            });
            let mut shape = x.dims().to_vec();
            shape.pop();
            Tensor::from_vec(y, (outputs, n), x.device())?.t()?.contiguous()?.reshape([shape, vec![outputs]].concat())
        }
        device => no_kernel("linear", device),
    }
}

/// The input's gradient [..., F] from the output's, `grad` [..., O].
pub fn input_gradient(grad: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (outputs, features) = weight.dims2()?;
    let (n, _) = fold(grad, 1)?;
    match grad.device() {
        Device::Cpu => {
            let (g, w) = (values::<f32>(grad)?, values::<f32>(weight)?);
            let x = multiply_parallel((n, features, outputs), Matrix::rows(&g, outputs), Matrix::rows(&w, features));
            let mut shape = grad.dims().to_vec();
            shape.pop();
            shape.push(features);
            Tensor::from_vec(x, shape, grad.device())
        }
        device => no_kernel("linear", device),
    }
}

/// The weight's gradient [O, F], summed over the sequence.
pub fn weight_gradient(x: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let ((n, f), (_, o)) = (fold(x, 1)?, fold(grad, 1)?);
    let (features, outputs) = (f[0], o[0]);
    match grad.device() {
        Device::Cpu => {
            let (x_values, g) = (input(x)?, values::<f32>(grad)?);
            let floats = as_floats(&x_values);
            let (g, x) = (Matrix::rows(&g, outputs).transposed(), Matrix::rows(&floats, features));
            let dw = multiply_parallel((outputs, features, n), g, x);
            Tensor::from_vec(dw, (outputs, features), grad.device())
        }
        device => no_kernel("linear", device),
    }
}

fn sizes(x: &Tensor, weight: &Tensor) -> Result<(usize, usize, usize)> {
    let (outputs, features) = weight.dims2()?;
    let (n, item) = fold(x, 1)?;
    if item != [features] {
        candle_core::bail!("linear: expected {features} features, found {:?}", x.dims())
    }
    Ok((n, features, outputs))
}

fn as_floats<'a>(x: &'a Input<'_>) -> std::borrow::Cow<'a, [f32]> {
    match x {
        Input::Floats(values) => (&**values).into(),
        Input::Spikes(spikes) => spikes.iter().map(|&s| f32::from(s)).collect::<Vec<_>>().into(),
    }
}
