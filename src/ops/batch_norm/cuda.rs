//! Launches of the batch norm kernels.

use super::rows::{RowLaunch, neighbours};
use super::{Gradients, Groups, Normalization, Over, Statistics};
use crate::ops::cast::cuda::cast;
use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, suffix};
use crate::ops::sequence::ChannelsLast;
use candle_core::{DType, Result, Tensor};

/// Mean and biased variance [G, C].
pub fn statistics(gpu: &dyn Gpu, x: &Tensor, g: &Groups) -> Result<Statistics> {
    let x = channels_last(x)?;
    let rows = RowLaunch::new(gpu, &[&x], g)?;
    let parts = rows.parts(gpu)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&x)?)
        .structure(rows.structure.clone())
        .pointer(gpu.address(&parts)?);
    gpu.launch(&format!("statistics_{}_x{}", suffix(x.dtype())?, rows.n), rows.grid, arguments)?;
    let table = || gpu.alloc_uninit(&[g.groups, g.channels], DType::F32);
    let (mean, variance) = (table()?, table()?);
    let arguments = rows.joining(gpu, &parts)?.pointer(gpu.address(&mean)?).pointer(gpu.address(&variance)?);
    gpu.launch("statistics_joined", rows.join(), arguments)?;
    Ok(Statistics { mean, variance })
}

/// What [`super::accumulated`] gives.
pub fn accumulated(gpu: &dyn Gpu, each: &Statistics) -> Result<Statistics> {
    let (groups, channels) = each.mean.dims2()?;
    let table = || gpu.alloc_uninit(&[groups, channels], DType::F32);
    let (mean, variance) = (table()?, table()?);
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&each.mean)?)
        .pointer(gpu.address(&each.variance)?)
        .i32(groups)
        .i32(channels)
        .pointer(gpu.address(&mean)?)
        .pointer(gpu.address(&variance)?);
    gpu.launch("statistics_accumulated", LaunchConfig::over(channels)?, arguments)?;
    Ok(Statistics { mean, variance })
}

/// What [`super::follow`] gives.
pub fn follow(
    gpu: &dyn Gpu,
    running: &Statistics,
    batch: &Statistics,
    [keep, share, share_of_variance]: [f64; 3],
) -> Result<Statistics> {
    let table = || gpu.alloc_uninit(running.mean.dims(), DType::F32);
    let (mean, variance, elements) = (table()?, table()?, running.mean.elem_count());
    let arguments = KernelArguments::new()
        .pointer(gpu.address(&batch.mean)?)
        .pointer(gpu.address(&batch.variance)?)
        .pointer(gpu.address(&running.mean)?)
        .pointer(gpu.address(&running.variance)?)
        .f32(keep)
        .f32(share)
        .f32(share_of_variance)
        .i32(elements)
        .pointer(gpu.address(&mean)?)
        .pointer(gpu.address(&variance)?);
    gpu.launch("running_statistics", LaunchConfig::over(elements)?, arguments)?;
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
        .i32(norm.shift.as_ref().map_or(1, |shift| shift.elem_count()))
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
    let (n, elements) = (neighbours(gpu, &[&x, &y], g.channels)?, x.elem_count());
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
    let x = &stored.tensor;
    let rows = RowLaunch::new(gpu, &[x, &dy], g)?;
    let parts = rows.parts(gpu)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(x)?)
        .i64(if stored.constant { x.elem_count() } else { 0 })
        .pointer(gpu.address(&dy)?)
        .pointer(gpu.address(&norm.with.mean)?)
        .structure(rows.structure.clone())
        .pointer(gpu.address(&parts)?);
    gpu.launch(&format!("gradient_sums_{}_x{}", suffix(x.dtype())?, rows.n), rows.grid, arguments)?;
    gradients_with_sums(gpu, stored, dy, norm, g, &rows, &parts)
}

