//! Launches of the LIF kernels, with or without a norm on the way.

use super::neuron::{Neuron, NeuronCell};
use super::{
    LearnedGradients, LifConfig, NeuronGradients, Neurons, Reset, SpikeGradient, SpikeOutput, SpikeStorage, Surrogate,
};
use crate::ops::batch_norm::Groups;
use crate::ops::batch_norm::cuda::DeviceScaleShift;
use crate::ops::batch_norm::rows::RowLaunch;
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
/// Threads of a block that goes back through time and sums over its pixels, at most.
pub(in crate::ops) const PIXEL_THREADS: usize = 128;
/// Bytes of a thread's two sums.
pub(in crate::ops) const SUMS: usize = 2 * size_of::<f32>();
/// `AHEAD` of lif.h.
const AHEAD: usize = 8;

/// `Currents` of lif.h.
fn currents(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    scale_shift: Option<&DeviceScaleShift>,
    neurons: &DeviceNeurons,
) -> Result<StructLayout> {
    let count = neurons_of_step(stored);
    let step = if stored.constant { 0 } else { count };
    let structure =
        StructLayout::new().pointer(gpu.address(&stored.tensor)?).i64(step).i64(count).i32(stored.time_steps);
    Ok(match scale_shift {
        Some(scale_shift) => {
            let (groups, channels) = scale_shift.factor.dims2()?;
            let (factor, offset) = (gpu.address(&scale_shift.factor)?, gpu.address(&scale_shift.offset)?);
            structure.pointer(factor).pointer(offset).i32(channels).i32(stored.time_steps / groups)
        }
        None => structure.pointer(0).pointer(0).i32(neurons.channels).i32(1),
    })
}

/// Neurons as kernels take them.
pub(in crate::ops) struct DeviceNeurons {
    /// `Neuron` of lif.h.
    layout: StructLayout,
    /// Cells of every channel, where something is learned: the layout points to them.
    cells: Option<Tensor>,
    /// C, where something is learned.
    channels: usize,
}

impl DeviceNeurons {
    /// Of currents that lie as `stored` does.
    pub fn new(gpu: &dyn Gpu, neurons: &Neurons, stored: &ChannelsLast) -> Result<Self> {
        let channels = if neurons.learned() { stored.tensor.dims().last().copied().unwrap_or(1) } else { 1 };
        let cells = neurons.learned().then(|| learned_cells(gpu, neurons)).transpose()?;
        let layout = neuron_layout(&neurons.config);
        let address = cells.as_ref().map_or(Ok(0), |cells| gpu.address(cells))?;
        let layout = layout.pointer(address).i32(usize::from(neurons.channels() > 1));
        Ok(Self { layout, cells, channels })
    }

    /// What the names of the kernels begin with.
    fn prefix(&self) -> &'static str {
        if self.learned() { "learned_" } else { "" }
    }

    pub fn learned(&self) -> bool {
        self.cells.is_some()
    }

    /// Neighbours that a thread takes at most: one where something is learned.
    pub fn neighbours(&self, n: usize) -> usize {
        if self.learned() { 1 } else { n }
    }
}

/// Cells [C, 5], or [1, 5], of neurons that learn.
fn learned_cells(gpu: &dyn Gpu, neurons: &Neurons) -> Result<Tensor> {
    let Neurons { config, leak, threshold } = neurons;
    let count = neurons.channels();
    let cells = gpu.alloc_uninit(&[count, 5], DType::F32)?;
    let address = |value: &Option<Tensor>| value.as_ref().map_or(Ok(0), |value| gpu.address(value));
    let step = |value: &Option<Tensor>| usize::from(value.as_ref().is_some_and(|value| value.elem_count() > 1));
    let arguments = KernelArguments::new()
        .pointer(address(leak)?)
        .i32(step(leak))
        .f32(config.leak.start())
        .f32(config.gain())
        .i32(usize::from(config.gain_is_learned()))
        .pointer(address(threshold)?)
        .i32(step(threshold))
        .f32(config.threshold.start())
        .i32(usize::from(config.reset == Reset::Soft))
        .i32(count)
        .pointer(gpu.address(&cells)?);
    gpu.launch("neuron_cells", LaunchConfig::over(count)?, arguments)?;
    Ok(cells)
}

