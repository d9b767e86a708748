//! Launches of the LIF kernels, with or without a norm on the way.

use super::neuron::Neuron;
use super::{LifConfig, SpikeOutput, Surrogate};
use crate::ops::batch_norm::cuda::DeviceScaleShift;
use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, StructLayout, THREADS, suffix, width};
use crate::ops::sequence::ChannelsLast;
use crate::ops::sum_over_time::cuda::as_stored;
use candle_core::{DType, Result, Tensor, bail};

/// Bytes that a block's threads share where that is enough for a warp of them: several blocks fit a multiprocessor.
const SHARED: usize = 48 * 1024;
/// Threads of a warp, the fewest that a block has.
const WARP: usize = 32;

/// `Currents` of lif.h.
fn currents(gpu: &dyn Gpu, stored: &ChannelsLast, scale_shift: Option<&DeviceScaleShift>) -> Result<StructLayout> {
    let neurons = neurons(stored);
    let step = if stored.constant { 0 } else { neurons };
    let structure =
        StructLayout::new().pointer(gpu.address(&stored.tensor)?).i64(step).i64(neurons).i32(stored.time_steps);
    Ok(match scale_shift {
        Some(scale_shift) => {
            let (groups, channels) = scale_shift.factor.dims2()?;
            let (factor, offset) = (gpu.address(&scale_shift.factor)?, gpu.address(&scale_shift.offset)?);
            structure.pointer(factor).pointer(offset).i32(channels).i32(stored.time_steps / groups)
        }
        None => structure.pointer(0).pointer(0).i32(1).i32(1),
    })
}

/// `Neuron` of lif.h.
fn neuron_layout(neuron: &Neuron) -> StructLayout {
    let (surrogate, parameter) = match neuron.surrogate {
        Surrogate::Triangle(triangle) => (0, triangle.height),
        Surrogate::Rectangle(rectangle) => (1, rectangle.width),
        Surrogate::Atan(arc_tangent) => (2, arc_tangent.alpha),
        Surrogate::FastSigmoid(fast_sigmoid) => (3, fast_sigmoid.slope),
    };
    let &Neuron { leak, gain, inverse_threshold, exact_threshold, keep, drop, .. } = neuron;
    let floats = [leak, gain, inverse_threshold, exact_threshold, keep, drop];
    let layout = floats.into_iter().fold(StructLayout::new(), StructLayout::f32);
    layout.i32(usize::from(neuron.fire_before_integrate)).i32(surrogate).f32(parameter as f32)
}

/// Neurons of a time-step.
fn neurons(stored: &ChannelsLast) -> usize {
    stored.tensor.elem_count() / if stored.constant { 1 } else { stored.time_steps.max(1) }
}

/// Sizes that a thread's neighbours must divide: rows of channels, with a norm.
fn sizes(stored: &ChannelsLast, scale_shift: Option<&DeviceScaleShift>) -> Result<[usize; 2]> {
    Ok([neurons(stored), scale_shift.map_or(Ok(0), DeviceScaleShift::channels)?])
}

/// The shape of all time-steps as they lie.
fn memory_shape(stored: &ChannelsLast) -> Vec<usize> {
    let mut shape = stored.tensor.dims().to_vec();
    shape[0] = stored.time_steps;
    shape
}

/// Spikes of currents.
pub fn forward(gpu: &dyn Gpu, x: &Tensor, lif: &LifConfig) -> Result<SpikeOutput> {
    forward_with(gpu, &ChannelsLast::new(x)?, lif, None)
}

pub(in crate::ops) fn forward_with(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    lif: &LifConfig,
    scale_shift: Option<&DeviceScaleShift>,
) -> Result<SpikeOutput> {
    let (dtype, sizes) = (stored.tensor.dtype(), sizes(stored, scale_shift)?);
    let (spikes, most) = if dtype == DType::BF16 { (DType::BF16, 8) } else { (DType::U8, 4) };
    let (spikes, count) =
        (gpu.alloc_uninit(&memory_shape(stored), spikes)?, Tensor::zeros(1, DType::I64, gpu.device())?);
    let n = width(most, &sizes, &[(gpu.address(&stored.tensor)?, dtype), (gpu.address(&spikes)?, spikes.dtype())]);
    let kernel = format!("{}lif_forward_{}_x{n}", prefix(scale_shift), suffix(dtype)?);
    let arguments = KernelArguments::new()
        .structure(currents(gpu, stored, scale_shift)?)
        .structure(neuron_layout(&Neuron::new(lif)))
        .pointer(gpu.address(&spikes)?)
        .pointer(gpu.address(&count)?);
    gpu.launch(&kernel, LaunchConfig::over(sizes[0] / n)?.shared(size_of::<u32>()), arguments)?;
    Ok(SpikeOutput { spikes: channels_first(&spikes)?, count })
}

fn prefix(scale_shift: Option<&DeviceScaleShift>) -> &'static str {
    if scale_shift.is_some() { "norm_" } else { "" }
}

/// The currents' gradient, of their type; of currents that are constant in time one time-step, the sum.
pub fn gradient(gpu: &dyn Gpu, x: &Tensor, grad: &Tensor, lif: &LifConfig) -> Result<Tensor> {
    let stored = ChannelsLast::new(x)?;
    let gradient = gradient_with(gpu, &stored, grad, lif, None)?;
    if !stored.constant {
        return channels_first(&gradient);
    }
    channels_first(&as_stored(gpu, &gradient)?)
}

/// The gradient of the currents at every time-step, as it lies: [T, ...].
pub(in crate::ops) fn gradient_with(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    grad: &Tensor,
    lif: &LifConfig,
    scale_shift: Option<&DeviceScaleShift>,
) -> Result<Tensor> {
    let (dtype, sizes) = (stored.tensor.dtype(), sizes(stored, scale_shift)?);
    let grad = channels_last(grad)?;
    let out = gpu.alloc_uninit(&memory_shape(stored), dtype)?;
    // A thread keeps the potential of every time-step.
    let tensors = [&stored.tensor, &grad, &out];
    let addresses = tensors.map(|tensor| Ok::<_, candle_core::Error>((gpu.address(tensor)?, tensor.dtype())));
    let mut n = width(2, &sizes, &addresses.into_iter().collect::<Result<Vec<_>>>()?);
    let kept = stored.time_steps * size_of::<f32>();
    if kept * n * WARP > SHARED {
        n = 1;
    }
    if kept * n * WARP > gpu.most_shared() {
        bail!(
            "lif: {} time-steps are too many for this GPU, whose kernels go back through at most {}: use fewer, or \
             training.device = \"cpu\"",
            stored.time_steps,
            gpu.most_shared() / (size_of::<f32>() * WARP)
        )
    }
    let bytes = kept * n;
    let threads = (SHARED / bytes / WARP * WARP).clamp(WARP, THREADS);
    let kernel = format!("{}lif_backward_{}_{}_x{n}", prefix(scale_shift), suffix(dtype)?, suffix(grad.dtype())?);
    let arguments = KernelArguments::new()
        .structure(currents(gpu, stored, scale_shift)?)
        .structure(neuron_layout(&Neuron::new(lif)))
        .pointer(gpu.address(&grad)?)
        .pointer(gpu.address(&out)?);
    gpu.launch(&kernel, LaunchConfig::over_by(sizes[0] / n, threads)?.shared(bytes), arguments)?;
    Ok(out)
}
