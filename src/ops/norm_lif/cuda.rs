//! Launches of batch norm and LIF as one.

use crate::ops::batch_norm::cuda::{DeviceScaleShift, gradients_with, gradients_with_sums, normalize, scale_shift};
use crate::ops::batch_norm::rows::RowLaunch;
use crate::ops::batch_norm::{Gradients, Groups, Normalization};
use crate::ops::cast::cuda::cast;
use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::{Gpu, suffix};
use crate::ops::lif::cuda::{
    StoredGradient, WARP, backward_arguments, forward_with, gradient_with, memory_shape, neighbours_back, neurons,
    segment_bytes, threads_sharing,
};
use crate::ops::lif::{LifConfig, SpikeGradient, SpikeOutput, SpikeStorage};
use crate::ops::sequence::ChannelsLast;
use candle_core::{DType, Result, Tensor};

/// Threads of a block that goes back through time, at most.
const THREADS: usize = 128;

/// Spikes of the normalised `x`.
pub fn forward(
    gpu: &dyn Gpu,
    x: &Tensor,
    norm: &Normalization,
    lif: &LifConfig,
    storage: SpikeStorage,
    g: &Groups,
) -> Result<SpikeOutput> {
    forward_with(gpu, &ChannelsLast::new(x)?, lif, storage, Some(&scale_shift(gpu, norm, g)?))
}

/// All gradients: back through the neurons, then through the norm, in place.
pub fn gradients(
    gpu: &dyn Gpu,
    x: &Tensor,
    grad: &SpikeGradient<'_>,
    norm: &Normalization,
    lif: &LifConfig,
    g: &Groups,
) -> Result<Gradients> {
    let (stored, grad) = (ChannelsLast::new(x)?, StoredGradient::new(grad, x)?);
    match gradient_and_sums(gpu, &stored, &grad, norm, lif, g)? {
        Some((dy, rows, parts)) => gradients_with_sums(gpu, &stored, dy, norm, g, &rows, &parts),
        None => {
            // One after the other, in single precision: currents rounded to bf16 would be others, and so would spikes.
            let single = channels_first(&cast(gpu, &channels_last(x)?, DType::F32)?)?;
            let currents = normalize(gpu, &single, norm, g)?;
            let dy = gradient_with(gpu, &ChannelsLast::whole(&currents)?, &grad, lif)?;
            gradients_with(gpu, &stored, cast(gpu, &dy, stored.tensor.dtype())?, norm, g)
        }
    }
}

/// The gradient of the normalised currents as it lies, and the sums over its rows, chunk by chunk. `None` for so many
/// groups that a warp's sums do not fit the memory that its threads share.
fn gradient_and_sums(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    grad: &StoredGradient,
    norm: &Normalization,
    lif: &LifConfig,
    g: &Groups,
) -> Result<Option<(Tensor, RowLaunch, Tensor)>> {
    let dy = gpu.alloc_uninit(&memory_shape(stored), stored.tensor.dtype())?;
    let n = neighbours_back(gpu, [&stored.tensor, &grad.tensor, &dy], &[g.channels])?;
    let bytes = g.groups * n * 2 * size_of::<f32>() + segment_bytes(stored.time_steps, n);
    if bytes * WARP > gpu.most_shared() {
        return Ok(None);
    }
    let rows = RowLaunch::over_pixels(g, neurons(stored) / g.channels, n, threads_sharing(bytes, THREADS), bytes)?;
    let parts = rows.parts(gpu)?;
    let line: DeviceScaleShift = scale_shift(gpu, norm, g)?;
    let arguments = backward_arguments(gpu, stored, lif, Some(&line), grad, &dy)?
        .pointer(gpu.address(&norm.with.mean)?)
        .structure(rows.structure.clone())
        .i32(g.groups)
        .pointer(gpu.address(&parts)?);
    let kernel = format!("norm_lif_backward_{}_{}_x{n}", suffix(dy.dtype())?, suffix(grad.tensor.dtype())?);
    gpu.launch(&kernel, rows.grid, arguments)?;
    Ok(Some((dy, rows, parts)))
}
