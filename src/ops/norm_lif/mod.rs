//! Batch norm and the leaky integrate-and-fire neurons that it feeds as one op: Y = norm(X) never exists in memory.
//!
//! The equations are those of [`super::batch_norm`] and [`super::lif`], one after the other, and so are the results, to
//! the last bit of the spikes. X [T, B, C, ...] `f32`, S [T, B, C, ...] `u8`. Forward reads X once more than the
//! statistics do; backward needs X and the statistics alone: it computes the potentials again, runs time in reverse,
//! sums dY and dY (X - m) for every group and channel as it goes, and then turns dY into dX where it stands.
//!
//! Where X is constant in time (its stride in time is 0) it is stored and read as one time-step, and its gradient is
//! one time-step, the sum.

mod cpu;
pub mod cuda;

use super::batch_norm::{Gradients, Groups, Normalization};
use super::channels_last::{channels_last, from_channels_last};
use super::gpu;
use super::lif::{
    LearnedGradients, Neurons, SpikeGradient, SpikeOutput, SpikeStorage, cpu::Sequence, neurons::HostNeurons,
};
use super::sequence::ChannelsLast;
use super::values::values;
use candle_core::{Device, Result, Tensor};

/// Spikes [T, B, C, ...] of the normalised `x`.
pub fn forward(x: &Tensor, norm: &Normalization, neurons: &Neurons, storage: SpikeStorage) -> Result<SpikeOutput> {
    let g = Groups::from_tensor(x, norm.scale.dim(0)?)?;
    match x.device() {
        Device::Cpu => {
            let stored = ChannelsLast::new(x)?;
            let (tensor, host) = (values(&stored.tensor)?, HostNeurons::new(neurons)?);
            let spikes = norm.lend(|affine| Ok(cpu::forward(Sequence::stored(&stored, &tensor), &host, affine, &g)))?;
            SpikeOutput::new(spikes, x)
        }
        device => cuda::forward(&*gpu::for_device(device)?, x, norm, neurons, storage, &g),
    }
}

/// What [`gradients`] gives: of the norm, and of what its neurons learn.
pub struct NormLifGradients {
    pub norm: Gradients,
    pub learned: LearnedGradients,
}

/// All gradients, the statistics being those of `x` itself. `x` and the spikes' gradient `grad` are [T, B, C, ...].
pub fn gradients<'a>(
    x: &Tensor,
    grad: impl Into<SpikeGradient<'a>>,
    norm: &Normalization,
    neurons: &Neurons,
) -> Result<NormLifGradients> {
    let (g, grad) = (Groups::from_tensor(x, norm.scale.dim(0)?)?, grad.into());
    match x.device() {
        Device::Cpu => {
            let (stored, grad) = (ChannelsLast::new(x)?, channels_last(&grad.whole(x)?)?);
            let (tensor, host) = (values(&stored.tensor)?, HostNeurons::new(neurons)?);
            let cpu::NormLifReverse { input, scale, shift, learned } = norm.lend(|affine| {
                Ok(cpu::gradients(Sequence::stored(&stored, &tensor), &values(&grad)?, &host, affine, &g))
            })?;
            let mut shape = x.dims().to_vec();
            if stored.constant {
                shape[0] = 1;
            }
            let norm = Gradients {
                input: from_channels_last(input, &shape, x)?,
                scale: Tensor::from_vec(scale, g.table(), x.device())?,
                shift: norm.shift_gradient(shift, x.device())?,
            };
            Ok(NormLifGradients { norm, learned: LearnedGradients::of_channels(learned, neurons)? })
        }
        device => cuda::gradients(&*gpu::for_device(device)?, x, &grad, norm, neurons, &g),
    }
}
