//! Pooling of a sequence over square, non-overlapping windows of side k.
//!
//! X [N, C, H, W], Y [N, C, H / k, W / k], rounded down: rows and columns that fill no window are left out and have no
//! gradient. Average: Y is the mean of a window, its gradient is spread evenly. Maximum: Y is the largest value, its
//! gradient goes to the first position, in reading order, that holds it. The pooling of a whole image is the average with
//! a window of H x W.

mod cpu;

use super::values::{Input, input, values};
use super::{fold, no_kernel};
use candle_core::{Device, Result, Tensor};

/// The window's height and width.
pub type Window = (usize, usize);

/// Means over windows: `f32` [..., C, H / k, W / k].
pub fn average(x: &Tensor, window: Window) -> Result<Tensor> {
    let planes = Planes::of(x, window)?;
    match x.device() {
        Device::Cpu => {
            let y = match input(x)? {
                Input::Floats(x) => cpu::average(&x, &planes),
                Input::Spikes(x) => cpu::average(&x, &planes),
            };
            Tensor::from_vec(y, planes.pooled_shape(x), x.device())
        }
        device => no_kernel("average pool", device),
    }
}

/// The input's gradient, of shape `input`, from the means' gradient.
pub fn average_gradient(grad: &Tensor, input: &[usize], window: Window) -> Result<Tensor> {
    let planes = Planes::of_shape(input, window)?;
    match grad.device() {
        Device::Cpu => Tensor::from_vec(cpu::average_gradient(&values(grad)?, &planes), input, grad.device()),
        device => no_kernel("average pool", device),
    }
}

/// Largest values of windows, of X's dtype, and which place in its window each came from (`u8`, in reading order).
pub fn max(x: &Tensor, window: Window) -> Result<(Tensor, Tensor)> {
    let planes = Planes::of(x, window)?;
    let shape = planes.pooled_shape(x);
    match x.device() {
        Device::Cpu => {
            let (y, places) = match input(x)? {
                Input::Floats(x) => {
                    let (y, places) = cpu::max(&x, &planes);
                    (Tensor::from_vec(y, shape.as_slice(), &Device::Cpu)?, places)
                }
                Input::Spikes(x) => {
                    let (y, places) = cpu::max(&x, &planes);
                    (Tensor::from_vec(y, shape.as_slice(), &Device::Cpu)?, places)
                }
            };
            Ok((y, Tensor::from_vec(places, shape, x.device())?))
        }
        device => no_kernel("max pool", device),
    }
}

/// The input's gradient, of shape `input`, from the maxima's gradient and their places.
pub fn max_gradient(grad: &Tensor, places: &Tensor, input: &[usize], window: Window) -> Result<Tensor> {
    let planes = Planes::of_shape(input, window)?;
    match grad.device() {
        Device::Cpu => {
            let dx = cpu::max_gradient(&values(grad)?, &values(places)?, &planes);
            Tensor::from_vec(dx, input, grad.device())
        }
        device => no_kernel("max pool", device),
    }
}

/// All images of all channels and time-steps, one after another.
#[derive(Debug, Clone, Copy)]
struct Planes {
    count: usize,
    height: usize,
    width: usize,
    window: Window,
}

impl Planes {
    fn of(x: &Tensor, window: Window) -> Result<Self> {
        fold(x, 2)?;
        Self::of_shape(x.dims(), window)
    }

    fn of_shape(shape: &[usize], window: Window) -> Result<Self> {
        let &[.., height, width] = shape else { candle_core::bail!("pool: expected images, found {shape:?}") };
        if window.0 == 0 || window.1 == 0 || window.0 > height || window.1 > width || window.0 * window.1 > 256 * 256 {
            candle_core::bail!("pool: a window of {window:?} does not fit {height} x {width}")
        }
        Ok(Self { count: shape[..shape.len() - 2].iter().product(), height, width, window })
    }

    fn pooled(&self) -> (usize, usize) {
        (self.height / self.window.0, self.width / self.window.1)
    }

    fn pooled_shape(&self, x: &Tensor) -> Vec<usize> {
        let (height, width) = self.pooled();
        [&x.dims()[..x.rank() - 2], &[height, width]].concat()
    }
}
