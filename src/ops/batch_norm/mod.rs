//! Normalisation of currents by batch statistics, per group of time-steps and channel.
//!
//! The sequence X [T, B, C, ...] is cut along time into G groups of T / G steps. For group g and channel c, with m and
//! v the mean and the biased variance of X over the group's steps, the batch and the space,
//!
//!   Y = scale[g, c] (X - m[g, c]) / sqrt(v[g, c] + eps) + `shift[c]`.
//!
//! G = T is Batch Normalization Through Time (Kim & Panda 2021, eq. 6: every time-step has statistics and a scale gamma
//! of its own, and no shift); G = 1 shares them over time, as ordinary batch norm and tdBN do.
//!
//! The statistics of a group may be those of more than its own time-steps ([`Over`]): of the whole sequence (Temporal
//! Effective Batch Norm, Duan et al. 2022), or of all steps up to its last (Temporal Accumulated Batch Norm, Jiang et
//! al. 2024). Scale and shift are then a group's own all the same.
//!
//! Gradients flow through m and v: with h = (X - m) / sqrt(v + eps) and <.> the mean over what m is taken over,
//! `dX = scale / sqrt(v + eps) (dY - <dY> - h <dY h>)`, `d scale = sum dY h`, `d shift = sum dY`.

pub(super) mod cpu;
pub mod cuda;
pub(super) mod rows;

use super::channels_last::{channels_last, from_channels_last};
use super::gpu;
use super::values::values;
use candle_core::{Device, Result, Tensor, bail};

/// Mean and biased variance, both [G, C].
#[derive(Clone)]
pub struct Statistics {
    pub mean: Tensor,
    pub variance: Tensor,
}

impl Statistics {
    /// One group's as those of `groups`.
    pub fn repeated(&self, groups: usize) -> Result<Self> {
        Ok(Self { mean: self.mean.repeat((groups, 1))?, variance: self.variance.repeat((groups, 1))? })
    }
}

/// Which time-steps a group's statistics are over, and gradients flow through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Over {
    /// The group's own.
    #[default]
    Group,
    /// All of the sequence: the groups' statistics are the same.
    Sequence,
    /// All up to the group's last.
    Prefix,
}

impl Over {
    /// Groups that group `of` of `groups` shares its statistics with, itself among them.
    fn groups(self, of: usize, groups: usize) -> usize {
        match self {
            Self::Group => 1,
            Self::Sequence => groups,
            Self::Prefix => of + 1,
        }
    }
}

/// What a sequence is normalised with.
pub struct Normalization {
    pub with: Statistics,
    /// What `with` is over.
    pub over: Over,
    /// [G, C].
    pub scale: Tensor,
    /// `[C]`, or [G, C].
    pub shift: Option<Tensor>,
    /// Added to the variance.
    pub eps: f64,
}

impl Normalization {
    /// Lends the numbers to a CPU kernel.
    pub(super) fn lend<R>(&self, kernel: impl FnOnce(&cpu::Affine<'_>) -> Result<R>) -> Result<R> {
        let shift = self.shift.as_ref().map(values::<f32>).transpose()?;
        kernel(&cpu::Affine {
            mean: &values(&self.with.mean)?,
            variance: &values(&self.with.variance)?,
            scale: &values(&self.scale)?,
            shift: shift.as_deref(),
            eps: self.eps as f32,
            over: self.over,
        })
    }

    /// The shift's gradient as a tensor, where there is a shift.
    pub(super) fn shift_gradient(&self, sums: Vec<f32>, device: &Device) -> Result<Option<Tensor>> {
        self.shift.as_ref().map(|shift| Tensor::from_vec(sums, shift.shape(), device)).transpose()
    }
}

/// Gradients of the input [T, B, C, ...], the scale [G, C] and, where there is one, the shift, of its shape.
pub struct Gradients {
    pub input: Tensor,
    pub scale: Tensor,
    pub shift: Option<Tensor>,
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
    pub fn from_tensor(x: &Tensor, groups: usize) -> Result<Self> {
        let (t, b, channels, pixels) = match *x.dims() {
            [t, b, channels] => (t, b, channels, 1),
            [t, b, channels, height, width] => (t, b, channels, height * width),
            ref other => bail!("batch norm: expected [T, B, C, H, W] or [T, B, C], found {other:?}"),
        };
        if groups == 0 || t % groups != 0 {
            bail!("batch norm: {t} time-steps do not divide into {groups} groups")
        }
        Ok(Self { groups, items: t / groups * b, channels, pixels })
    }