/// The same from the sums of dY and dY (X - mean) of every chunk, `parts`.
pub(in crate::ops) fn gradients_with_sums(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    dy: Tensor,
    norm: &Normalization,
    g: &Groups,
    rows: &RowLaunch,
    parts: &Tensor,
) -> Result<Gradients> {
    let (x, dtype) = (&stored.tensor, suffix(stored.tensor.dtype())?);
    let neurons = dy.elem_count() / stored.time_steps.max(1);
    let table = |lead: usize| gpu.alloc_uninit(&[lead * g.groups, g.channels], DType::F32);
    let (scale, dy_sum, factors) = (table(1)?, table(1)?, table(3)?);
    let arguments = rows
        .joining(gpu, parts)?
        .i32(g.groups)
        .pointer(gpu.address(&norm.with.variance)?)
        .pointer(gpu.address(&norm.scale)?)
        .f32(norm.eps)
        .pointer(gpu.address(&scale)?)
        .pointer(gpu.address(&dy_sum)?)
        .pointer(gpu.address(&factors)?);
    gpu.launch("gradient_factors", rows.join(), arguments)?;
    if norm.over != Over::Group {
        let arguments = KernelArguments::new()
            .pointer(gpu.address(&scale)?)
            .pointer(gpu.address(&dy_sum)?)
            .pointer(gpu.address(&norm.with.mean)?)
            .pointer(gpu.address(&norm.with.variance)?)
            .pointer(gpu.address(&norm.scale)?)
            .f32(norm.eps)
            .f64(g.count() as f64)
            .i32(usize::from(norm.over == Over::Prefix))
            .i32(g.groups)
            .i32(g.channels)
            .pointer(gpu.address(&factors.narrow(0, g.groups, 2 * g.groups)?)?);
        gpu.launch("shared_factors", LaunchConfig::over(g.channels)?, arguments)?;
    }
    let shift = match &norm.shift {
        Some(shift) if shift.elem_count() > g.channels => Some(dy_sum),
        Some(shift) => Some(shift_gradient(gpu, &dy_sum, g)?.reshape(shift.dims())?),
        None => None,
    };

    let total = stored.constant.then(|| gpu.alloc_uninit(x.dims(), dy.dtype())).transpose()?;
    let tensors: Vec<&Tensor> = [x, &dy].into_iter().chain(&total).collect();
    let (n, items) = (neighbours(gpu, &tensors, g.channels)?, if total.is_some() { neurons } else { dy.elem_count() });
    let arguments = KernelArguments::new()
        .pointer(gpu.address(x)?)
        .pointer(gpu.address(&dy)?)
        .pointer(gpu.address(&factors)?)
        .pointer(gpu.address(&norm.with.mean)?)
        .i64(neurons)
        .i32(stored.time_steps)
        .i32(stored.time_steps / g.groups)
        .i32(g.groups)
        .i32(g.channels)
        .pointer(total.as_ref().map_or(Ok(0), |total| gpu.address(total))?);
    gpu.launch(&format!("norm_input_gradient_{dtype}_x{n}"), LaunchConfig::over(items / n)?, arguments)?;
    Ok(Gradients { input: channels_first(&total.unwrap_or(dy))?, scale, shift })
}

/// The shift's gradient [C] of the sums of dY [G, C].
fn shift_gradient(gpu: &dyn Gpu, dy_sum: &Tensor, g: &Groups) -> Result<Tensor> {
    if g.groups == 1 {
        return dy_sum.flatten_all();
    }
    let shift = gpu.alloc_uninit(&[g.channels], DType::F32)?;
    let arguments = KernelArguments::new()
        .pointer(gpu.address(dy_sum)?)
        .i32(g.groups)
        .i32(g.channels)
        .pointer(gpu.address(&shift)?);
    gpu.launch("shift_gradient", LaunchConfig::over(g.channels)?, arguments)?;
    Ok(shift)
}

/// All gradients of [`normalize`].
pub fn gradients(gpu: &dyn Gpu, x: &Tensor, grad: &Tensor, norm: &Normalization, g: &Groups) -> Result<Gradients> {
    // The kernels turn dY into dX where it stands, and the caller's is not ours to change.
    let grad = channels_last(grad)?;
    let dy = if grad.dtype() == x.dtype() { grad.copy()? } else { cast(gpu, &grad, x.dtype())? };
    gradients_with(gpu, &ChannelsLast::whole(x)?, dy, norm, g)
}
