//! Matrix products by cuBLAS.

use super::{Gpu, MatrixProduct};
use crate::ops::Precision;
use candle_core::cuda_backend::cudarc::cublas::{CudaBlas, result, sys};
use candle_core::{DType, Result, bail};

/// cuBLAS stores by columns: the product of the transposes, in the other order, is the transpose that we store by rows.
pub fn multiply(gpu: &dyn Gpu, blas: &CudaBlas, p: &MatrixProduct<'_>) -> Result<()> {
    let operation = |transposed| match transposed {
        true => sys::cublasOperation_t::CUBLAS_OP_T,
        false => sys::cublasOperation_t::CUBLAS_OP_N,
    };
    let of_type = |dtype| match dtype {
        DType::F32 => Ok(sys::cudaDataType_t::CUDA_R_32F),
        DType::BF16 => Ok(sys::cudaDataType_t::CUDA_R_16BF),
        other => bail!("matrix product: expected f32 or bf16, found {other:?}"),
    };
    if p.a.dtype() != p.b.dtype() {
        bail!("matrix product: {:?} times {:?}", p.a.dtype(), p.b.dtype())
    }
    if p.a.elem_count() < p.m * p.k || p.b.elem_count() < p.k * p.n || p.c.elem_count() < p.m * p.n {
        bail!("matrix product: too few elements for {} x {} by {} x {}", p.m, p.k, p.k, p.n)
    }
    let compute = match p.precision {
        Precision::Tf32 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
        Precision::F32 | Precision::Bf16 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
    };
    let size = |size: usize| match i32::try_from(size) {
        Ok(size) => Ok(size),
        Err(_) => bail!("matrix product: a size of {size} is too large: use a smaller batch or fewer time-steps"),
    };
    let (m, n, k) = (size(p.m)?, size(p.n)?, size(p.k)?);
    let (alpha, beta) = (1f32, if p.accumulate { 1f32 } else { 0f32 });
    let (row_of_a, row_of_b) = (if p.a_transposed { m } else { k }, if p.b_transposed { k } else { n });
    let (a, b, c) = (gpu.address(p.a)?, gpu.address(p.b)?, gpu.address(p.c)?);
    // SAFETY: the sizes were compared with the tensors' above, addresses are of tensors that live through this call and
    // whose memory is freed on the same stream; alpha and beta are read before the call returns.
    let multiplied = unsafe {
        result::gemm_ex(
            *blas.handle(),
            operation(p.b_transposed),
            operation(p.a_transposed),
            n,
            m,
            k,
            (&raw const alpha).cast(),
            b as *const _,
            of_type(p.b.dtype())?,
            row_of_b,
            a as *const _,
            of_type(p.a.dtype())?,
            row_of_a,
            (&raw const beta).cast(),
            c as *mut _,
            of_type(p.c.dtype())?,
            n,
            compute,
            sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
        )
    };
    multiplied.map_err(candle_core::Error::wrap)
}
