//! Casts between spikes (`u8`), `f32` and `bf16`.

pub mod cuda;

use super::channels_last::{channels_first, channels_last, from_channels_last};
use super::gpu;
use super::values::{SequenceValues, input};
use candle_core::{DType, Device, Result, Tensor};

/// Spikes as currents (`f32`); what is no byte stays as it is.
pub fn currents(x: &Tensor) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => {
            let tensor = channels_last(x)?;
            match input(&tensor)? {
                SequenceValues::Floats(_) => Ok(x.clone()),
                SequenceValues::Spikes(spikes) => {
                    from_channels_last(spikes.iter().map(|&s| f32::from(s)).collect::<Vec<_>>(), x.dims(), x)
                }
            }
        }
        device if x.dtype() == DType::U8 => {
            channels_first(&cuda::cast(&*gpu::for_device(device)?, &channels_last(x)?, DType::F32)?)
        }
        _ => Ok(x.clone()),
    }
}
