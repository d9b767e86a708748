//! A learned number for every channel: Y[n, o, ...] = X[n, o, ...] + `b[o]`, `db[o]` = sum over n and space of dY[n, o,
//! ...].
//!
//! X [T, B, O, H, W] or [T, B, O], b `[O]`.

pub mod cuda;

use super::channels_last::{channels_last, from_channels_last};
use super::gpu;
use super::values::values;
use candle_core::{Device, Result, Tensor, bail};
use rayon::prelude::*;

/// Rows of channels per task, and per partial sum of the gradient.
const ROWS: usize = 1024;

/// `x` plus `bias` `[O]`.
pub fn add(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => {
            let (tensor, b) = (channels_last(x)?, values::<f32>(bias)?);
            check(&tensor, b.len())?;
            let mut y = values::<f32>(&tensor)?.to_vec();
            y.par_chunks_mut((ROWS * b.len()).max(1)).for_each(|rows| {
                for row in rows.chunks_mut(b.len()) {
                    row.iter_mut().zip(b.iter()).for_each(|(y, b)| *y += b);
                }
            });
            from_channels_last(y, x.dims(), x)
        }
        device => cuda::add(&*gpu::for_device(device)?, x, bias),
    }
}

/// The bias's gradient `[O]` from the output's, `grad`; sums in double precision, in order.
pub fn gradient(grad: &Tensor, channels: usize) -> Result<Tensor> {
    match grad.device() {
        Device::Cpu => {
            let tensor = channels_last(grad)?;
            check(&tensor, channels)?;
            let dy = values::<f32>(&tensor)?;
            let parts: Vec<Vec<f64>> = dy
                .par_chunks((ROWS * channels).max(1))
                .map(|rows| {
                    let mut sum = vec![0f64; channels];
                    for row in rows.chunks(channels) {
                        sum.iter_mut().zip(row).for_each(|(sum, &dy)| *sum += f64::from(dy));
                    }
                    sum
                })
                .collect();
            let total = |channel: usize| parts.iter().map(|part| part[channel]).sum::<f64>() as f32;
            Tensor::from_vec((0..channels).map(total).collect::<Vec<_>>(), channels, grad.device())
        }
        device => cuda::gradient(&*gpu::for_device(device)?, grad, channels),
    }
}

fn check(tensor: &Tensor, channels: usize) -> Result<()> {
    match tensor.dims().last() {
        Some(&found) if found == channels && channels > 0 => Ok(()),
        _ => bail!("bias: {channels} values for {:?} (channels last)", tensor.dims()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bias_belongs_to_its_channel_of_images_and_of_features() -> Result<()> {
        let (device, bias) = (&Device::Cpu, Tensor::new(&[10f32, 20.], &Device::Cpu)?);
        let images = Tensor::arange(0f32, 8., device)?.reshape((1, 2, 2, 1, 2))?;
        let y = add(&images, &bias)?;
        assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [10., 11., 22., 23., 14., 15., 26., 27.]);
        assert_eq!(gradient(&images, 2)?.to_vec1::<f32>()?, [10., 18.]);
        let features = Tensor::arange(0f32, 4., device)?.reshape((2, 1, 2))?;
        assert_eq!(add(&features, &bias)?.flatten_all()?.to_vec1::<f32>()?, [10., 21., 12., 23.]);
        assert_eq!(gradient(&features, 2)?.to_vec1::<f32>()?, [2., 4.]);
        assert!(add(&features.narrow(2, 0, 1)?, &bias).is_err());
        Ok(())
    }
}
