//! cuDNN's functions of the three directions, told apart by [`Direction`].

use super::Direction;
use super::candidates::{Candidate, Choice};
use super::descriptors::Descriptors;
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use std::ffi::c_void;

/// Algorithms that the heuristics may name.
const CANDIDATES: usize = 16;

/// What the heuristics name, fastest first.
pub fn ask(handle: sys::cudnnHandle_t, direction: Direction, d: &Descriptors) -> Result<Vec<Candidate>, CudnnError> {
    macro_rules! ask {
        ($call:ident, $perf:ty, $($descriptor:expr),*) => {{
            let mut count = 0;
            // SAFETY: all zeros are a value of these plain records; the call writes `count` of at most CANDIDATES.
            let found = unsafe {
                let mut found: [$perf; CANDIDATES] = std::mem::zeroed();
                sys::$call(handle, $($descriptor,)* CANDIDATES as i32, &mut count, found.as_mut_ptr()).result()?;
                found
            };
            let named = found.iter().take(count.max(0) as usize);
            Ok(named
                .map(|perf| Candidate {
                    number: perf.algo as u32,
                    works: perf.status == sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS,
                    repeats: perf.determinism == sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC,
                    math: perf.mathType,
                })
                .collect())
        }};
    }
    let c = d.convolution;
    match direction {
        Direction::Forward => {
            ask!(cudnnGetConvolutionForwardAlgorithm_v7, sys::cudnnConvolutionFwdAlgoPerf_t, d.x, d.w, c, d.y)
        }
        Direction::Input => {
            ask!(cudnnGetConvolutionBackwardDataAlgorithm_v7, sys::cudnnConvolutionBwdDataAlgoPerf_t, d.w, d.y, c, d.x)
        }
        Direction::Weight => {
            ask!(
                cudnnGetConvolutionBackwardFilterAlgorithm_v7,
                sys::cudnnConvolutionBwdFilterAlgoPerf_t,
                d.x,
                d.y,
                c,
                d.w
            )
        }
    }
}

/// Algorithm numbers come from `ask`, where they were these enumerations.
macro_rules! algorithm {
    ($number:expr, $algorithm:ty) => {
        std::mem::transmute::<u32, $algorithm>($number)
    };
}

/// Bytes that algorithm `number` works in, with the math type that is set.
pub fn workspace(
    handle: sys::cudnnHandle_t,
    direction: Direction,
    d: &Descriptors,
    number: u32,
) -> Result<usize, CudnnError> {
    let c = d.convolution;
    // SAFETY: handle and descriptors are alive, and `number` is one that `ask` gave for this direction.
    unsafe {
        match direction {
            Direction::Forward => {
                let algorithm = algorithm!(number, sys::cudnnConvolutionFwdAlgo_t);
                result::get_convolution_forward_workspace_size(handle, d.x, d.w, c, d.y, algorithm)
            }
            Direction::Input => {
                let algorithm = algorithm!(number, sys::cudnnConvolutionBwdDataAlgo_t);
                result::get_convolution_backward_data_workspace_size(handle, d.w, d.y, c, d.x, algorithm)
            }
            Direction::Weight => {
                let algorithm = algorithm!(number, sys::cudnnConvolutionBwdFilterAlgo_t);
                result::get_convolution_backward_filter_workspace_size(handle, d.x, d.y, c, d.w, algorithm)
            }
        }
    }
}

/// Computes one portion: of X, W and Y, the last (forward), the first or the second from the others.
///
/// # Safety
/// X, W and Y are device memory of the descriptors' sizes, and `room` of `choice.workspace` bytes, valid until the
/// stream has come by.
pub unsafe fn convolve(
    handle: sys::cudnnHandle_t,
    direction: Direction,
    d: &Descriptors,
    [x, w, y]: [*mut c_void; 3],
    choice: Choice,
    room: *mut c_void,
) -> Result<(), CudnnError> {
    let (one, zero) = (1f32, 0f32);
    let (one, zero): (*const c_void, *const c_void) = ((&raw const one).cast(), (&raw const zero).cast());
    let (c, number, bytes) = (d.convolution, choice.number, choice.workspace);
    // SAFETY: the caller vouches for the memory; handle and descriptors are alive, and the factors are read before the
    // calls return.
    unsafe {
        match direction {
            Direction::Forward => {
                let algorithm = algorithm!(number, sys::cudnnConvolutionFwdAlgo_t);
                result::convolution_forward(handle, one, d.x, x, d.w, w, c, algorithm, room, bytes, zero, d.y, y)
            }
            Direction::Input => {
                let algorithm = algorithm!(number, sys::cudnnConvolutionBwdDataAlgo_t);
                result::convolution_backward_data(handle, one, d.w, w, d.y, y, c, algorithm, room, bytes, zero, d.x, x)
            }
            Direction::Weight => {
                let algorithm = algorithm!(number, sys::cudnnConvolutionBwdFilterAlgo_t);
                result::convolution_backward_filter(
                    handle, one, d.x, x, d.y, y, c, algorithm, room, bytes, zero, d.w, w,
                )
            }
        }
    }
}
