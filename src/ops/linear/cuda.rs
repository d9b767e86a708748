//! The products of a linear layer on a GPU. What goes in is turned into the type that is multiplied, what comes out is
//! `f32`.

use super::cpu::ProductSizes;
use crate::ops::Precision;
use crate::ops::cast::cuda::cast;
use crate::ops::channels_last::in_order;
use crate::ops::gpu::{Gpu, MatrixProduct};
use candle_core::{DType, Result, Tensor};

/// Y [..., O] = X W^T.
pub fn forward(
    gpu: &dyn Gpu,
    x: &Tensor,
    weight: &Tensor,
    s: ProductSizes,
    shape: &[usize],
    precision: Precision,
) -> Result<Tensor> {
    let ProductSizes { n: m, features: k, outputs: n } = s;
    let (a, b) = (&operand(gpu, x, precision)?, &operand(gpu, weight, precision)?);
    let y = gpu.alloc_uninit(shape, DType::F32)?;
    let (a_transposed, b_transposed, accumulate) = (false, true, false);
    gpu.multiply(&MatrixProduct { a, a_transposed, b, b_transposed, c: &y, m, n, k, accumulate, precision })?;
    Ok(y)
}

/// dX [..., F] = dY W.
pub fn input_gradient(
    gpu: &dyn Gpu,
    grad: &Tensor,
    weight: &Tensor,
    s: ProductSizes,
    shape: &[usize],
    precision: Precision,
) -> Result<Tensor> {
    let ProductSizes { n: m, features: n, outputs: k } = s;
    let (a, b) = (&operand(gpu, grad, precision)?, &operand(gpu, weight, precision)?);
    let dx = gpu.alloc_uninit(shape, DType::F32)?;
    let (a_transposed, b_transposed, accumulate) = (false, false, false);
    gpu.multiply(&MatrixProduct { a, a_transposed, b, b_transposed, c: &dx, m, n, k, accumulate, precision })?;
    Ok(dx)
}

/// dW [O, F] = dY^T X.
pub fn weight_gradient(
    gpu: &dyn Gpu,
    x: &Tensor,
    grad: &Tensor,
    s: ProductSizes,
    precision: Precision,
) -> Result<Tensor> {
    let ProductSizes { n: k, features: n, outputs: m } = s;
    let (a, b) = (&operand(gpu, grad, precision)?, &operand(gpu, x, precision)?);
    let dw = gpu.alloc_uninit(&[m, n], DType::F32)?;
    let (a_transposed, b_transposed, accumulate) = (true, false, false);
    gpu.multiply(&MatrixProduct { a, a_transposed, b, b_transposed, c: &dw, m, n, k, accumulate, precision })?;
    Ok(dw)
}

fn operand(gpu: &dyn Gpu, x: &Tensor, precision: Precision) -> Result<Tensor> {
    cast(gpu, &in_order(x)?, precision.currents())
}
