//! Cases: average and max pooling.

use super::{Checks, rounded, values};
use crate::ops::pool::{self, Planes};
use candle_core::{DType, Result};

pub fn check(checks: &mut Checks<'_>) -> Result<()> {
    for (shape, window) in [([2, 3, 8, 4, 6], (2, 2)), ([1, 2, 5, 7, 5], (3, 2)), ([2, 2, 16, 3, 3], (3, 3))] {
        let planes = Planes::from_shape(&shape, window)?;
        for dtype in [DType::U8, DType::F32, DType::BF16] {
            let case = format!("{shape:?}, window {window:?}");
            let x = (values(&shape, 1)? * 4.0)?.abs()?.to_dtype(dtype)?;
            let exact = if dtype == DType::U8 { x.clone() } else { rounded(&x, dtype)? };
            let x = checks.sent(&x)?;
            let found = pool::cuda::average(checks.gpu, &x, &planes)?;
            checks.close("average pool", &case, 5e-3, &pool::average(&exact, window)?, &found)?;
            let ((y, places), (found, found_places)) =
                (pool::max(&exact, window)?, pool::cuda::max(checks.gpu, &x, &planes)?);
            checks.same("max pool", &case, &y, &found)?;
            checks.same("max pool, places", &case, &places, &found_places)?;
            if dtype == DType::U8 {
                continue;
            }
            let grad = values(y.dims(), 2)?.to_dtype(dtype)?;
            let (exact, grad) = (rounded(&grad, dtype)?, checks.sent(&grad)?);
            let found = pool::cuda::average_gradient(checks.gpu, &grad, &shape, &planes)?;
            checks.close(
                "average pool gradient",
                &case,
                5e-3,
                &pool::average_gradient(&exact, &shape, window)?,
                &found,
            )?;
            let found = pool::cuda::max_gradient(checks.gpu, &grad, &found_places, &shape, &planes)?;
            checks.same("max pool gradient", &case, &pool::max_gradient(&exact, &places, &shape, window)?, &found)?;
        }
    }
    Ok(())
}
