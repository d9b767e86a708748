//! Pooling of a sequence over square, non-overlapping windows of side k.
//!
//! X [N, C, H, W], Y [N, C, H / k, W / k], rounded down: rows and columns that fill no window are left out and have no
//! gradient. Average: Y is the mean of a window, its gradient is spread evenly. Maximum: Y is the largest value, its
//! gradient goes to the first position, in reading order, that holds it. The pooling of a whole image is the average
//! with a window of H x W.

mod cpu;
pub mod cuda;

use super::channels_last::{channels_last, from_channels_last};
use super::gpu;
use super::values::{SequenceValues, input, values};
use candle_core::{Device, Result, Tensor, bail};

/// The window's height and width.
pub type Window = (usize, usize);

/// Means over windows: `f32` [..., C, H / k, W / k].
pub fn average(x: &Tensor, window: Window) -> Result<Tensor> {
    let planes = Planes::from_shape(x.dims(), window)?;
    match x.device() {
        Device::Cpu => {
            let tensor = channels_last(x)?;
            let y = match input(&tensor)? {
                SequenceValues::Floats(x) => cpu::average(&x, &planes),
                SequenceValues::Spikes(x) => cpu::average(&x, &planes),
            };
            from_channels_last(y, &planes.pooled_shape(x), x)
        }
        device => cuda::average(&*gpu::for_device(device)?, x, &planes),
    }
}

/// The input's gradient, of shape `input`, from the means' gradient.
pub fn average_gradient(grad: &Tensor, input: &[usize], window: Window) -> Result<Tensor> {
    let planes = Planes::from_shape(input, window)?;
    match grad.device() {
        Device::Cpu => {
            let dx = cpu::average_gradient(&values(&channels_last(grad)?)?, &planes);
            from_channels_last(dx, input, grad)
        }
        device => cuda::average_gradient(&*gpu::for_device(device)?, grad, input, &planes),
    }
}

/// Largest values of windows, of X's dtype, and which place in its window each came from (`u8`, in reading order).
pub fn max(x: &Tensor, window: Window) -> Result<(Tensor, Tensor)> {
    let planes = Planes::from_shape(x.dims(), window)?;
    let shape = planes.pooled_shape(x);
    match x.device() {
        Device::Cpu => {
            let tensor = channels_last(x)?;
            let (y, places) = match input(&tensor)? {
                SequenceValues::Floats(values) => {
                    let (y, places) = cpu::max(&values, &planes);
                    (from_channels_last(y, &shape, x)?, places)
                }
                SequenceValues::Spikes(values) => {
                    let (y, places) = cpu::max(&values, &planes);
                    (from_channels_last(y, &shape, x)?, places)
                }
            };
            Ok((y, from_channels_last(places, &shape, x)?))
        }
        device => cuda::max(&*gpu::for_device(device)?, x, &planes),
    }
}

/// The input's gradient, of shape `input`, from the maxima's gradient and their places.
pub fn max_gradient(grad: &Tensor, places: &Tensor, input: &[usize], window: Window) -> Result<Tensor> {
    let planes = Planes::from_shape(input, window)?;
    match grad.device() {
        Device::Cpu => {
            let (tensor, places) = (channels_last(grad)?, channels_last(places)?);
            let dx = cpu::max_gradient(&values(&tensor)?, &values(&places)?, &planes);
            from_channels_last(dx, input, grad)
        }
        device => cuda::max_gradient(&*gpu::for_device(device)?, grad, places, input, &planes),
    }
}

/// All images of all time-steps, one after another.
#[derive(Debug, Clone, Copy)]
pub struct Planes {
    count: usize,
    channels: usize,
    height: usize,
    width: usize,
    window: Window,
}

impl Planes {
    /// Of images [..., C, H, W].
    pub fn from_shape(shape: &[usize], window: Window) -> Result<Self> {
        let &[ref lead @ .., channels, height, width] = shape else { bail!("pool: expected images, found {shape:?}") };
        if lead.is_empty() || window.0 == 0 || window.1 == 0 || window.0 > height || window.1 > width {
            bail!("pool: a window of {window:?} does not fit {shape:?}")
        }
        Ok(Self { count: lead.iter().product(), channels, height, width, window })
    }

    fn pooled(&self) -> (usize, usize) {
        (self.height / self.window.0, self.width / self.window.1)
    }

    fn pooled_shape(&self, x: &Tensor) -> Vec<usize> {
        let (height, width) = self.pooled();
        [&x.dims()[..x.rank() - 2], &[height, width]].concat()
    }

    /// Elements of an image.
    fn image(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Elements of a pooled image.
    fn pooled_image(&self) -> usize {
        self.channels * self.pooled().0 * self.pooled().1
    }

    fn len(&self) -> usize {
        self.count * self.image()
    }

    fn pooled_len(&self) -> usize {
        self.count * self.pooled_image()
    }

    /// The first pixel under window number `at`.
    fn corner(&self, at: usize) -> usize {
        let columns = self.pooled().1;
        at / columns * self.window.0 * self.width + at % columns * self.window.1
    }

    /// The pixels under window number `at`, in reading order.
    fn pixels(&self, at: usize) -> impl Iterator<Item = usize> + use<> {
        let ((kh, kw), width, corner) = (self.window, self.width, self.corner(at));
        (0..kh).flat_map(move |i| (0..kw).map(move |j| corner + i * width + j))
    }
}
