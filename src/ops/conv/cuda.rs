//! Convolution on a GPU: by the device's own convolutions, or by patches and matrix products.

use crate::ops::Geometry;
use crate::ops::Precision;
use crate::ops::cast::cuda::cast;
use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::{Convolution, Gpu, KernelArguments, LaunchConfig, MatrixProduct, StructLayout, suffix, width};
use candle_core::{DType, Result, Tensor};

/// Bytes of patches that a product takes at a time: few enough that they are still in the device's cache (40 to 60 MB
/// on the GPUs that the kernels are compiled for) when the product reads them.
const PATCHES: usize = 24 << 20;

/// `Geometry` of conv.cu.
fn structure(g: &Geometry) -> StructLayout {
    let sizes = [g.in_channels, g.out_channels, g.kernel, g.stride, g.padding, g.height, g.width];
    sizes.into_iter().chain([g.out_height(), g.out_width()]).fold(StructLayout::new(), StructLayout::i32)
}

/// The weight [O, C, k, k] as [O, k, k, C] of the type that is multiplied.
fn by_patch(gpu: &dyn Gpu, weight: &Tensor, g: &Geometry, dtype: DType) -> Result<Tensor> {
    let w = gpu.alloc_uninit(&[g.out_channels, g.kernel, g.kernel, g.in_channels], dtype)?;
    let arguments =
        KernelArguments::new().pointer(gpu.address(weight)?).structure(structure(g)).pointer(gpu.address(&w)?);
    gpu.launch(&format!("weight_by_patch_{}", suffix(dtype)?), LaunchConfig::over(w.elem_count())?, arguments)?;
    Ok(w)
}

/// Images as they lie, of the type that is multiplied; bytes that become `f32` may wait for the patches to be made.
fn operand(gpu: &dyn Gpu, x: &Tensor, dtype: DType, bytes: bool) -> Result<Tensor> {
    let x = channels_last(x)?;
    if bytes && (x.dtype(), dtype) == (DType::U8, DType::F32) { Ok(x) } else { cast(gpu, &x, dtype) }
}

/// [..., O, H', W'] of `x` [..., C, H, W].
pub fn forward(
    gpu: &dyn Gpu,
    x: &Tensor,
    weight: &Tensor,
    g: &Geometry,
    images: usize,
    precision: Precision,
) -> Result<Tensor> {
    let (dtype, own) = (precision.currents(), gpu.convolutions());
    let (x, w) = (operand(gpu, x, dtype, own.is_none())?, by_patch(gpu, weight, g, dtype)?);
    let lead = x.rank() - 3;
    let y = gpu.alloc_uninit(&[&x.dims()[..lead], &[g.out_height(), g.out_width(), g.out_channels]].concat(), dtype)?;
    let task = Convolution { geometry: g, images, precision };
    if own.map_or(Ok(false), |own| own.forward(&x, &w, &y, &task))? {
        return channels_first(&y);
    }
    let flat = y.flatten_all()?;
    for_chunks(gpu, &x, g, images, dtype, |patches, first, count| {
        let (m, n, k) = (count * g.out_pixels(), g.out_channels, g.patch());
        let c = &flat.narrow(0, first * g.out_pixels() * n, m * n)?;
        let (a, b, a_transposed, b_transposed, accumulate) = (patches, &w, false, true, false);
        gpu.multiply(&MatrixProduct { a, a_transposed, b, b_transposed, c, m, n, k, accumulate, precision })
    })?;
    channels_first(&y)
}

/// [..., C, H, W] of `grad` [..., O, H', W'].
pub fn input_gradient(
    gpu: &dyn Gpu,
    grad: &Tensor,
    weight: &Tensor,
    g: &Geometry,
    images: usize,
    precision: Precision,
) -> Result<Tensor> {
    let dtype = precision.currents();
    let (dy, w) = (operand(gpu, grad, dtype, false)?, by_patch(gpu, weight, g, dtype)?);
    let lead = dy.rank() - 3;
    let dx = gpu.alloc_uninit(&[&dy.dims()[..lead], &[g.height, g.width, g.in_channels]].concat(), dtype)?;
    let task = Convolution { geometry: g, images, precision };
    if gpu.convolutions().map_or(Ok(false), |own| own.input_gradient(&dy, &w, &dx, &task))? {
        return channels_first(&dx);
    }
    let (dy, flat) = (dy.flatten_all()?, dx.flatten_all()?);
    let in_size = g.in_pixels() * g.in_channels;
    let together = images_together(g, DType::F32, images);
    let patches = gpu.alloc_uninit(&[together * g.out_pixels() * g.patch()], DType::F32)?;
    for first in (0..images).step_by(together) {
        let count = together.min(images - first);
        let (m, k) = (count * g.out_pixels(), g.out_channels);
        let a = &dy.narrow(0, first * g.out_pixels() * k, m * k)?;
        let (b, c, n) = (&w, &patches, g.patch());
        let (a_transposed, b_transposed, accumulate) = (false, false, false);
        gpu.multiply(&MatrixProduct { a, a_transposed, b, b_transposed, c, m, n, k, accumulate, precision })?;
        let to = flat.narrow(0, first * in_size, count * in_size)?;
        let arguments = KernelArguments::new()
            .pointer(gpu.address(&patches)?)
            .structure(structure(g))
            .i64(count)
            .pointer(gpu.address(&to)?);
        gpu.launch(&format!("patches_back_{}", suffix(dtype)?), LaunchConfig::over(count * in_size)?, arguments)?;
    }
    channels_first(&dx)
}

