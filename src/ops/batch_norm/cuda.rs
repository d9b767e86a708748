//! Launches of the batch norm kernels.

use super::{Gradients, Groups, Normalization, Statistics};
use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, StructLayout, THREADS, suffix, width};
use crate::ops::sequence::ChannelsLast;
use candle_core::{DType, Result, Tensor};

/// Rows that a chunk has at least, for each row that its block takes at a time.
const ROWS: usize = 16;
/// Chunks of a group at most: what one thread adds in the end.
const CHUNKS: usize = 256;

/// How many neighbours a thread takes of this type.
fn neighbours(dtype: DType, channels: usize) -> usize {
    width(if dtype == DType::BF16 { 8 } else { 4 }, &[channels])
}

/// `Rows` of batch_norm.cu, its grid and the number of chunks.
struct RowLaunch {
    structure: StructLayout,
    grid: LaunchConfig,
    chunks: usize,
    n: usize,
}

impl RowLaunch {
    fn new(dtype: DType, g: &Groups) -> Result<Self> {
        let n = neighbours(dtype, g.channels);
        let vectors = g.channels / n;
        let lanes = vectors.clamp(1, THREADS);
        let at_a_time = THREADS / lanes;
        let per_chunk = g.count().div_ceil(CHUNKS).max(at_a_time * ROWS);
        let chunks = g.count().div_ceil(per_chunk).max(1);
        let structure = StructLayout::new().i64(g.count()).i32(per_chunk).i32(chunks).i32(g.channels).i32(lanes);
        let tiles = vectors.div_ceil(lanes);
        let grid =
            LaunchConfig { blocks: [chunks as u32, tiles as u32, g.groups as u32], ..LaunchConfig::block(THREADS) };
        Ok(Self { structure, grid: grid.shared(2 * n * size_of::<f32>()), chunks, n })
    }

    /// Room for two numbers of every chunk and channel.
    fn parts(&self, gpu: &dyn Gpu, g: &Groups) -> Result<Tensor> {
        gpu.alloc_uninit(&[g.groups, self.chunks, g.channels, 2], DType::F32)
    }
}

/// Mean and biased variance [G, C].
pub fn statistics(gpu: &dyn Gpu, x: &Tensor, g: &Groups) -> Result<Statistics> {
    let x = channels_last(x)?;
    let rows = RowLaunch::new(x.dtype(), g)?;
    let parts = rows.parts(gpu, g)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&x)?)
        .structure(rows.structure.clone())
        .pointer(gpu.address(&parts)?);
    gpu.launch(&format!("statistics_{}_x{}", suffix(x.dtype())?, rows.n), rows.grid, arguments)?;
    let table = || gpu.alloc_uninit(&[g.groups, g.channels], DType::F32);
    let (mean, variance) = (table()?, table()?);
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&parts)?)
        .structure(rows.structure)
        .i32(g.groups)
        .pointer(gpu.address(&mean)?)
        .pointer(gpu.address(&variance)?);
    gpu.launch("statistics_joined", LaunchConfig::over(g.groups * g.channels)?, arguments)?;
    Ok(Statistics { mean, variance })
}

/// What normalises currents on the way: factor and offset [G, C].
pub(in crate::ops) struct DeviceScaleShift {
    pub factor: Tensor,
    pub offset: Tensor,
}

impl DeviceScaleShift {
    /// Channels of a row.
    pub fn channels(&self) -> Result<usize> {
        self.factor.dim(1)
    }
}

/// Factor and offset [G, C] of Y = factor X + offset.
pub(in crate::ops) fn scale_shift(gpu: &dyn Gpu, norm: &Normalization, g: &Groups) -> Result<DeviceScaleShift> {
    let table = || gpu.alloc_uninit(&[g.groups, g.channels], DType::F32);
    let (factor, offset) = (table()?, table()?);
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&norm.with.mean)?)
        .pointer(gpu.address(&norm.with.variance)?)
        .pointer(gpu.address(&norm.scale)?)
        .pointer(norm.shift.as_ref().map_or(Ok(0), |shift| gpu.address(shift))?)
        .f32(norm.eps)
        .i32(g.groups)
        .i32(g.channels)
        .pointer(gpu.address(&factor)?)
        .pointer(gpu.address(&offset)?);
    gpu.launch("norm_line", LaunchConfig::over(g.groups * g.channels)?, arguments)?;
    Ok(DeviceScaleShift { factor, offset })
}

