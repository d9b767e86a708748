//! Cases: convolutions, linear layers, biases, flatten.

use super::{Checks, rounded, values};
use crate::ops::{Geometry, conv};
use crate::ops::{Precision, bias, flatten, linear};
use candle_core::{DType, Result};

/// Every precision, and how far results may lie apart in it.
const PRECISIONS: [(Precision, f32); 3] = [(Precision::F32, 1e-5), (Precision::Tf32, 5e-3), (Precision::Bf16, 2e-2)];

/// Kernel, stride, padding, height, width, channels in and out.
const CONVOLUTIONS: [(usize, usize, usize, usize, usize, usize, usize); 7] = [
    (3, 1, 1, 5, 7, 3, 4),
    (3, 1, 1, 4, 4, 16, 8),
    (3, 1, 1, 8, 8, 64, 128),
    (1, 1, 0, 3, 3, 8, 5),
    (5, 2, 2, 9, 8, 2, 3),
    (2, 2, 0, 7, 5, 4, 4),
    (3, 3, 2, 4, 4, 8, 16),
];

pub fn check_convolutions(checks: &mut Checks<'_>) -> Result<()> {
    for (kernel, stride, padding, height, width, in_channels, out_channels) in CONVOLUTIONS {
        let g = Geometry { in_channels, out_channels, kernel, stride, padding, height, width };
        for (precision, within) in PRECISIONS {
            convolution(checks, &g, precision, within)?;
        }
    }
    Ok(())
}

fn convolution(checks: &mut Checks<'_>, g: &Geometry, precision: Precision, within: f32) -> Result<()> {
    let (dtype, n) = (precision.currents(), 6);
    let shape = [2, 3, g.in_channels, g.height, g.width];
    let spikes = values(&shape, 1)?.gt(0.5)?.to_dtype(precision.spikes())?;
    for x in [values(&shape, 2)?.to_dtype(dtype)?, spikes] {
        let case = format!("{precision:?} {g:?}, {:?} input", x.dtype());
        let exact = if x.dtype() == DType::U8 { x.clone() } else { rounded(&x, DType::F32)? };
        let weight = values(&[g.out_channels, g.in_channels, g.kernel, g.kernel], 3)?;
        let exact_weight = rounded(&weight, dtype)?;
        let (x, weight) = (checks.sent(&x)?, checks.sent(&weight)?);

        let y = conv::forward(&exact, &exact_weight, g, Precision::F32)?;
        let found = checks.twice("convolution", &case, |gpu| conv::cuda::forward(gpu, &x, &weight, g, n, precision))?;
        checks.close("convolution", &case, within, &y, &found)?;

        let grad = values(y.dims(), 4)?.to_dtype(dtype)?;
        let (exact_grad, grad) = (rounded(&grad, DType::F32)?, checks.sent(&grad)?);
        let dx = conv::input_gradient(&exact_grad, &exact_weight, g, Precision::F32)?;
        let found = checks.twice("convolution, input gradient", &case, |gpu| {
            conv::cuda::input_gradient(gpu, &grad, &weight, g, n, precision)
        })?;
        checks.close("convolution, input gradient", &case, within, &dx, &found)?;
        let dw = conv::weight_gradient(&exact, &exact_grad, g, Precision::F32)?;
        let found = checks.twice("convolution, weight gradient", &case, |gpu| {
            conv::cuda::weight_gradient(gpu, &x, &grad, g, n, precision)
        })?;
        checks.close("convolution, weight gradient", &case, within, &dw, &found)?;
    }
    Ok(())
}

pub fn check_linear_layers(checks: &mut Checks<'_>) -> Result<()> {
    for (features, outputs) in [(20, 7), (256, 64), (1, 1)] {
        let s = linear::ProductSizes { n: 6, features, outputs };
        let (x, weight) = (values(&[2, 3, features], 1)?, values(&[outputs, features], 2)?);
        let grad = values(&[2, 3, outputs], 3)?;
        for (precision, within) in PRECISIONS {
            let case = format!("{precision:?} {s:?}");
            let exact = |x: &candle_core::Tensor| rounded(x, precision.currents());
            let (exact_x, exact_weight, exact_grad) = (exact(&x)?, exact(&weight)?, exact(&grad)?);
            let (x, weight, grad) = (checks.sent(&x)?, checks.sent(&weight)?, checks.sent(&grad)?);
            let y = linear::forward(&exact_x, &exact_weight, Precision::F32)?;
            let found = linear::cuda::forward(checks.gpu, &x, &weight, s, y.dims(), precision)?;
            checks.close("linear", &case, within, &y, &found)?;
            let dx = linear::input_gradient(&exact_grad, &exact_weight, Precision::F32)?;
            let found = linear::cuda::input_gradient(checks.gpu, &grad, &weight, s, dx.dims(), precision)?;
            checks.close("linear, input gradient", &case, within, &dx, &found)?;
            let dw = linear::weight_gradient(&exact_x, &exact_grad, Precision::F32)?;
            let found = checks.twice("linear, weight gradient", &case, |gpu| {
                linear::cuda::weight_gradient(gpu, &x, &grad, s, precision)
            })?;
            checks.close("linear, weight gradient", &case, within, &dw, &found)?;
        }
    }
    Ok(())
}

/// Biases, and images as vectors.
pub fn check_vectors(checks: &mut Checks<'_>) -> Result<()> {
    let shape = [2, 3, 5, 4, 3];
    let (images, numbers) = (values(&shape, 4)?, values(&[5], 5)?);
    let (sent, sent_numbers) = (checks.sent(&images)?, checks.sent(&numbers)?);
    checks.same("bias", "", &bias::add(&images, &numbers)?, &bias::cuda::add(checks.gpu, &sent, &sent_numbers)?)?;
    let found = bias::cuda::gradient(checks.gpu, &sent, 5)?;
    checks.close("bias gradient", "", 1e-6, &bias::gradient(&images, 5)?, &found)?;
    for dtype in [DType::U8, DType::F32, DType::BF16] {
        let images = (values(&shape, 4)? * 100.0)?.abs()?.to_dtype(dtype)?;
        let sent = checks.sent(&images)?;
        let vectors = flatten::cuda::forward(checks.gpu, &sent, &[2, 3, 60], 5, 12)?;
        checks.same("flatten", "", &images.flatten_from(2)?, &vectors)?;
        let back = flatten::cuda::gradient(checks.gpu, &vectors, images.dims(), 5, 12)?;
        checks.same("flatten gradient", "", &images, &back)?;
    }
    Ok(())
}
