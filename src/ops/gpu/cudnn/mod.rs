//! Convolutions by cuDNN, on images whose channels lie side by side (NHWC), time-steps folded into the batch.
//!
//! For every shape the algorithms that may be taken (`candidates`) are listed once, fastest first, and the first that
//! runs computes it. Images go in portions: as many as its 31-bit sizes allow, halved until an algorithm is left. A
//! shape for which there is none is declined, and the op takes patches and products instead.

mod calls;
mod candidates;
mod descriptors;

use super::{Convolution, Gpu};
use crate::ops::{Geometry, Precision};
use candidates::{Choice, portion};
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use candle_core::{CudaDevice, DType, Result, Tensor, bail};
use descriptors::Descriptors;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

/// Elements of a portion's larger side, at most.
const PORTION: usize = 1 << 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Direction {
    Forward,
    Input,
    Weight,
}

/// What algorithms are listed for: direction, sizes, images, precision.
type ShapeKey = (Direction, [usize; 7], usize, Precision);

/// A handle on the device's stream, and the algorithms that may be taken for every shape seen so far.
pub struct Cudnn {
    handle: sys::cudnnHandle_t,
    /// Bytes that an algorithm may work in.
    most_workspace: usize,
    choices: Mutex<HashMap<ShapeKey, Vec<Choice>>>,
}

// SAFETY: cuDNN allows a handle on several threads as long as calls do not overlap; every call is made under the lock
// of `choices`.
unsafe impl Send for Cudnn {}
// SAFETY: as above.
unsafe impl Sync for Cudnn {}