/// `Neuron` of lif.h, but for what points to learned cells.
fn neuron_layout(config: &LifConfig) -> StructLayout {
    let (surrogate, parameter) = match config.surrogate {
        Surrogate::Triangle(triangle) => (0, triangle.height),
        Surrogate::Rectangle(rectangle) => (1, rectangle.width),
        Surrogate::Atan(arc_tangent) => (2, arc_tangent.alpha),
        Surrogate::FastSigmoid(fast_sigmoid) => (3, fast_sigmoid.slope),
    };
    let (neuron, cell) = (Neuron::new(config), NeuronCell::fixed(config));
    let floats = [cell.leak, cell.gain, cell.inverse_threshold, cell.exact_threshold, cell.drop, neuron.keep];
    let flags =
        [config.fire_before_integrate, config.detach_reset, config.gain_is_learned(), config.reset == Reset::Soft];
    let layout = floats.into_iter().fold(StructLayout::new(), StructLayout::f32);
    let layout = flags.into_iter().fold(layout, |layout, flag| layout.i32(usize::from(flag)));
    layout.i32(surrogate).f32(parameter as f32)
}

/// Neurons of a time-step.
pub(in crate::ops) fn neurons_of_step(stored: &ChannelsLast) -> usize {
    stored.tensor.elem_count() / if stored.constant { 1 } else { stored.time_steps.max(1) }
}

/// Sizes that a thread's neighbours must divide: rows of channels, with a norm.
fn sizes(stored: &ChannelsLast, scale_shift: Option<&DeviceScaleShift>) -> Result<[usize; 2]> {
    Ok([neurons_of_step(stored), scale_shift.map_or(Ok(0), DeviceScaleShift::channels)?])
}

/// The shape of all time-steps as they lie.
pub(in crate::ops) fn memory_shape(stored: &ChannelsLast) -> Vec<usize> {
    let mut shape = stored.tensor.dims().to_vec();
    shape[0] = stored.time_steps;
    shape
}

/// Spikes of currents.
pub fn forward(gpu: &dyn Gpu, x: &Tensor, neurons: &Neurons, storage: SpikeStorage) -> Result<SpikeOutput> {
    forward_with(gpu, &ChannelsLast::new(x)?, neurons, storage, None)
}

pub(in crate::ops) fn forward_with(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    neurons: &Neurons,
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
    let neurons = DeviceNeurons::new(gpu, neurons, stored)?;
    let addresses = [(gpu.address(&stored.tensor)?, dtype), (gpu.address(&spikes)?, spikes.dtype())];
    let n = neurons.neighbours(width(most, &sizes, &addresses));
    let norm = if scale_shift.is_some() { "norm_" } else { "" };
    let prefix = neurons.prefix();
    let kernel = format!("{prefix}{norm}lif_forward_{}_{}_x{n}", suffix(dtype)?, suffix(spikes.dtype())?);
    let arguments = KernelArguments::new()
        .structure(currents(gpu, stored, scale_shift, &neurons)?)
        .structure(neurons.layout.clone())
        .pointer(gpu.address(&spikes)?)
        .pointer(gpu.address(&count)?);
    gpu.launch(&kernel, LaunchConfig::over(sizes[0] / n)?.shared(size_of::<u32>()), arguments)?;
    Ok(SpikeOutput { spikes: channels_first(&spikes)?, count })
}

