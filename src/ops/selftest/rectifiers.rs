//! Cases: rectified linear units.

use super::{Checks, SEQUENCES, rounded, values};
use crate::ops::channels_last::channels_last;
use crate::ops::relu;
use candle_core::{DType, Result};

pub fn check(checks: &mut Checks<'_>) -> Result<()> {
    for (shape, _) in SEQUENCES {
        for dtype in [DType::F32, DType::BF16] {
            let case = format!("{shape:?}");
            let (x, grad) = (values(shape, 1)?.to_dtype(dtype)?, values(shape, 2)?.to_dtype(dtype)?);
            let (y, active) = relu::forward(&rounded(&x, dtype)?)?;
            let dx = relu::gradient(&rounded(&grad, dtype)?, &active)?;
            let (found, places) = relu::cuda::forward(checks.gpu, &checks.sent(&x)?)?;
            checks.same("relu", &case, &channels_last(&y)?, &channels_last(&found)?)?;
            checks.same("relu, places", &case, &channels_last(&active)?, &channels_last(&places)?)?;
            let found = relu::cuda::gradient(checks.gpu, &checks.sent(&grad)?, &places)?;
            checks.same("relu gradient", &case, &channels_last(&dx)?, &channels_last(&found)?)?;
        }
    }
    Ok(())
}
