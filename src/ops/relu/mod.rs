//! Rectified linear units: Y = max(X, 0), dX = dY where X > 0 and 0 elsewhere, at every time-step by itself.
//!
//! Backward needs no more than where X was above 0: a byte an element. What is not a number stays that. X [T, B, ...]
//! are currents. Source: Nair & Hinton 2010.

mod cpu;
pub mod cuda;

use super::channels_last::{channels_last, from_channels_last};
use super::gpu;
use super::values::values;
use candle_core::{Device, Result, Tensor};

/// Y, and where X is above 0 (`u8`).
pub fn forward(x: &Tensor) -> Result<(Tensor, Tensor)> {
    match x.device() {
        Device::Cpu => {
            let (y, active) = cpu::forward(&values(&channels_last(x)?)?);
            Ok((from_channels_last(y, x.dims(), x)?, from_channels_last(active, x.dims(), x)?))
        }
        device => cuda::forward(&*gpu::for_device(device)?, x),
    }
}

/// dX from dY, and from where X was above 0.
pub fn gradient(grad: &Tensor, active: &Tensor) -> Result<Tensor> {
    if grad.dims() != active.dims() {
        candle_core::bail!("relu: a gradient of {:?} for {:?}", grad.dims(), active.dims())
    }
    match grad.device() {
        Device::Cpu => {
            let (dy, active) = (channels_last(grad)?, channels_last(active)?);
            from_channels_last(cpu::gradient(&values(&dy)?, &values(&active)?), grad.dims(), grad)
        }
        device => cuda::gradient(&*gpu::for_device(device)?, grad, active),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_zero_becomes_zero_and_passes_no_gradient() -> Result<()> {
        let x = Tensor::new(&[[[-1f32, 0.0, 2.0]], [[f32::NAN, 3.0, -0.0]]], &Device::Cpu)?;
        let (y, active) = forward(&x)?;
        let y = y.flatten_all()?.to_vec1::<f32>()?;
        assert_eq!([&y[..3], &y[4..]].concat(), [0., 0., 2., 3., 0.]);
        assert!(y[3].is_nan(), "numbers that are none must be seen");
        assert_eq!(active.flatten_all()?.to_vec1::<u8>()?, [0, 0, 1, 0, 1, 0]);
        let grad = Tensor::new(&[[[1f32, 2.0, 3.0]], [[4.0, 5.0, 6.0]]], &Device::Cpu)?;
        assert_eq!(gradient(&grad, &active)?.flatten_all()?.to_vec1::<f32>()?, [0., 0., 3., 0., 5., 0.]);
        assert!(gradient(&grad.narrow(0, 0, 1)?, &active).is_err());
        Ok(())
    }
}
