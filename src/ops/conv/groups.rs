//! Convolution in groups of channels: a convolution for each, side by side.

use crate::ops::channels_last::{channels_first, channels_last};
use crate::ops::{Geometry, Precision, conv};
use candle_core::{Result, Tensor, bail};

/// G convolutions side by side: outputs o of group g = o G / O see the input channels of the same group alone, so that
/// W is [O, C / G, k, k]. With G = 1 it is [`conv::forward`] and its gradients.
#[derive(Debug, Clone, Copy)]
pub struct GroupedGeometry {
    /// That of one group.
    each: Geometry,
    groups: usize,
}

impl GroupedGeometry {
    /// The convolution `whole` in so many groups.
    ///
    /// # Errors
    /// Groups that do not divide its channels.
    pub fn new(whole: Geometry, groups: usize) -> Result<Self> {
        let divides = |channels: usize| groups > 0 && channels.is_multiple_of(groups);
        if !divides(whole.in_channels) || !divides(whole.out_channels) {
            bail!("conv: {groups} groups of {} channels to {}", whole.in_channels, whole.out_channels)
        }
        let (in_channels, out_channels) = (whole.in_channels / groups, whole.out_channels / groups);
        Ok(Self { each: Geometry { in_channels, out_channels, ..whole }, groups })
    }

    /// The convolution of `x` [..., C, H, W] with `weight` [O, C / G, k, k]: [..., O, H', W'].
    pub fn forward(&self, x: &Tensor, weight: &Tensor, precision: Precision) -> Result<Tensor> {
        let Self { each, groups } = self;
        if *groups == 1 {
            return conv::forward(x, weight, each, precision);
        }
        self.side_by_side(|group| {
            let (x, weight) = (self.of_input(x, group)?, self.of_weight(weight, group)?);
            conv::forward(&x, &weight, each, precision)
        })
    }

    /// The input's gradient [..., C, H, W] from the output's.
    pub fn input_gradient(&self, grad: &Tensor, weight: &Tensor, precision: Precision) -> Result<Tensor> {
        let Self { each, groups } = self;
        if *groups == 1 {
            return conv::input_gradient(grad, weight, each, precision);
        }
        self.side_by_side(|group| {
            let (grad, weight) = (self.of_output(grad, group)?, self.of_weight(weight, group)?);
            conv::input_gradient(&grad, &weight, each, precision)
        })
    }

    /// The weight's gradient [O, C / G, k, k], summed over the sequence.
    pub fn weight_gradient(&self, x: &Tensor, grad: &Tensor, precision: Precision) -> Result<Tensor> {
        let Self { each, groups } = self;
        if *groups == 1 {
            return conv::weight_gradient(x, grad, each, precision);
        }
        let of_group = |group| {
            let (x, grad) = (self.of_input(x, group)?, self.of_output(grad, group)?);
            conv::weight_gradient(&x, &grad, each, precision)
        };
        Tensor::cat(&(0..*groups).map(of_group).collect::<Result<Vec<_>>>()?, 0)
    }

    fn of_input(&self, x: &Tensor, group: usize) -> Result<Tensor> {
        channels(x, group, self.each.in_channels)
    }

    fn of_output(&self, y: &Tensor, group: usize) -> Result<Tensor> {
        channels(y, group, self.each.out_channels)
    }

    fn of_weight(&self, weight: &Tensor, group: usize) -> Result<Tensor> {
        let count = self.each.out_channels;
        weight.narrow(0, group * count, count)?.contiguous()
    }

    /// The channels of all groups, lying as one sequence does.
    fn side_by_side(&self, of_group: impl Fn(usize) -> Result<Tensor>) -> Result<Tensor> {
        let parts = (0..self.groups).map(|group| channels_last(&of_group(group)?)).collect::<Result<Vec<_>>>()?;
        let last = parts.first().map_or(0, |part| part.rank().saturating_sub(1));
        channels_first(&Tensor::cat(&parts, last)?)
    }
}

/// The channels of a group of `x` [..., C, H, W], lying as a sequence of their own.
fn channels(x: &Tensor, group: usize, count: usize) -> Result<Tensor> {
    let lying = channels_last(x)?;
    let last = lying.rank().saturating_sub(1);
    channels_first(&lying.narrow(last, group * count, count)?.contiguous()?)
}
