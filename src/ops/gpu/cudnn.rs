//! Convolutions by cuDNN, on images whose channels lie side by side (NHWC), time-steps folded into the batch.
//!
//! For every shape the fastest deterministic algorithm that cuDNN's heuristics name is chosen once. Images go in
//! portions small enough for its 31-bit sizes; the weight's gradient adds them in order.

use super::{Convolution, Gpu};
use crate::ops::Geometry;
use crate::ops::Precision;
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use candle_core::{CudaDevice, DType, Result, Tensor, bail};
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

/// Elements of a portion's larger side.
const PORTION: usize = 1 << 30;
/// Bytes that an algorithm may work in.
const WORKSPACE: usize = 1 << 30;

/// Algorithms that the heuristics may name.
const CANDIDATES: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Direction {
    Forward,
    Input,
    Weight,
}

/// What an algorithm is chosen for: direction, sizes, images, precision.
type AlgorithmKey = (Direction, [usize; 7], usize, Precision);

/// An algorithm's number among those of its direction, and the bytes it works in.
type Choice = (u32, usize);

/// A handle on the device's stream, and the algorithms chosen so far.
pub struct Cudnn {
    handle: sys::cudnnHandle_t,
    chosen: Mutex<HashMap<AlgorithmKey, Choice>>,
}

// SAFETY: cuDNN allows a handle on several threads as long as calls do not overlap; every call is made under the lock
// of `chosen`.
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

/// The descriptors of one portion, destroyed together.
struct Descriptors {
    x: sys::cudnnTensorDescriptor_t,
    y: sys::cudnnTensorDescriptor_t,
    w: sys::cudnnFilterDescriptor_t,
    convolution: sys::cudnnConvolutionDescriptor_t,
}

impl Descriptors {
    fn new(g: &Geometry, images: usize, precision: Precision) -> Result<Self> {
        let (x, y) =
            (result::create_tensor_descriptor().map_err(wrong)?, result::create_tensor_descriptor().map_err(wrong)?);
        let w = result::create_filter_descriptor().map_err(wrong)?;
        let convolution = result::create_convolution_descriptor().map_err(wrong)?;
        let made = Self { x, y, w, convolution };
        let format = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
        let (data, math) = match precision {
            Precision::F32 => (sys::cudnnDataType_t::CUDNN_DATA_FLOAT, sys::cudnnMathType_t::CUDNN_FMA_MATH),
            Precision::Tf32 => (sys::cudnnDataType_t::CUDNN_DATA_FLOAT, sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH),
            Precision::Bf16 => (sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16, sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH),
        };
        let (padding, stride) = (g.padding as i32, g.stride as i32);
        let [n, c, h, w_] = [images, g.in_channels, g.height, g.width].map(|size| size as i32);
        let [o, out_h, out_w, k] = [g.out_channels, g.out_height(), g.out_width(), g.kernel].map(|size| size as i32);
        let single = sys::cudnnDataType_t::CUDNN_DATA_FLOAT;
        let correlation = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        // SAFETY: all descriptors were made above and are alive.
        unsafe {
            result::set_tensor4d_descriptor(x, format, data, [n, c, h, w_]).map_err(wrong)?;
            result::set_tensor4d_descriptor(y, format, data, [n, o, out_h, out_w]).map_err(wrong)?;
            result::set_filter4d_descriptor(w, data, format, [o, c, k, k]).map_err(wrong)?;
            result::set_convolution2d_descriptor(
                convolution,
                padding,
                padding,
                stride,
                stride,
                1,
                1,
                correlation,
                single,
            )
            .map_err(wrong)?;
            result::set_convolution_math_type(convolution, math).map_err(wrong)?;
        }
        Ok(made)
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed here alone; a failure leaves a few bytes behind.
        unsafe {
            let _ = result::destroy_tensor_descriptor(self.x);
            let _ = result::destroy_tensor_descriptor(self.y);
            let _ = result::destroy_filter_descriptor(self.w);
            let _ = result::destroy_convolution_descriptor(self.convolution);
        }
    }
}