/// [O, C, k, k] (`f32`), summed over the sequence; portions of it are added in `f32`.
pub fn weight_gradient(
    gpu: &dyn Gpu,
    x: &Tensor,
    grad: &Tensor,
    g: &Geometry,
    images: usize,
    precision: Precision,
) -> Result<Tensor> {
    let (dtype, own) = (precision.currents(), gpu.convolutions());
    let (x, dy) = (operand(gpu, x, dtype, own.is_none())?, operand(gpu, grad, dtype, false)?);
    let gradient = gpu.alloc_uninit(&[g.out_channels, g.in_channels, g.kernel, g.kernel], DType::F32)?;
    let by_patch = |dtype| gpu.alloc_uninit(&[g.out_channels, g.kernel, g.kernel, g.in_channels], dtype);
    let add = |dw: &Tensor, first: bool| {
        let arguments = KernelArguments::new()
            .pointer(gpu.address(dw)?)
            .structure(structure(g))
            .i32(usize::from(!first))
            .pointer(gpu.address(&gradient)?);
        let kernel = format!("gradient_by_filter_{}", suffix(dw.dtype())?);
        gpu.launch(&kernel, LaunchConfig::over(gradient.elem_count())?, arguments)
    };
    if let Some(own) = own {
        let dw = by_patch(dtype)?;
        let task = Convolution { geometry: g, images, precision };
        if own.weight_gradient(&x, &dy, &dw, &task, &|first| add(&dw, first))? {
            return Ok(gradient);
        }
    }
    let (dw, dy) = (by_patch(DType::F32)?, dy.flatten_all()?);
    for_chunks(gpu, &x, g, images, dtype, |patches, first, count| {
        let (m, n, k) = (g.out_channels, g.patch(), count * g.out_pixels());
        let a = &dy.narrow(0, first * g.out_pixels() * m, k * m)?;
        let (b, c, accumulate, a_transposed, b_transposed) = (patches, &dw, first > 0, true, false);
        gpu.multiply(&MatrixProduct { a, a_transposed, b, b_transposed, c, m, n, k, accumulate, precision })
    })?;
    add(&dw, true)?;
    Ok(gradient)
}

/// How many images' patches fit into the room for them.
fn images_together(g: &Geometry, dtype: DType, images: usize) -> usize {
    let bytes = g.out_pixels() * g.patch() * dtype.size_in_bytes();
    (PATCHES / bytes.max(1)).clamp(1, images.max(1))
}

/// Calls `work(patches, first image, images)` for a few images at a time.
fn for_chunks(
    gpu: &dyn Gpu,
    x: &Tensor,
    g: &Geometry,
    images: usize,
    dtype: DType,
    work: impl Fn(&Tensor, usize, usize) -> Result<()>,
) -> Result<()> {
    let (x, in_size) = (x.flatten_all()?, g.in_pixels() * g.in_channels);
    let together = images_together(g, dtype, images);
    let patches = gpu.alloc_uninit(&[together * g.out_pixels() * g.patch()], dtype)?;
    let addresses = [(gpu.address(&x)?, x.dtype()), (gpu.address(&patches)?, dtype)];
    let n = width(if dtype == DType::BF16 { 8 } else { 4 }, &[g.in_channels], &addresses);
    let kernel = format!("patches_{}_{}_x{n}", suffix(x.dtype())?, suffix(dtype)?);
    for first in (0..images).step_by(together) {
        let count = together.min(images - first);
        let from = x.narrow(0, first * in_size, count * in_size)?;
        let arguments = KernelArguments::new()
            .pointer(gpu.address(&from)?)
            .structure(structure(g))
            .i64(count)
            .pointer(gpu.address(&patches)?);
        gpu.launch(&kernel, LaunchConfig::over(count * g.out_pixels() * g.patch() / n)?, arguments)?;
        work(&patches, first, count)?;
    }
    Ok(())
}
