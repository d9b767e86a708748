//! Launches of the LIF kernels, with or without a norm on the way.

use super::neuron::Neuron;
use super::{LifConfig, SpikeGradient, SpikeOutput, SpikeStorage, Surrogate};
use crate::ops::batch_norm::cuda::DeviceScaleShift;
use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::gpu::{Gpu, KernelArguments, LaunchConfig, StructLayout, THREADS, suffix, width};
use crate::ops::pool::Window;
use crate::ops::sequence::ChannelsLast;
use crate::ops::sum_over_time::cuda::as_stored;
use candle_core::{DType, Result, Tensor, bail};

/// Bytes that a block's threads share at most, unless a warp needs more: several blocks fit a multiprocessor.
const SHARED: usize = 32 * 1024;
/// Threads of a warp, the fewest that a block has.
pub(in crate::ops) const WARP: usize = 32;
/// `AHEAD` of lif.h.
const AHEAD: usize = 8;

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
pub(in crate::ops) fn neurons(stored: &ChannelsLast) -> usize {
    stored.tensor.elem_count() / if stored.constant { 1 } else { stored.time_steps.max(1) }
}

/// Sizes that a thread's neighbours must divide: rows of channels, with a norm.
fn sizes(stored: &ChannelsLast, scale_shift: Option<&DeviceScaleShift>) -> Result<[usize; 2]> {
    Ok([neurons(stored), scale_shift.map_or(Ok(0), DeviceScaleShift::channels)?])
}

/// The shape of all time-steps as they lie.
pub(in crate::ops) fn memory_shape(stored: &ChannelsLast) -> Vec<usize> {
    let mut shape = stored.tensor.dims().to_vec();
    shape[0] = stored.time_steps;
    shape
}

/// Spikes of currents.
pub fn forward(gpu: &dyn Gpu, x: &Tensor, lif: &LifConfig, storage: SpikeStorage) -> Result<SpikeOutput> {
    forward_with(gpu, &ChannelsLast::new(x)?, lif, storage, None)
}

pub(in crate::ops) fn forward_with(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    lif: &LifConfig,
    storage: SpikeStorage,
    scale_shift: Option<&DeviceScaleShift>,
) -> Result<SpikeOutput> {
    let (dtype, sizes) = (stored.tensor.dtype(), sizes(stored, scale_shift)?);
    let (spikes, most) = match (dtype, storage) {
        (DType::BF16, _) => (DType::BF16, 8),
        (_, SpikeStorage::Bytes) => (DType::U8, 4),
        (_, SpikeStorage::Floats) => (DType::F32, 4),
    };
    let (spikes, count) = (gpu.alloc_uninit(&memory_shape(stored), spikes)?, gpu.zeros(&[1], DType::I64)?);
    let n = width(most, &sizes, &[(gpu.address(&stored.tensor)?, dtype), (gpu.address(&spikes)?, spikes.dtype())]);
    let norm = if scale_shift.is_some() { "norm_" } else { "" };
    let kernel = format!("{norm}lif_forward_{}_{}_x{n}", suffix(dtype)?, suffix(spikes.dtype())?);
    let arguments = KernelArguments::new()
        .structure(currents(gpu, stored, scale_shift)?)
        .structure(neuron_layout(&Neuron::new(lif)))
        .pointer(gpu.address(&spikes)?)
        .pointer(gpu.address(&count)?);
    gpu.launch(&kernel, LaunchConfig::over(sizes[0] / n)?.shared(size_of::<u32>()), arguments)?;
    Ok(SpikeOutput { spikes: channels_first(&spikes)?, count })
}

/// The currents' gradient, of their type; of currents that are constant in time one time-step, the sum.
pub fn gradient(gpu: &dyn Gpu, x: &Tensor, grad: &SpikeGradient<'_>, lif: &LifConfig) -> Result<Tensor> {
    let stored = ChannelsLast::new(x)?;
    let gradient = gradient_with(gpu, &stored, &StoredGradient::new(grad, x)?, lif)?;
    if !stored.constant {
        return channels_first(&gradient);
    }
    channels_first(&as_stored(gpu, &gradient)?)
}

/// The spikes' gradient as it lies.
pub(in crate::ops) struct StoredGradient {
    pub tensor: Tensor,
    window: Window,
    /// [C, H, W] of the spikes.
    image: [usize; 3],
}

