//! What the ops ask of a GPU: memory, launches of their kernels, matrix products and convolutions.
//!
//! An op's `cuda.rs` says which of its kernels (`<op>.cu`) runs over which grid with which arguments, in terms of
//! [`Gpu`] and of tensors that lie where it computes. In a build with the `cuda` feature `device` is a real one. The
//! tests bring another one, on which tensors lie in ordinary memory and the same kernels, compiled for the host, run a
//! thread after the other: so that grids, arguments and arithmetic are checked on machines without a GPU.

mod arguments;
mod grid;

#[cfg(feature = "cuda")]
mod blas;
#[cfg(feature = "cudnn")]
mod cudnn;
#[cfg(feature = "cuda")]
pub mod device;
#[cfg(feature = "cuda")]
mod libraries;
#[cfg(feature = "cuda")]
mod memory_pool;
#[cfg(feature = "cuda")]
mod modules;
#[cfg(feature = "cuda")]
pub mod opening;
#[cfg(feature = "cuda")]
mod upload;

pub use arguments::{KernelArguments, StructLayout};
pub use grid::{LaunchConfig, THREADS, width};

use super::{Geometry, Precision};
use candle_core::{DType, Device, Result, Tensor, bail};

/// A device that runs kernels. Everything it is asked for happens in the order in which it was asked; nothing is waited
/// for.
pub trait Gpu: Sync {
    /// Where tensors lie that it computes on.
    fn device(&self) -> &Device;

    /// The address of a contiguous tensor's first element.
    fn address(&self, tensor: &Tensor) -> Result<u64>;

    /// The most bytes that the threads of a block may share.
    fn most_shared(&self) -> usize;

    /// A tensor whose elements are unspecified.
    fn alloc_uninit(&self, shape: &[usize], dtype: DType) -> Result<Tensor>;

    /// A tensor of zeros.
    fn zeros(&self, shape: &[usize], dtype: DType) -> Result<Tensor>;

    /// Runs a kernel. Every pointer among the arguments must be an address of this device with as much memory behind it
    /// as the kernel reaches over this grid.
    fn launch(&self, kernel: &str, grid: LaunchConfig, arguments: KernelArguments) -> Result<()>;

    /// A matrix product.
    fn multiply(&self, product: &MatrixProduct<'_>) -> Result<()>;

    /// Convolutions of its own that are faster than patches and products.
    fn convolutions(&self) -> Option<&dyn Convolutions> {
        None
    }
}

/// C = A B, or C += A B, all stored by rows: A [m, k], or [k, m] when `a_transposed`; B [k, n], or [n, k]; C [m, n]. A
/// and B have one type, `f32` or `bf16`; C is `f32` or of their type. Sums are in single precision, products of `f32`
/// in what `precision` says.
pub struct MatrixProduct<'a> {
    pub a: &'a Tensor,
    pub a_transposed: bool,
    pub b: &'a Tensor,
    pub b_transposed: bool,
    pub c: &'a Tensor,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub accumulate: bool,
    pub precision: Precision,
}

/// Convolutions on images whose channels lie side by side, with weights [O, k, k, C] of the images' type. Each says
/// whether it was computed: a library may have no way for a shape that keeps the precision, repeats its bits and fits
/// the memory. Where it says no, what was written is unspecified.
pub trait Convolutions {
    /// Y [n, H', W', O] of X [n, H, W, C].
    fn forward(&self, x: &Tensor, w: &Tensor, y: &Tensor, task: &Convolution<'_>) -> Result<bool>;

    /// dX of dY.
    fn input_gradient(&self, dy: &Tensor, w: &Tensor, dx: &Tensor, task: &Convolution<'_>) -> Result<bool>;

    /// dW [O, k, k, C] of X and dY, of their type, for a portion of the images at a time: after each, `add` is called,
    /// with whether it was the first, to add `dw` to the sum.
    fn weight_gradient(
        &self,
        x: &Tensor,
        dy: &Tensor,
        dw: &Tensor,
        task: &Convolution<'_>,
        add: &dyn Fn(bool) -> Result<()>,
    ) -> Result<bool>;

    /// Whether all three would be computed.
    fn computes(&self, task: &Convolution<'_>) -> Result<bool>;
}

/// The sizes of a convolution, and how exactly it multiplies.
pub struct Convolution<'a> {
    pub geometry: &'a Geometry,
    pub images: usize,
    pub precision: Precision,
}

/// By what a convolution is computed on `device`; where that cannot be asked, by what it would be in this build.
pub fn convolution_on(device: Option<&Device>, task: &Convolution<'_>) -> &'static str {
    let expected = if cfg!(feature = "cudnn") { "cuDNN" } else { PATCHES };
    let asked = device.map(|device| {
        Ok::<_, candle_core::Error>(match for_device(device)?.convolutions() {
            Some(own) if own.computes(task)? => "cuDNN",
            _ => PATCHES,
        })
    });
    asked.and_then(Result::ok).unwrap_or(expected)
}

const PATCHES: &str = "patches, cuBLAS";

/// The GPU that a tensor's device is.
#[cfg(feature = "cuda")]
pub fn for_device(device: &Device) -> Result<std::sync::Arc<device::Cuda>> {
    opening::open_device(device)
}

/// The GPU that a tensor's device is: in this build there is none.
#[cfg(not(feature = "cuda"))]
pub fn for_device(device: &Device) -> Result<Box<dyn Gpu>> {
    bail!("{:?} is not the CPU, and this build of bntt has no GPU kernels", device.location())
}

/// The name of a type in kernels' names.
pub fn suffix(dtype: DType) -> Result<&'static str> {
    match dtype {
        DType::U8 => Ok("u8"),
        DType::F32 => Ok("f32"),
        DType::BF16 => Ok("bf16"),
        other => bail!("GPU kernels work on u8, f32 and bf16, found {other:?}"),
    }
}
