//! How a sequence is stored: one that is the same at every time-step by construction is one step in memory, with a
//! stride of 0 in time.

use super::channels_last::channels_last;
use super::sum_over_time::sum_over_time;
use candle_core::{Result, Tensor};

/// The first time-step [1, B, ...] of a sequence that is the same at every step by construction: its stride in time is
/// 0.
pub fn once(x: &Tensor) -> Result<Option<Tensor>> {
    let constant = x.rank() > 1 && x.dim(0)? > 1 && x.stride().first() == Some(&0);
    if constant { Ok(Some(x.narrow(0, 0, 1)?)) } else { Ok(None) }
}

/// Repeats `step` [1, B, ...] over `time_steps` without copying it.
pub fn repeat(step: &Tensor, time_steps: usize) -> Result<Tensor> {
    let mut shape = step.dims().to_vec();
    shape.iter_mut().take(1).for_each(|steps| *steps = time_steps);
    step.broadcast_as(shape)
}

/// The input that backward multiplies with, and the gradient that belongs to it: summed over time where the input was
/// constant, since then its one step served all.
pub fn per_input(x: &Tensor, grad: &Tensor) -> Result<(Tensor, Tensor)> {
    match once(x)? {
        Some(step) if grad.dim(0)? > 1 => Ok((step, sum_over_time(grad)?)),
        Some(step) => Ok((step, grad.clone())),
        None => Ok((x.clone(), grad.clone())),
    }
}

/// A sequence as it lies in memory: one time-step where its stride in time is 0.
pub(super) struct ChannelsLast {
    /// Channels last.
    pub tensor: Tensor,
    pub constant: bool,
    pub time_steps: usize,
}

impl ChannelsLast {
    pub fn new(x: &Tensor) -> Result<Self> {
        let time_steps = x.dim(0)?;
        let constant = time_steps > 1 && x.stride()[0] == 0;
        let tensor = channels_last(&if constant { x.narrow(0, 0, 1)? } else { x.clone() })?;
        Ok(Self { tensor, constant, time_steps })
    }

    /// With every time-step written out.
    pub fn whole(x: &Tensor) -> Result<Self> {
        Ok(Self { tensor: channels_last(x)?, constant: false, time_steps: x.dim(0)? })
    }
}