/// Y, of X's type.
pub fn normalize(gpu: &dyn Gpu, x: &Tensor, norm: &Normalization, g: &Groups) -> Result<Tensor> {
    let (x, scale_shift) = (channels_last(x)?, scale_shift(gpu, norm, g)?);
    let y = gpu.alloc_uninit(x.dims(), x.dtype())?;
    let (n, elements) = (neighbours(x.dtype(), g.channels), x.elem_count());
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&x)?)
        .pointer(gpu.address(&scale_shift.factor)?)
        .pointer(gpu.address(&scale_shift.offset)?)
        .i64(g.count() * g.channels)
        .i64(elements)
        .i32(g.channels)
        .pointer(gpu.address(&y)?);
    gpu.launch(&format!("normalize_{}_x{n}", suffix(x.dtype())?), LaunchConfig::over(elements / n)?, arguments)?;
    channels_first(&y)
}

/// All gradients; `dy` [T, ...] as it lies, of the type of what is stored, becomes the input's.
pub(in crate::ops) fn gradients_with(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    dy: Tensor,
    norm: &Normalization,
    g: &Groups,
) -> Result<Gradients> {
    let (x, dtype) = (&stored.tensor, suffix(stored.tensor.dtype())?);
    let neurons = dy.elem_count() / stored.time_steps.max(1);
    let rows = RowLaunch::new(dy.dtype(), g)?;
    let parts = rows.parts(gpu, g)?;
    let (x_address, dy_address) = (gpu.address(x)?, gpu.address(&dy)?);
    let mean = gpu.address(&norm.with.mean)?;
    let arguments = KernelArguments::new()
        .pointer(x_address)
        .i64(if stored.constant { neurons } else { 0 })
        .pointer(dy_address)
        .pointer(mean)
        .structure(rows.structure.clone())
        .pointer(gpu.address(&parts)?);
    gpu.launch(&format!("gradient_sums_{dtype}_x{}", rows.n), rows.grid, arguments)?;

    let table = |lead: usize| gpu.alloc_uninit(&[lead * g.groups, g.channels], DType::F32);
    let (scale, dy_sum, factors) = (table(1)?, table(1)?, table(3)?);
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&parts)?)
        .structure(rows.structure)
        .i32(g.groups)
        .pointer(gpu.address(&norm.with.variance)?)
        .pointer(gpu.address(&norm.scale)?)
        .f32(norm.eps)
        .pointer(gpu.address(&scale)?)
        .pointer(gpu.address(&dy_sum)?)
        .pointer(gpu.address(&factors)?);
    gpu.launch("gradient_factors", LaunchConfig::over(g.groups * g.channels)?, arguments)?;

    let shift = gpu.alloc_uninit(&[g.channels], DType::F32)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&dy_sum)?)
        .i32(g.groups)
        .i32(g.channels)
        .pointer(gpu.address(&shift)?);
    gpu.launch("shift_gradient", LaunchConfig::over(g.channels)?, arguments)?;

    let total = stored.constant.then(|| gpu.alloc_uninit(x.dims(), dy.dtype())).transpose()?;
    let (n, items) = (rows.n, if total.is_some() { neurons } else { dy.elem_count() });
    let arguments = KernelArguments::new()
        .pointer(x_address)
        .pointer(dy_address)
        .pointer(gpu.address(&factors)?)
        .pointer(mean)
        .i64(neurons)
        .i32(stored.time_steps)
        .i32(stored.time_steps / g.groups)
        .i32(g.groups)
        .i32(g.channels)
        .pointer(total.as_ref().map_or(Ok(0), |total| gpu.address(total))?);
    gpu.launch(&format!("norm_input_gradient_{dtype}_x{n}"), LaunchConfig::over(items / n)?, arguments)?;
    Ok(Gradients { input: channels_first(&total.unwrap_or(dy))?, scale, shift })
}

/// All gradients of [`normalize`].
pub fn gradients(gpu: &dyn Gpu, x: &Tensor, grad: &Tensor, norm: &Normalization, g: &Groups) -> Result<Gradients> {
    // The kernels turn dY into dX where it stands, and the caller's is not ours to change.
    let dy = channels_last(&grad.to_dtype(x.dtype())?)?.copy()?;
    gradients_with(gpu, &ChannelsLast::whole(x)?, dy, norm, g)
}
