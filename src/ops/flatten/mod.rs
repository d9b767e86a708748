//! Images to vectors: [T, B, C, H, W] to [T, B, C H W] in that order, and back.
//!
//! In memory the channels of a pixel lie side by side before and the pixels of a channel after.

mod cpu;
pub mod cuda;

use super::channels_last::{channels_last, from_channels_last};
use super::gpu;
use super::values::{SequenceValues, input};
use candle_core::{Device, Result, Tensor, bail};

/// `x` [..., C, H, W] as [..., C H W].
pub fn forward(x: &Tensor) -> Result<Tensor> {
    let &[ref lead @ .., channels, height, width] = x.dims() else {
        bail!("flatten: expected images, found {:?}", x.dims())
    };
    let shape = [lead, &[channels * height * width]].concat();
    match x.device() {
        Device::Cpu => {
            let tensor = channels_last(x)?;
            match input(&tensor)? {
                SequenceValues::Floats(x) => {
                    Tensor::from_vec(cpu::transposed(&x, height * width, channels), shape, &Device::Cpu)
                }
                SequenceValues::Spikes(x) => {
                    Tensor::from_vec(cpu::transposed(&x, height * width, channels), shape, &Device::Cpu)
                }
            }
        }
        device => cuda::forward(&*gpu::for_device(device)?, x, &shape, channels, height * width),
    }
}

/// `grad` [..., C H W] as `shape` [..., C, H, W].
pub fn gradient(grad: &Tensor, shape: &[usize]) -> Result<Tensor> {
    let &[.., channels, height, width] = shape else { bail!("flatten: expected images, found {shape:?}") };
    match grad.device() {
        Device::Cpu => {
            let grad = grad.contiguous()?;
            let values = super::values::values::<f32>(&grad)?;
            from_channels_last(cpu::transposed(&values, channels, height * width), shape, &grad)
        }
        device => cuda::gradient(&*gpu::for_device(device)?, grad, shape, channels, height * width),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_in_the_order_of_channels_rows_and_columns_and_go_back_to_where_they_came_from() -> Result<()> {
        let x = Tensor::arange(0f32, 2. * 2. * 3. * 2. * 2., &Device::Cpu)?.reshape((2, 2, 3, 2, 2))?;
        let tensor = channels_last(&x)?.permute((0, 1, 4, 2, 3))?;
        assert!(!tensor.is_contiguous());
        let flat = forward(&tensor)?;
        assert_eq!(flat.flatten_all()?.to_vec1::<f32>()?, x.flatten_all()?.to_vec1::<f32>()?);
        assert_eq!(flat.dims(), [2, 2, 12]);
        let back = gradient(&flat, x.dims())?;
        assert_eq!(back.flatten_all()?.to_vec1::<f32>()?, x.flatten_all()?.to_vec1::<f32>()?);
        assert_eq!(back.stride(), tensor.stride());
        Ok(())
    }
}