impl Drop for Cudnn {
    fn drop(&mut self) {
        // SAFETY: the handle was made by `new` and is destroyed here alone. At the end of the process there is nobody
        // to tell.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

fn wrong(error: CudnnError) -> candle_core::Error {
    candle_core::Error::msg(format!("cuDNN: {error:?}"))
}

impl Cudnn {
    /// For a device of `memory` bytes.
    pub fn new(cuda: &CudaDevice, memory: usize) -> Result<Self> {
        let stream = cuda.cuda_stream();
        stream.context().bind_to_thread().map_err(candle_core::Error::wrap)?;
        let handle = result::create_handle().map_err(wrong)?;
        let made = Self { handle, most_workspace: candidates::most_workspace(memory), choices: Mutex::default() };
        // SAFETY: the handle is alive, and the stream lives as long as the device that the handle works on.
        unsafe { result::set_stream(handle, stream.cu_stream() as sys::cudaStream_t) }.map_err(wrong)?;
        Ok(made)
    }

    /// Y of X and W; false where cuDNN declines the shape, and Y is unspecified.
    pub fn forward(&self, gpu: &dyn Gpu, x: &Tensor, w: &Tensor, y: &Tensor, task: &Convolution<'_>) -> Result<bool> {
        self.run(gpu, Direction::Forward, [x, w, y], task, &|_| Ok(()))
    }

    /// dX of dY and W, as [`Cudnn::forward`].
    pub fn input_gradient(
        &self,
        gpu: &dyn Gpu,
        dy: &Tensor,
        w: &Tensor,
        dx: &Tensor,
        task: &Convolution<'_>,
    ) -> Result<bool> {
        self.run(gpu, Direction::Input, [dx, w, dy], task, &|_| Ok(()))
    }

    /// dW of X and dY, a portion at a time: `add` is told after each, with whether it was the first, and adds `dw` to
    /// the sum. Where this gives false, what was added counts for nothing.
    pub fn weight_gradient(
        &self,
        gpu: &dyn Gpu,
        x: &Tensor,
        dy: &Tensor,
        dw: &Tensor,
        task: &Convolution<'_>,
        add: &dyn Fn(bool) -> Result<()>,
    ) -> Result<bool> {
        self.run(gpu, Direction::Weight, [x, dw, dy], task, add)
    }

    /// Whether there is an algorithm for every direction.
    pub fn computes(&self, task: &Convolution<'_>) -> Result<bool> {
        let mut choices = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        for direction in [Direction::Forward, Direction::Input, Direction::Weight] {
            if self.portion(&mut choices, direction, task)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One direction on X (or dX), W (or dW) and Y (or dY), portion by portion.
    fn run(
        &self,
        gpu: &dyn Gpu,
        direction: Direction,
        [x, w, y]: [&Tensor; 3],
        task: &Convolution<'_>,
        done: &dyn Fn(bool) -> Result<()>,
    ) -> Result<bool> {
        let Convolution { geometry: g, images, precision } = *task;
        let dtype = precision.currents();
        let (in_size, out_size) = sizes(g);
        if [x, w, y].iter().any(|tensor| tensor.dtype() != dtype)
            || x.elem_count() != images * in_size
            || y.elem_count() != images * out_size
            || w.elem_count() != g.out_channels * g.patch()
        {
            bail!("cuDNN: {:?}, {:?} and {:?} do not make the convolution {g:?}", x.shape(), w.shape(), y.shape())
        }
        let (x, w, y) = (gpu.address(x)?, gpu.address(w)? as *mut c_void, gpu.address(y)?);
        // One call at a time: see the implementation of Send.
        let mut choices = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(together) = self.portion(&mut choices, direction, task)? else {
            return Ok(false);
        };
        for first in (0..images).step_by(together) {
            let count = together.min(images - first);
            let offset = |address: u64, size: usize| address + (first * size * dtype.size_in_bytes()) as u64;
            let places = [offset(x, in_size) as *mut c_void, w, offset(y, out_size) as *mut c_void];
            let Some(left) = choices.get_mut(&key(direction, g, count, precision)) else {
                return Ok(false);
            };
            // SAFETY: sizes were compared above, so that every portion lies inside its tensor; the tensors live
            // through the call, and memory is freed on the same stream.
            if !unsafe { self.first_that_runs(gpu, direction, places, g, count, precision, left)? } {
                return Ok(false);
            }
            done(first == 0)?;
        }
        Ok(true)
    }

    /// Takes the first of `choices` that runs; one that does not is taken off the list.
    ///
    /// # Safety
    /// `places` are `count` images, the weight and as many outputs of the geometry, in device memory.
    #[allow(clippy::too_many_arguments)]
    unsafe fn first_that_runs(
        &self,
        gpu: &dyn Gpu,
        direction: Direction,
        places: [*mut c_void; 3],
        g: &Geometry,
        count: usize,
        precision: Precision,
        choices: &mut Vec<Choice>,
    ) -> Result<bool> {
        let descriptors = Descriptors::new(g, count, precision)?;
        while let Some(&choice) = choices.first() {
            let problem = match gpu.alloc_uninit(&[choice.workspace.max(1)], DType::U8) {
                Ok(room) => {
                    descriptors.multiply_by(choice.math)?;
                    let room = gpu.address(&room)? as *mut c_void;
                    // SAFETY: the caller vouches for `places`; descriptors and workspace live through the call.
                    match unsafe { calls::convolve(self.handle, direction, &descriptors, places, choice, room) } {
                        Ok(()) => return Ok(true),
                        Err(error) => format!("{error:?}"),
                    }
                }
                Err(error) => error.to_string(),
            };
            tracing::warn!("cuDNN's algorithm {} for {direction:?} of {count} images, {g:?}: {problem}", choice.number);
            choices.remove(0);
        }
        Ok(false)
    }

    /// How many images to compute together; `None` where there is no algorithm for any number of them.
    fn portion(
        &self,
        choices: &mut HashMap<ShapeKey, Vec<Choice>>,
        direction: Direction,
        task: &Convolution<'_>,
    ) -> Result<Option<usize>> {
        let Convolution { geometry: g, images, precision } = *task;
        let (in_size, out_size) = sizes(g);
        let most = PORTION / in_size.max(out_size).max(1);
        let found = portion(images, most, |images| {
            let key = key(direction, g, images, precision);
            if let Some(known) = choices.get(&key) {
                return Ok(!known.is_empty());
            }
            let found = self.list(direction, g, images, precision)?;
            let usable = !found.is_empty();
            choices.insert(key, found);
            Ok::<_, candle_core::Error>(usable)
        })?;
        if found.is_none() {
            tracing::debug!("cuDNN has no algorithm for {direction:?} of {g:?} in {precision:?}");
        }
        Ok(found)
    }

    /// The algorithms that may be taken, fastest first.
    fn list(&self, direction: Direction, g: &Geometry, images: usize, precision: Precision) -> Result<Vec<Choice>> {
        let descriptors = Descriptors::new(g, images, precision)?;
        // A shape that the heuristics refuse has no algorithm.
        let named = calls::ask(self.handle, direction, &descriptors).unwrap_or_default();
        let mut choices = Vec::new();
        for candidate in named {
            let Some(math) = candidate.math_in(precision) else { continue };
            // The heuristics name the workspace for the math type that they thought of, and not every algorithm
            // computes in another.
            descriptors.multiply_by(math)?;
            match calls::workspace(self.handle, direction, &descriptors, candidate.number) {
                Ok(workspace) if workspace <= self.most_workspace => {
                    choices.push(Choice { number: candidate.number, math, workspace });
                }
                _ => {}
            }
        }
        Ok(choices)
    }
}

/// Elements of an image before and behind.
fn sizes(g: &Geometry) -> (usize, usize) {
    (g.in_pixels() * g.in_channels, g.out_pixels() * g.out_channels)
}

fn key(direction: Direction, g: &Geometry, images: usize, precision: Precision) -> ShapeKey {
    let sizes = [g.in_channels, g.out_channels, g.kernel, g.stride, g.padding, g.height, g.width];
    (direction, sizes, images, precision)
}
