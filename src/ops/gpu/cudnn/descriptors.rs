//! The descriptors of a portion of images: what cuDNN is told of tensors and of the convolution.

use super::wrong;
use crate::ops::{Geometry, Precision};
use candle_core::Result;
use candle_core::cuda_backend::cudarc::cudnn::{result, sys};

/// All four of one portion, destroyed together.
pub struct Descriptors {
    pub x: sys::cudnnTensorDescriptor_t,
    pub y: sys::cudnnTensorDescriptor_t,
    pub w: sys::cudnnFilterDescriptor_t,
    pub convolution: sys::cudnnConvolutionDescriptor_t,
}

impl Descriptors {
    /// Of `images` images; their channels lie side by side. The math type is the one that suits `precision` best.
    pub fn new(g: &Geometry, images: usize, precision: Precision) -> Result<Self> {
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
        }
        made.multiply_by(math)?;
        Ok(made)
    }

    /// Sets how the convolution multiplies.
    pub fn multiply_by(&self, math: sys::cudnnMathType_t) -> Result<()> {
        // SAFETY: the descriptor lives as long as `self`.
        unsafe { result::set_convolution_math_type(self.convolution, math) }.map_err(wrong)
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