impl StoredGradient {
    /// Of spikes that lie as `spikes` does.
    pub fn new(grad: &SpikeGradient<'_>, spikes: &Tensor) -> Result<Self> {
        let image = match *spikes.dims() {
            [.., c, h, w] if spikes.rank() > 3 => [c, h, w],
            ref other => [other.last().copied().unwrap_or(1), 1, 1],
        };
        let window = grad.window;
        let count = spikes.elem_count() / (window.0 * window.1).max(1);
        if !image[1].is_multiple_of(window.0) || !image[2].is_multiple_of(window.1) || grad.tensor.elem_count() != count
        {
            bail!("lif: a gradient {:?} of means over {window:?} of {:?}", grad.tensor.dims(), spikes.dims())
        }
        Ok(Self { tensor: channels_last(grad.tensor)?, window, image })
    }

    /// `SpikeGradient` of lif.h.
    fn layout(&self, gpu: &dyn Gpu, time_steps: usize) -> Result<StructLayout> {
        let ((height, width), sizes) = (self.window, self.image);
        let step = self.tensor.elem_count() / time_steps.max(1);
        let layout = StructLayout::new().pointer(gpu.address(&self.tensor)?).i64(step);
        let layout = sizes.into_iter().chain([height, width]).fold(layout, StructLayout::i32);
        Ok(layout.f32(1.0 / (height * width) as f32))
    }
}

/// The gradient of the currents at every time-step, as it lies: [T, ...].
pub(in crate::ops) fn gradient_with(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    grad: &StoredGradient,
    lif: &LifConfig,
) -> Result<Tensor> {
    let out = gpu.alloc_uninit(&memory_shape(stored), stored.tensor.dtype())?;
    let channels = if grad.window == (1, 1) { 0 } else { grad.image[0] };
    let n = neighbours_back(gpu, [&stored.tensor, &grad.tensor, &out], &[neurons(stored), channels])?;
    let bytes = segment_bytes(stored.time_steps, n);
    if bytes * WARP > gpu.most_shared() {
        bail!(
            "lif: {} time-steps are too many for this GPU, whose kernels go back through at most {}: use fewer, or \
             training.device = \"cpu\"",
            stored.time_steps,
            gpu.most_shared() / (size_of::<f32>() * WARP) * AHEAD
        )
    }
    let threads = threads_sharing(bytes, THREADS);
    let kernel = format!("lif_backward_{}_{}_x{n}", suffix(out.dtype())?, suffix(grad.tensor.dtype())?);
    let arguments = backward_arguments(gpu, stored, lif, None, grad, &out)?;
    gpu.launch(&kernel, LaunchConfig::over_by(neurons(stored) / n, threads)?.shared(bytes), arguments)?;
    Ok(out)
}

/// Neighbours that a thread goes back through time with, of currents, spikes' gradient and currents' gradient. There
/// are kernels for two where all are of one type.
pub(in crate::ops) fn neighbours_back(gpu: &dyn Gpu, tensors: [&Tensor; 3], sizes: &[usize]) -> Result<usize> {
    let dtype = tensors[0].dtype();
    let addresses = tensors.map(|tensor| gpu.address(tensor).map(|address| (address, tensor.dtype())));
    let addresses = addresses.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(if addresses.iter().all(|&(_, other)| other == dtype) { width(2, sizes, &addresses) } else { 1 })
}

/// Bytes that a thread shares for the potentials that segments of time-steps begin with.
pub(in crate::ops) fn segment_bytes(time_steps: usize, n: usize) -> usize {
    time_steps.div_ceil(AHEAD) * n * size_of::<f32>()
}

/// Threads of a block whose threads share `bytes` each: so few that several blocks fit a multiprocessor.
pub(in crate::ops) fn threads_sharing(bytes: usize, most: usize) -> usize {
    (SHARED / bytes.max(1) / WARP * WARP).clamp(WARP, most)
}

/// The first arguments of every backward kernel.
pub(in crate::ops) fn backward_arguments(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    lif: &LifConfig,
    scale_shift: Option<&DeviceScaleShift>,
    grad: &StoredGradient,
    out: &Tensor,
) -> Result<KernelArguments> {
    Ok(KernelArguments::new()
        .structure(currents(gpu, stored, scale_shift)?)
        .structure(neuron_layout(&Neuron::new(lif)))
        .structure(grad.layout(gpu, stored.time_steps)?)
        .pointer(gpu.address(out)?))
}