fn wrong(error: CudnnError) -> candle_core::Error {
    candle_core::Error::msg(format!("cuDNN: {error:?}"))
}

impl Cudnn {
    pub fn new(cuda: &CudaDevice) -> Result<Self> {
        let stream = cuda.cuda_stream();
        stream.context().bind_to_thread().map_err(candle_core::Error::wrap)?;
        let handle = result::create_handle().map_err(wrong)?;
        let made = Self { handle, chosen: Mutex::default() };
        // SAFETY: the handle is alive, and the stream lives as long as the device that the handle works on.
        unsafe { result::set_stream(handle, stream.cu_stream() as sys::cudaStream_t) }.map_err(wrong)?;
        Ok(made)
    }

    pub fn forward(&self, gpu: &dyn Gpu, x: &Tensor, w: &Tensor, y: &Tensor, task: &Convolution<'_>) -> Result<()> {
        self.run(gpu, Direction::Forward, [x, w, y], task)
    }

    pub fn input_gradient(
        &self,
        gpu: &dyn Gpu,
        dy: &Tensor,
        w: &Tensor,
        dx: &Tensor,
        task: &Convolution<'_>,
    ) -> Result<()> {
        self.run(gpu, Direction::Input, [dx, w, dy], task)
    }

    pub fn weight_gradient(
        &self,
        gpu: &dyn Gpu,
        x: &Tensor,
        dy: &Tensor,
        dw: &Tensor,
        task: &Convolution<'_>,
    ) -> Result<()> {
        self.run(gpu, Direction::Weight, [x, dw, dy], task)
    }

    /// One direction on X (or dX), W (or dW) and Y (or dY), portion by portion.
    fn run(&self, gpu: &dyn Gpu, direction: Direction, [x, w, y]: [&Tensor; 3], task: &Convolution<'_>) -> Result<()> {
        let Convolution { geometry: g, images, precision } = *task;
        let dtype = precision.currents();
        let (in_size, out_size) = (g.in_channels * g.height * g.width, g.out_channels * g.out_height() * g.out_width());
        if [x, w, y].iter().any(|tensor| tensor.dtype() != dtype)
            || x.elem_count() != images * in_size
            || y.elem_count() != images * out_size
            || w.elem_count() != g.out_channels * g.in_channels * g.kernel * g.kernel
        {
            bail!("cuDNN: {:?}, {:?} and {:?} do not make the convolution {g:?}", x.shape(), w.shape(), y.shape())
        }
        let together = (PORTION / in_size.max(out_size)).clamp(1, images);
        let (x, w, y) = (gpu.address(x)?, gpu.address(w)?, gpu.address(y)?);
        // One call at a time: see the implementation of Send.
        let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        for first in (0..images).step_by(together) {
            let count = together.min(images - first);
            let descriptors = Descriptors::new(g, count, precision)?;
            let sizes = [g.in_channels, g.out_channels, g.kernel, g.stride, g.padding, g.height, g.width];
            let key = (direction, sizes, count, precision);
            let (algorithm, bytes) = match chosen.get(&key) {
                Some(choice) => *choice,
                None => {
                    let choice = self.choose(direction, &descriptors, g, count, precision)?;
                    chosen.insert(key, choice);
                    choice
                }
            };
            let workspace = gpu.alloc_uninit(&[bytes.max(1)], DType::U8)?;
            let offset = |address: u64, size: usize| address + (first * size * dtype.size_in_bytes()) as u64;
            let (x, y) = (offset(x, in_size) as *mut c_void, offset(y, out_size) as *mut c_void);
            let (w, room) = (w as *mut c_void, gpu.address(&workspace)? as *mut c_void);
            let (alpha, beta) = (1f32, if direction == Direction::Weight && first > 0 { 1f32 } else { 0f32 });
            let (alpha, beta): (*const c_void, *const c_void) = ((&raw const alpha).cast(), (&raw const beta).cast());
            let d = &descriptors;
            // SAFETY: sizes were compared above, so that every portion lies inside its tensor; descriptors and
            // workspace live through the call, and memory is freed on the same stream. Algorithm numbers come from
            // cuDNN itself.
            let done = unsafe {
                match direction {
                    Direction::Forward => result::convolution_forward(
                        self.handle,
                        alpha,
                        d.x,
                        x,
                        d.w,
                        w,
                        d.convolution,
                        std::mem::transmute::<u32, sys::cudnnConvolutionFwdAlgo_t>(algorithm),
                        room,
                        bytes,
                        beta,
                        d.y,
                        y,
                    ),
                    Direction::Input => result::convolution_backward_data(
                        self.handle,
                        alpha,
                        d.w,
                        w,
                        d.y,
                        y,
                        d.convolution,
                        std::mem::transmute::<u32, sys::cudnnConvolutionBwdDataAlgo_t>(algorithm),
                        room,
                        bytes,
                        beta,
                        d.x,
                        x,
                    ),
                    Direction::Weight => result::convolution_backward_filter(
                        self.handle,
                        alpha,
                        d.x,
                        x,
                        d.y,
                        y,
                        d.convolution,
                        std::mem::transmute::<u32, sys::cudnnConvolutionBwdFilterAlgo_t>(algorithm),
                        room,
                        bytes,
                        beta,
                        d.w,
                        w,
                    ),
                }
            };
            done.map_err(|error| candle_core::Error::msg(format!("cuDNN, {direction:?} of {g:?}: {error:?}")))?;
        }
        Ok(())
    }

