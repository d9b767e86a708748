//! The launch of the casts' kernels, which take more elements than 32 bits count.

use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, suffix, width};
use candle_core::{DType, Result, Tensor};

/// `x`, contiguous, as `dtype`; itself where it is of that type.
pub(in crate::ops) fn cast(gpu: &dyn Gpu, x: &Tensor, dtype: DType) -> Result<Tensor> {
    if x.dtype() == dtype {
        return Ok(x.clone());
    }
    let y = gpu.alloc_uninit(x.dims(), dtype)?;
    let most = if (x.dtype(), dtype) == (DType::U8, DType::BF16) { 8 } else { 4 };
    let (from, to, elements) = (gpu.address(x)?, gpu.address(&y)?, x.elem_count());
    let n = width(most, &[elements], &[(from, x.dtype()), (to, dtype)]);
    let kernel = format!("convert_{}_{}_x{n}", suffix(x.dtype())?, suffix(dtype)?);
    let arguments = KernelArguments::new().pointer(from).i64(elements).pointer(to);
    gpu.launch(&kernel, LaunchConfig::over(elements / n)?, arguments)?;
    Ok(y)
}
