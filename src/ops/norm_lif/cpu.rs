//! Batch norm and LIF on the CPU: the LIF kernel with currents that are normalised block by block, in the cache.

use crate::ops::batch_norm::Groups;
use crate::ops::batch_norm::cpu::{
    Affine, GradientSums, GroupScaleShift, Reverse, ScaleShift, for_chunks, parameter_gradients,
};
use crate::ops::lif::cpu as lif;
use crate::ops::lif::cpu::{Currents, Sequence};
use crate::ops::lif::neuron::StepCurrents;
use crate::ops::lif::neurons::HostNeurons;

/// Tasks that may each keep sums of their own.
const TASKS: usize = 64;
/// Rows that a task has at least for each time that it keeps sums.
const ROWS: usize = 32;

/// Currents that are normalised on the way.
struct NormalizedCurrents<'a> {
    scale_shift: ScaleShift,
    mean: &'a [f32],
    groups: &'a Groups,
    steps_per_group: usize,
}

impl<'a> NormalizedCurrents<'a> {
    fn new(affine: &Affine<'a>, groups: &'a Groups, time_steps: usize) -> Self {
        Self {
            scale_shift: affine.scale_shift(groups),
            mean: affine.mean,
            groups,
            steps_per_group: time_steps / groups.groups,
        }
    }
}

impl Currents for NormalizedCurrents<'_> {
    /// The sums of every group.
    type Gathered = Vec<GradientSums>;
    type AtStep<'a>
        = GroupScaleShift<'a>
    where
        Self: 'a;

    fn row(&self) -> Option<usize> {
        Some(self.groups.channels)
    }

    fn tasks(&self) -> usize {
        (self.groups.count() / self.steps_per_group / ROWS).clamp(1, TASKS)
    }

    fn gather(&self) -> Vec<GradientSums> {
        (0..self.groups.groups).map(|_| GradientSums::none(self.groups.channels)).collect()
    }

    fn at_step(&self, t: usize) -> GroupScaleShift<'_> {
        self.scale_shift.group(t / self.steps_per_group, self.groups.channels)
    }

    fn observe(&self, t: usize, stored: &[f32], gradient: &[f32], gathered: &mut Vec<GradientSums>) {
        let group = t / self.steps_per_group;
        let mean = &self.mean[group * self.groups.channels..][..self.groups.channels];
        gathered[group].add(stored, gradient, mean);
    }
}

impl StepCurrents for GroupScaleShift<'_> {
    #[inline(always)]
    fn part(self, first: usize, n: usize) -> Self {
        Self { factor: &self.factor[first..][..n], offset: &self.offset[first..][..n] }
    }

    #[inline(always)]
    fn at(&self, channel: usize, stored: f32) -> f32 {
        stored * self.factor[channel] + self.offset[channel]
    }
}

/// Spikes [T, n], and how many are 1.
pub fn forward(x: Sequence<'_>, neurons: &HostNeurons, affine: &Affine<'_>, g: &Groups) -> (Vec<u8>, u64) {
    lif::forward(x, neurons, &NormalizedCurrents::new(affine, g, x.time_steps()))
}

/// Gradients of the norm's input, scale and shift, and of what neurons learn.
pub struct NormLifReverse {
    /// [T, n] or, where it is constant in time, [n].
    pub input: Vec<f32>,
    /// [G, C]
    pub scale: Vec<f32>,
    /// [C], or [G, C]
    pub shift: Vec<f32>,
    /// As of [`lif::NeuronReverse`].
    pub learned: Option<[Vec<f64>; 2]>,
}

/// All gradients.
pub fn gradients(
    x: Sequence<'_>,
    grad: &[f32],
    neurons: &HostNeurons,
    affine: &Affine<'_>,
    g: &Groups,
) -> NormLifReverse {
    let normalised = NormalizedCurrents::new(affine, g, x.time_steps());
    let lif::NeuronReverse { currents: mut gradient, gathered, learned } = lif::gradient(x, grad, neurons, &normalised);
    let sums = gathered.into_iter().fold(normalised.gather(), |total, more| {
        total.into_iter().zip(more).map(|(total, more)| total.plus(more)).collect()
    });
    let (scale, shift) = parameter_gradients(&sums, affine, g);
    let reverse = Reverse::new(&sums, affine, g);
    let input = match x.one_step() {
        None => {
            let x = x.values();
            for_chunks(g, &mut gradient, |group, at, dy| reverse.apply(group, g.channels, &x[at], dy));
            gradient
        }
        Some(x) => lif::sum_over_time(&gradient, x.len(), g.channels, |t, at, dy| {
            reverse.apply(t / normalised.steps_per_group, g.channels, &x[at], dy);
        }),
    };
    NormLifReverse { input, scale, shift, learned }
}