    /// The first algorithm that the heuristics name, fastest first, that repeats its bits and fits the workspace.
    fn choose(
        &self,
        direction: Direction,
        d: &Descriptors,
        g: &Geometry,
        images: usize,
        precision: Precision,
    ) -> Result<Choice> {
        /// What the heuristics say of one algorithm: number, whether it works, repeats its bits, and its bytes.
        type Named = (u32, bool, bool, usize);
        macro_rules! ask {
            ($call:ident, $perf:ty, $($descriptor:expr),*) => {{
                let mut count = 0;
                // SAFETY: all zeros are a value of these plain records; the call writes `count` of at most CANDIDATES.
                let found = unsafe {
                    let mut found: [$perf; CANDIDATES] = std::mem::zeroed();
                    sys::$call(self.handle, $($descriptor,)* CANDIDATES as i32, &mut count, found.as_mut_ptr())
                        .result()
                        .map_err(wrong)?;
                    found
                };
                found[..(count as usize).min(CANDIDATES)]
                    .iter()
                    .map(|perf| {
                        let works = perf.status == sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS;
                        let repeats = perf.determinism == sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC;
                        (perf.algo as u32, works, repeats, perf.memory)
                    })
                    .collect::<Vec<Named>>()
            }};
        }
        let named: Vec<Named> = match direction {
            Direction::Forward => {
                ask!(
                    cudnnGetConvolutionForwardAlgorithm_v7,
                    sys::cudnnConvolutionFwdAlgoPerf_t,
                    d.x,
                    d.w,
                    d.convolution,
                    d.y
                )
            }
            Direction::Input => ask!(
                cudnnGetConvolutionBackwardDataAlgorithm_v7,
                sys::cudnnConvolutionBwdDataAlgoPerf_t,
                d.w,
                d.y,
                d.convolution,
                d.x
            ),
            Direction::Weight => ask!(
                cudnnGetConvolutionBackwardFilterAlgorithm_v7,
                sys::cudnnConvolutionBwdFilterAlgoPerf_t,
                d.x,
                d.y,
                d.convolution,
                d.w
            ),
        };
        match named.iter().find(|(_, works, repeats, bytes)| *works && *repeats && *bytes <= WORKSPACE) {
            Some((algorithm, _, _, bytes)) => Ok((*algorithm, *bytes)),
            None => bail!(
                "cuDNN has no algorithm that repeats its bits for {direction:?} of {images} images, {g:?}, {precision:?}; \
                 a build without the cudnn feature computes it by patches and products"
            ),
        }
    }
}