/// All gradients; the currents' is of their type.
pub fn gradients(gpu: &dyn Gpu, x: &Tensor, grad: &SpikeGradient<'_>, neurons: &Neurons) -> Result<NeuronGradients> {
    let (stored, grad) = (ChannelsLast::new(x)?, StoredGradient::new(grad, x)?);
    let (gradient, learned) = gradients_with(gpu, &stored, &grad, neurons)?;
    let gradient = if stored.constant { as_stored(gpu, &gradient)? } else { gradient };
    Ok(NeuronGradients { currents: channels_first(&gradient)?, learned })
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

/// The gradient of the currents at every time-step, as it lies: [T, ...]; and those of what is learned.
pub(in crate::ops) fn gradients_with(
    gpu: &dyn Gpu,
    stored: &ChannelsLast,
    grad: &StoredGradient,
    neurons: &Neurons,
) -> Result<(Tensor, LearnedGradients)> {
    let out = gpu.alloc_uninit(&memory_shape(stored), stored.tensor.dtype())?;
    let device = DeviceNeurons::new(gpu, neurons, stored)?;
    let (count, channels) = (neurons_of_step(stored), if grad.window == (1, 1) { 0 } else { grad.image[0] });
    let n = device.neighbours(neighbours_back(gpu, [&stored.tensor, &grad.tensor, &out], &[count, channels])?);
    let own = if device.learned() { SUMS } else { 0 };
    let bytes = segment_bytes(stored.time_steps, n) + own;
    if bytes * WARP > gpu.most_shared() {
        bail!(
            "lif: {} time-steps are too many for this GPU, whose kernels go back through at most {}: use fewer, or \
             training.device = \"cpu\"",
            stored.time_steps,
            (gpu.most_shared() / WARP - own) / size_of::<f32>() * AHEAD
        )
    }
    let kernel = backward_kernel("", &device, [&out, &grad.tensor], n)?;
    let arguments = backward_arguments(gpu, stored, &device, None, grad, &out)?;
    if !device.learned() {
        let threads = threads_sharing(bytes, THREADS);
        gpu.launch(&kernel, LaunchConfig::over_by(count / n, threads)?.shared(bytes), arguments)?;
        return Ok((out, LearnedGradients::default()));
    }
    let (channels, pixels) = (device.channels, count / device.channels.max(1));
    let g = Groups { groups: 1, items: pixels * stored.time_steps, channels, pixels: 1 };
    let rows = RowLaunch::over_pixels(&g, pixels, n, threads_sharing(bytes, PIXEL_THREADS), bytes)?;
    let parts = rows.parts(gpu)?;
    let arguments = arguments.pointer(0).structure(rows.structure.clone()).i32(0).pointer(gpu.address(&parts)?);
    gpu.launch(&kernel, rows.grid, arguments)?;
    Ok((out, learned_gradients(gpu, &rows, &parts, neurons, channels)?))
}

/// The name of a kernel that goes back, with gradients of these types: the currents' and the spikes'.
pub(in crate::ops) fn backward_kernel(
    norm: &str,
    neurons: &DeviceNeurons,
    [out, grad]: [&Tensor; 2],
    n: usize,
) -> Result<String> {
    Ok(format!("{}{norm}lif_backward_{}_{}_x{n}", neurons.prefix(), suffix(out.dtype())?, suffix(grad.dtype())?))
}

/// Gradients of what is learned, from the parts of every chunk and channel, `[1, chunks, C, 2]`.
pub(in crate::ops) fn learned_gradients(
    gpu: &dyn Gpu,
    rows: &RowLaunch,
    parts: &Tensor,
    neurons: &Neurons,
    channels: usize,
) -> Result<LearnedGradients> {
    let table = || gpu.alloc_uninit(&[channels], DType::F32);
    let (leak, threshold) = (table()?, table()?);
    let arguments = rows.joining(gpu, parts)?.pointer(gpu.address(&leak)?).pointer(gpu.address(&threshold)?);
    gpu.launch("learned_joined", rows.join_of(1), arguments)?;
    let of_value = |sums: Tensor, value: &Option<Tensor>| match value {
        Some(value) if value.elem_count() == 1 => sums.sum_keepdim(0).map(Some),
        Some(_) => Ok(Some(sums)),
        None => Ok(None),
    };
    Ok(LearnedGradients { leak: of_value(leak, &neurons.leak)?, threshold: of_value(threshold, &neurons.threshold)? })
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
    neurons: &DeviceNeurons,
    scale_shift: Option<&DeviceScaleShift>,
    grad: &StoredGradient,
    out: &Tensor,
) -> Result<KernelArguments> {
    Ok(KernelArguments::new()
        .structure(currents(gpu, stored, scale_shift, neurons)?)
        .structure(neurons.layout.clone())
        .structure(grad.layout(gpu, stored.time_steps)?)
        .pointer(gpu.address(out)?))
}
