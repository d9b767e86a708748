//! Normalisation of currents by batch statistics, per group of time-steps and channel.
//!
//! The sequence X [T, B, C, ...] is cut along time into G groups of T / G steps. For group g and channel c, with m and v
//! the mean and the biased variance of X over the group's steps, the batch and the space,
//!
//!   Y = scale[g, c] (X - m[g, c]) / sqrt(v[g, c] + eps) + shift[c].
//!
//! G = T is Batch Normalization Through Time (Kim & Panda 2021, eq. 6: every time-step has statistics and a scale gamma of
//! its own, and no shift); G = 1 shares them over time, as ordinary batch norm and tdBN do.
//!
//! Gradients flow through m and v: with h = (X - m) / sqrt(v + eps) and <.> the mean over what m is taken over,
//! dX = scale / sqrt(v + eps) (dY - <dY> - h <dY h>), d scale = sum dY h, d shift = sum dY.

mod cpu;

use super::no_kernel;
use super::values::values;
use candle_core::{Device, Result, Tensor, bail};

/// Mean and biased variance, both [G, C].
pub struct Statistics {
    pub mean: Tensor,
    pub variance: Tensor,
}

/// Gradients of the input [T, B, C, ...], the scale [G, C] and the shift [C].
pub struct Gradients {
    pub input: Tensor,
    pub scale: Tensor,
    pub shift: Tensor,
}

/// How a sequence is grouped: G groups of `items` images of C channels of `pixels`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    pub groups: usize,
    pub items: usize,
    pub channels: usize,
    pub pixels: usize,
}

impl Groups {
    /// Groups the sequence `x` [T, B, C, ...] along time.
    pub fn of(x: &Tensor, groups: usize) -> Result<Self> {
        let &[t, b, channels, ref space @ ..] = x.dims() else {
            bail!("batch norm: expected [T, B, C, ...], found {:?}", x.dims())
        };
        if groups == 0 || t % groups != 0 {
            bail!("batch norm: {t} time-steps do not divide into {groups} groups")
        }
        Ok(Self { groups, items: t / groups * b, channels, pixels: space.iter().product() })
    }

    /// Values per statistic.
    pub fn count(&self) -> usize {
        self.items * self.pixels
    }

    fn table(&self) -> (usize, usize) {
        (self.groups, self.channels)
    }
}

/// Statistics of `x` [T, B, C, ...] in `groups` groups of time-steps.
pub fn statistics(x: &Tensor, groups: usize) -> Result<Statistics> {
    let g = Groups::of(x, groups)?;
    match x.device() {
        Device::Cpu => {
            let (mean, variance) = cpu::statistics(&values(x)?, &g);
            let table = |v| Tensor::from_vec(v, g.table(), x.device());
            Ok(Statistics { mean: table(mean)?, variance: table(variance)? })
        }
        device => no_kernel("batch norm", device),
    }
}

/// Normalises `x` with given statistics and `scale` [G, C], `shift` [C].
pub fn normalize(x: &Tensor, with: &Statistics, scale: &Tensor, shift: Option<&Tensor>, eps: f64) -> Result<Tensor> {
    let g = Groups::of(x, scale.dim(0)?)?;
    match x.device() {
        Device::Cpu => {
            let shift = shift.map(values::<f32>).transpose()?;
            let affine = cpu::Affine {
                mean: &values(&with.mean)?,
                variance: &values(&with.variance)?,
                scale: &values(scale)?,
                shift: shift.as_deref(),
                eps: eps as f32,
            };
            Tensor::from_vec(cpu::normalize(&values(x)?, &affine, &g), x.shape(), x.device())
        }
        device => no_kernel("batch norm", device),
    }
}

/// All gradients of [`normalize`] applied with the statistics of `x` itself.
pub fn gradients(x: &Tensor, grad: &Tensor, with: &Statistics, scale: &Tensor, eps: f64) -> Result<Gradients> {
    let g = Groups::of(x, scale.dim(0)?)?;
    match x.device() {
        Device::Cpu => {
            let affine = cpu::Affine {
                mean: &values(&with.mean)?,
                variance: &values(&with.variance)?,
                scale: &values(scale)?,
                shift: None,
                eps: eps as f32,
            };
            let (input, scale, shift) = cpu::gradients(&values(x)?, &values(grad)?, &affine, &g);
            Ok(Gradients {
                input: Tensor::from_vec(input, x.shape(), x.device())?,
                scale: Tensor::from_vec(scale, g.table(), x.device())?,
                shift: Tensor::from_vec(shift, g.channels, x.device())?,
            })
        }
        device => no_kernel("batch norm", device),
    }
}