    /// One group of all rows of `channels` channels.
    pub(super) fn whole(x: &Tensor, channels: usize) -> Self {
        Self { groups: 1, items: x.elem_count() / channels.max(1), channels, pixels: 1 }
    }

    /// Values per statistic.
    pub fn count(&self) -> usize {
        self.items * self.pixels
    }

    pub(super) fn table(&self) -> (usize, usize) {
        (self.groups, self.channels)
    }
}

/// Statistics of `x` [T, B, C, ...] in `groups` groups of time-steps.
pub fn statistics(x: &Tensor, groups: usize) -> Result<Statistics> {
    let g = Groups::from_tensor(x, groups)?;
    match x.device() {
        Device::Cpu => {
            let (mean, variance) = cpu::statistics(&values(&channels_last(x)?)?, &g);
            let table = |v| Tensor::from_vec(v, g.table(), x.device());
            Ok(Statistics { mean: table(mean)?, variance: table(variance)? })
        }
        device => cuda::statistics(&*gpu::for_device(device)?, x, &g),
    }
}

/// Statistics of all groups up to each, from those of each alone, which are over as many values.
pub fn accumulated(each: &Statistics) -> Result<Statistics> {
    let (groups, channels) = each.mean.dims2()?;
    match each.mean.device() {
        Device::Cpu => {
            let (mean, variance) = cpu::accumulated(&values(&each.mean)?, &values(&each.variance)?, channels);
            let table = |numbers| Tensor::from_vec(numbers, (groups, channels), &Device::Cpu);
            Ok(Statistics { mean: table(mean)?, variance: table(variance)? })
        }
        device => cuda::accumulated(&*gpu::for_device(device)?, each),
    }
}

/// Running statistics after a `batch` of `count` values a statistic: 1 - momentum of what they were, and momentum of
/// the batch's mean and unbiased variance.
pub fn follow(running: &Statistics, batch: &Statistics, momentum: f64, count: usize) -> Result<Statistics> {
    let unbiased = count as f64 / (count as f64 - 1.0).max(1.0);
    let (keep, share_of_variance) = (1.0 - momentum, momentum * unbiased);
    match running.mean.device() {
        Device::Cpu => Ok(Statistics {
            mean: ((&running.mean * keep)? + (&batch.mean * momentum)?)?,
            variance: ((&running.variance * keep)? + (&batch.variance * share_of_variance)?)?,
        }),
        device => cuda::follow(&*gpu::for_device(device)?, running, batch, [keep, momentum, share_of_variance]),
    }
}

/// Normalises `x` [T, B, C, ...].
pub fn normalize(x: &Tensor, norm: &Normalization) -> Result<Tensor> {
    let g = Groups::from_tensor(x, norm.scale.dim(0)?)?;
    match x.device() {
        Device::Cpu => {
            let tensor = channels_last(x)?;
            let y = norm.lend(|affine| Ok(cpu::normalize(&values(&tensor)?, affine, &g)))?;
            from_channels_last(y, x.dims(), x)
        }
        device => cuda::normalize(&*gpu::for_device(device)?, x, norm, &g),
    }
}

/// All gradients of [`normalize`] applied with the statistics of `x` itself.
pub fn gradients(x: &Tensor, grad: &Tensor, norm: &Normalization) -> Result<Gradients> {
    let g = Groups::from_tensor(x, norm.scale.dim(0)?)?;
    match x.device() {
        Device::Cpu => {
            let (tensor, grad) = (channels_last(x)?, channels_last(grad)?);
            let (input, scale, shift) =
                norm.lend(|affine| Ok(cpu::gradients(&values(&tensor)?, &values(&grad)?, affine, &g)))?;
            Ok(Gradients {
                input: from_channels_last(input, x.dims(), x)?,
                scale: Tensor::from_vec(scale, g.table(), x.device())?,
                shift: norm.shift_gradient(shift, x.device())?,
            })
        }
        device => cuda::gradients(&*gpu::for_device(device)?, x, grad, norm, &g),
    }
}
