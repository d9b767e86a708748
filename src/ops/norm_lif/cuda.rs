//! Launches of batch norm and LIF as one.

use super::NormLifGradients;
use crate::ops::batch_norm::cuda::{DeviceScaleShift, gradients_with, gradients_with_sums, normalize, scale_shift};
use crate::ops::batch_norm::rows::RowLaunch;
use crate::ops::batch_norm::{Groups, Normalization};
use crate::ops::cast::cuda::cast;
use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::Gpu;
use crate::ops::lif::cuda::{
    DeviceNeurons, PIXEL_THREADS, SUMS, StoredGradient, WARP, backward_arguments, backward_kernel, forward_with,
    gradients_with as neuron_gradients, learned_gradients, memory_shape, neighbours_back, neurons_of_step,
    segment_bytes, threads_sharing,
};
use crate::ops::lif::{LearnedGradients, Neurons, SpikeGradient, SpikeOutput, SpikeStorage};
use crate::ops::sequence::ChannelsLast;
use candle_core::{DType, Result, Tensor};

/// Spikes of the normalised `x`.
pub fn forward(
    gpu: &dyn Gpu,
    x: &Tensor,
    norm: &Normalization,
    neurons: &Neurons,
    storage: SpikeStorage,
    g: &Groups,
) -> Result<SpikeOutput> {
    forward_with(gpu, &ChannelsLast::new(x)?, neurons, storage, Some(&scale_shift(gpu, norm, g)?))
}

/// All gradients: back through the neurons, then through the norm, in place.
pub fn gradients(
    gpu: &dyn Gpu,
    x: &Tensor,
    grad: &SpikeGradient<'_>,
    norm: &Normalization,
    neurons: &Neurons,
    g: &Groups,
) -> Result<NormLifGradients> {
    let (stored, grad) = (ChannelsLast::new(x)?, StoredGradient::new(grad, x)?);
    Ok(match gradient_and_sums(gpu, &stored, &grad, norm, neurons, g)? {
        Some(FusedReverse { dy, rows, parts, learned }) => {
            NormLifGradients { norm: gradients_with_sums(gpu, &stored, dy, norm, g, &rows, &parts)?, learned }
        }
        None => {
            // One after the other, in single precision: currents rounded to bf16 would be others, and so would spikes.
            let single = channels_first(&cast(gpu, &channels_last(x)?, DType::F32)?)?;
            let currents = normalize(gpu, &single, norm, g)?;
            let (dy, learned) = neuron_gradients(gpu, &ChannelsLast::whole(&currents)?, &grad, neurons)?;
            let dy = cast(gpu, &dy, stored.tensor.dtype())?;
            NormLifGradients { norm: gradients_with(gpu, &stored, dy, norm, g)?, learned }
        }
    })
}

/// What the fused way back gives.
struct FusedReverse {
    /// The gradient of the normalised currents as it lies.
    dy: Tensor,
    rows: RowLaunch,
    /// Sums over its rows, chunk by chunk.
    parts: Tensor,
    learned: LearnedGradients,
}

/// `None` for so many groups that a warp's sums do not fit the memory that its threads share.
fn gradient_and_sums(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    grad: &StoredGradient,
    norm: &Normalization,
    neurons: &Neurons,
    g: &Groups,
) -> Result<Option<FusedReverse>> {
    let dy = gpu.alloc_uninit(&memory_shape(stored), stored.tensor.dtype())?;
    let device = DeviceNeurons::new(gpu, neurons, stored)?;
    let n = device.neighbours(neighbours_back(gpu, [&stored.tensor, &grad.tensor, &dy], &[g.channels])?);
    let sets = g.groups + usize::from(device.learned());
    let bytes = sets * n * SUMS + segment_bytes(stored.time_steps, n);
    if bytes * WARP > gpu.most_shared() {
        return Ok(None);
    }
    let pixels = neurons_of_step(stored) / g.channels;
    let rows = RowLaunch::over_pixels(g, pixels, n, threads_sharing(bytes, PIXEL_THREADS), bytes)?;
    let parts = rows.parts_of(gpu, sets)?;
    let line: DeviceScaleShift = scale_shift(gpu, norm, g)?;
    let arguments = backward_arguments(gpu, stored, &device, Some(&line), grad, &dy)?
        .pointer(gpu.address(&norm.with.mean)?)
        .structure(rows.structure.clone())
        .i32(g.groups)
        .pointer(gpu.address(&parts)?);
    gpu.launch(&backward_kernel("norm_", &device, [&dy, &grad.tensor], n)?, rows.grid, arguments)?;
    let learned = if device.learned() {
        learned_gradients(gpu, &rows, &parts.narrow(0, g.groups, 1)?, neurons, g.channels)?
    } else {
        LearnedGradients::default()
    };
    Ok(Some(FusedReverse { dy, rows, parts, learned }))
}
