//! Counts the non-zero values of a sequence, weighted by position: synaptic operations.
//!
//! For time-step t and image b of a sequence X [T, B, C, H, W], with a whole weight for every pixel,
//!
//!   N[t, b] = sum over c, h, w with X[t, b, c, h, w] != 0 of weight[h, w];
//!
//! of [T, B, F] the features all weigh weight[0, 0]. Counts are exact.

mod cpu;

use super::channels_last::{channels_last, in_order};
use super::values::{SequenceValues, input};
use candle_core::{DType, Device, Result, Tensor, bail};

/// The counts of `x`, T rows of B. `weight` has H W numbers, or one for all places.
pub fn count(x: &Tensor, weight: &[u32]) -> Result<Vec<Vec<u64>>> {
    let (time_steps, images, channels, pixels) = match *x.dims() {
        [t, b, features] => (t, b, features, 1),
        [t, b, channels, height, width] => (t, b, channels, height * width),
        ref other => bail!("nonzero: expected [T, B, C, H, W] or [T, B, F], found {other:?}"),
    };
    let weight = match weight {
        &[all] => vec![all; pixels],
        each if each.len() == pixels => each.to_vec(),
        _ => bail!("nonzero: {} weights for {pixels} pixels", weight.len()),
    };
    let counts = match x.device() {
        Device::Cpu => match input(&channels_last(x)?)? {
            SequenceValues::Spikes(values) => cpu::count(&values, channels, &weight),
            SequenceValues::Floats(values) => cpu::count(&values, channels, &weight),
        },
        _ => count_by_tensors(x, channels, &weight)?,
    };
    Ok(counts.chunks(images.max(1)).take(time_steps).map(<[u64]>::to_vec).collect())
}

/// The same by candle's own operations, for devices without a kernel of ours: channels first, of which a float counts
/// all, then places in f64.
fn count_by_tensors(x: &Tensor, channels: usize, weight: &[u32]) -> Result<Vec<u64>> {
    let (pixels, images) = (weight.len(), x.dim(0)? * x.dim(1)?);
    if u32::try_from(x.elem_count()).is_err() {
        bail!("nonzero: {:?} are more elements than candle counts on a GPU, 2^32 - 1: use a smaller batch", x.dims())
    }
    let there = in_order(x)?.reshape((images, channels, pixels))?.to_dtype(DType::F32)?.ne(0f32)?;
    let of_pixel = there.to_dtype(DType::F32)?.sum(1)?.to_dtype(DType::F64)?;
    let weight: Vec<f64> = weight.iter().map(|&weight| f64::from(weight)).collect();
    let counts = of_pixel.broadcast_mul(&Tensor::new(weight, x.device())?)?.sum(1)?;
    Ok(counts.to_vec1::<f64>()?.into_iter().map(|count| count as u64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_zero_counts_with_the_weight_of_its_pixel() -> Result<()> {
        // One time-step, one image, two channels of 1 x 2 pixels; a negative spike counts as well.
        let x = Tensor::from_vec(vec![0f32, -1.0, 0.25, 2.0], (1, 1, 2, 1, 2), &Device::Cpu)?;
        assert_eq!(count(&x, &[10, 3])?, [[16]]);
        assert_eq!(count(&x, &[1])?, [[3]]);
        assert!(count(&x, &[1, 1, 1]).is_err());
        Ok(())
    }

    #[test]
    fn both_ways_agree_on_spikes_and_on_floats_however_they_lie() -> Result<()> {
        let values: Vec<u8> = (0..2 * 3 * 4 * 5 * 2).map(|i| u8::from(i % 7 < 3)).collect();
        let spikes = Tensor::from_vec(values, (2, 3, 4, 5, 2), &Device::Cpu)?;
        let weight: Vec<u32> = (1..=10).collect();
        let floats = spikes.to_dtype(DType::F32)?.affine(-0.5, 0.0)?;
        let tensor = channels_last(&spikes)?.permute((0, 1, 4, 2, 3))?;
        let expected = count(&spikes, &weight)?;
        assert_eq!([count(&floats, &weight)?, count(&tensor, &weight)?], [expected.clone(), expected.clone()]);
        assert_eq!(count_by_tensors(&spikes, 4, &weight)?, expected.concat());
        let features = spikes.reshape((2, 3, 40))?;
        assert_eq!(count(&features, &[2])?.concat(), count_by_tensors(&features, 40, &[2])?);
        Ok(())
    }
}
