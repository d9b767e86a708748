//! How a block of neurons goes back by one time-step: as the usual neurons do, or in general.

use super::Surrogate;
use super::neuron::{CellRows, Cells, Neuron, NeuronCell, StepPotentials, slopes};
use super::surrogate::Derivative;
use crate::ops::simd::vectorized;

/// A step of the reverse, on all neurons of a block.
pub(super) trait StepBack: Sync {
    /// What a task has besides gradients: rows of scratch, and what it adds up.
    type Task: Send;

    /// Whether the currents are read again.
    const READS_CURRENTS: bool;

    fn cells(&self) -> impl Cells + Sync;

    /// For blocks of so many neurons.
    fn task(&self, block: usize) -> Self::Task;

    /// From the spikes' gradient to the currents', `out`.
    fn step(
        &self,
        at: StepPotentials<'_>,
        grad: &[f32],
        out: &mut [f32],
        potential_gradient: &mut [f32],
        task: &mut Self::Task,
    );

    /// Hears that a block of so many neurons is done.
    fn end_of_block(&self, neurons: usize, task: &mut Self::Task);
}

/// The usual neurons: fixed and the same in all channels, the reset detached or, with `ATTACHED`, not; then they
/// integrate first.
pub(super) struct Usual<'a, S, const ATTACHED: bool> {
    pub neuron: &'a Neuron,
    pub cell: NeuronCell,
    pub surrogate: S,
}

impl<S: Derivative, const ATTACHED: bool> StepBack for Usual<'_, S, ATTACHED> {
    type Task = ();

    const READS_CURRENTS: bool = false;

    fn cells(&self) -> impl Cells + Sync {
        self.cell
    }

    fn task(&self, _: usize) {}

    fn step(&self, at: StepPotentials<'_>, grad: &[f32], out: &mut [f32], potential_gradient: &mut [f32], (): &mut ()) {
        vectorized(
            #[inline(always)]
            || {
                let (neuron, cell) = (self.neuron, &self.cell);
                let read = (at.pre_spike, grad);
                neuron.step_back::<ATTACHED>(cell, read, out, potential_gradient, self.surrogate);
            },
        );
    }

    fn end_of_block(&self, _: usize, (): &mut ()) {}
}

/// All neurons: attached resets, and, with `LEARNED`, gradients of leaks and thresholds.
pub(super) struct General<'a, const LEARNED: bool> {
    pub neuron: &'a Neuron,
    /// Of a block.
    pub cells: CellRows<'a>,
    /// C, or 1 where all channels are alike.
    pub channels: usize,
}

/// A task of [`General`].
pub(super) struct GeneralTask {
    slopes: Vec<f32>,
    /// Sums over a block's time-steps, for every neuron: by leak and by threshold.
    of_block: [Vec<f32>; 2],
    /// For every channel, in double precision.
    pub of_channels: [Vec<f64>; 2],
}

impl<const LEARNED: bool> StepBack for General<'_, LEARNED> {
    type Task = GeneralTask;

    const READS_CURRENTS: bool = true;

    fn cells(&self) -> impl Cells + Sync {
        self.cells
    }

    fn task(&self, block: usize) -> GeneralTask {
        let summed = if LEARNED { block } else { 0 };
        GeneralTask {
            slopes: vec![0.0; block],
            of_block: [vec![0.0; summed], vec![0.0; summed]],
            of_channels: [vec![0.0; self.channels], vec![0.0; self.channels]],
        }
    }

    fn step(
        &self,
        at: StepPotentials<'_>,
        grad: &[f32],
        out: &mut [f32],
        potential_gradient: &mut [f32],
        GeneralTask { slopes, of_block, .. }: &mut GeneralTask,
    ) {
        let slopes = &mut slopes[..grad.len()];
        match self.neuron.surrogate {
            Surrogate::Triangle(surrogate) => self.slopes(at.pre_spike, slopes, surrogate),
            Surrogate::Rectangle(surrogate) => self.slopes(at.pre_spike, slopes, surrogate),
            Surrogate::Atan(surrogate) => self.slopes(at.pre_spike, slopes, surrogate),
            Surrogate::FastSigmoid(surrogate) => self.slopes(at.pre_spike, slopes, surrogate),
        }
        let [leak, threshold] = of_block;
        vectorized(
            #[inline(always)]
            || {
                let (neuron, cells) = (self.neuron, self.cells);
                let read = (at, &*slopes, grad);
                neuron.step_back_in_general::<LEARNED>(cells, read, out, potential_gradient, leak, threshold);
            },
        );
    }

    fn end_of_block(&self, neurons: usize, GeneralTask { of_block, of_channels, .. }: &mut GeneralTask) {
        for (of_block, of_channels) in of_block.iter_mut().zip(of_channels).filter(|_| LEARNED) {
            let of_block = &mut of_block[..neurons];
            for row in of_block.chunks(self.channels) {
                of_channels.iter_mut().zip(row).for_each(|(sum, &more)| *sum += f64::from(more));
            }
            of_block.fill(0.0);
        }
    }
}

impl<const LEARNED: bool> General<'_, LEARNED> {
    fn slopes(&self, pre_spike: &[f32], out: &mut [f32], surrogate: impl Derivative) {
        vectorized(
            #[inline(always)]
            || slopes(self.cells, pre_spike, out, surrogate),
        );
    }
}
