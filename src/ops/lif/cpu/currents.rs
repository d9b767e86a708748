//! What neurons read: a stored sequence, and the currents that are made of it.

use crate::ops::lif::neuron::StepCurrents;
use crate::ops::sequence::ChannelsLast;
use std::ops::Range;

/// What is stored of a sequence: [T, n], or [n] where it is the same at every time-step.
#[derive(Clone, Copy)]
pub struct Sequence<'a> {
    values: &'a [f32],
    time_steps: usize,
    constant: bool,
}

impl<'a> Sequence<'a> {
    pub fn new(values: &'a [f32], time_steps: usize, constant: bool) -> Self {
        Self { values, time_steps, constant }
    }

    /// The `values` of a stored tensor.
    pub fn stored(stored: &ChannelsLast, values: &'a [f32]) -> Self {
        Self::new(values, stored.time_steps, stored.constant)
    }

    pub fn time_steps(&self) -> usize {
        self.time_steps
    }

    /// Neurons n.
    pub(super) fn neurons(&self) -> usize {
        if self.constant { self.values.len() } else { self.values.len() / self.time_steps.max(1) }
    }

    /// All values [T, n], or [n].
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The one time-step that stands for all, where the sequence is constant in time.
    pub fn one_step(&self) -> Option<&'a [f32]> {
        self.constant.then_some(self.values)
    }

    pub(super) fn at(&self, t: usize, neurons: Range<usize>) -> &'a [f32] {
        let first = if self.constant { 0 } else { t * self.neurons() };
        &self.values[first + neurons.start..first + neurons.end]
    }
}

/// How stored values become currents, and what is to be known of the currents' gradient.
pub trait Currents: Sync {
    /// What a task gathers.
    type Gathered: Send;
    /// How those of one time-step become currents.
    type AtStep<'a>: StepCurrents
    where
        Self: 'a;

    /// The length of rows that become currents alike, and of which neurons are a multiple; without one, any.
    fn row(&self) -> Option<usize> {
        None
    }

    /// How many tasks may gather.
    fn tasks(&self) -> usize {
        usize::MAX
    }

    fn gather(&self) -> Self::Gathered;

    fn at_step(&self, t: usize) -> Self::AtStep<'_>;

    /// Hears of the currents' gradient at time-step t.
    fn observe(&self, t: usize, stored: &[f32], gradient: &[f32], gathered: &mut Self::Gathered);
}

/// Stored values that are currents.
#[derive(Clone, Copy)]
pub struct StoredCurrents;

impl Currents for StoredCurrents {
    type Gathered = ();
    type AtStep<'a> = Self;

    fn gather(&self) {}

    fn at_step(&self, _: usize) -> Self {
        *self
    }

    fn observe(&self, _: usize, _: &[f32], _: &[f32], (): &mut ()) {}
}

impl StepCurrents for StoredCurrents {
    #[inline(always)]
    fn part(self, _: usize, _: usize) -> Self {
        self
    }

    #[inline(always)]
    fn at(&self, _: usize, stored: f32) -> f32 {
        stored
    }
}
