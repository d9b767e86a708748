//! One time-step of the LIF equation and of its reverse, on neurons side by side.

use super::surrogate::Derivative;
use super::{LifConfig, Reset, Surrogate};

/// Neurons whose numbers fill a few vectors.
const LANES: usize = 32;

/// What may differ from channel to channel, in single precision.
#[derive(Debug, Clone, Copy)]
pub struct NeuronCell {
    pub leak: f32,
    pub gain: f32,
    pub inverse_threshold: f32,
    /// The largest potential U that does not fire: the largest with U / threshold - 1 <= 0 as computed in single
    /// precision.
    pub exact_threshold: f32,
    /// What a spike takes from the potential, besides the share that a hard reset takes: the threshold, or 0.
    pub drop: f32,
}

impl NeuronCell {
    /// What the config says, a learned value being where it starts.
    pub fn fixed(lif: &LifConfig) -> Self {
        Self::new(lif.leak.start() as f32, lif.gain() as f32, lif.threshold.start() as f32, lif.reset)
    }

    /// Of a threshold that is not above 0 nothing fires and all gradients are NaN, so that training stops.
    pub fn new(leak: f32, gain: f32, threshold: f32, reset: Reset) -> Self {
        let threshold = if threshold > 0.0 { threshold } else { f32::NAN };
        Self {
            leak,
            gain,
            inverse_threshold: 1.0 / threshold,
            exact_threshold: exact_threshold(threshold),
            drop: if reset == Reset::Soft { threshold } else { 0.0 },
        }
    }
}

/// The numbers of neurons side by side.
pub trait Cells: Copy {
    /// Those of `n` neurons from `first` on.
    fn part(self, first: usize, n: usize) -> Self;

    fn at(&self, i: usize) -> NeuronCell;
}

/// The same for all.
impl Cells for NeuronCell {
    #[inline(always)]
    fn part(self, _: usize, _: usize) -> Self {
        self
    }

    #[inline(always)]
    fn at(&self, _: usize) -> NeuronCell {
        *self
    }
}

/// A row for each number, so that neighbours are loaded together.
#[derive(Debug, Clone)]
pub struct CellTable {
    leak: Vec<f32>,
    gain: Vec<f32>,
    inverse_threshold: Vec<f32>,
    exact_threshold: Vec<f32>,
    drop: Vec<f32>,
}

impl CellTable {
    /// `cells` over and over, for `n` neurons.
    pub fn tiled(cells: &[NeuronCell], n: usize) -> Self {
        let row = |number: fn(&NeuronCell) -> f32| cells.iter().map(number).cycle().take(n).collect();
        Self {
            leak: row(|cell| cell.leak),
            gain: row(|cell| cell.gain),
            inverse_threshold: row(|cell| cell.inverse_threshold),
            exact_threshold: row(|cell| cell.exact_threshold),
            drop: row(|cell| cell.drop),
        }
    }

    pub fn rows(&self) -> CellRows<'_> {
        let Self { leak, gain, inverse_threshold, exact_threshold, drop } = self;
        CellRows { leak, gain, inverse_threshold, exact_threshold, drop }
    }
}

/// A [`CellTable`], lent.
#[derive(Debug, Clone, Copy)]
pub struct CellRows<'a> {
    leak: &'a [f32],
    gain: &'a [f32],
    inverse_threshold: &'a [f32],
    exact_threshold: &'a [f32],
    drop: &'a [f32],
}

impl Cells for CellRows<'_> {
    #[inline(always)]
    fn part(self, first: usize, n: usize) -> Self {
        Self {
            leak: &self.leak[first..][..n],
            gain: &self.gain[first..][..n],
            inverse_threshold: &self.inverse_threshold[first..][..n],
            exact_threshold: &self.exact_threshold[first..][..n],
            drop: &self.drop[first..][..n],
        }
    }

    #[inline(always)]
    fn at(&self, i: usize) -> NeuronCell {
        NeuronCell {
            leak: self.leak[i],
            gain: self.gain[i],
            inverse_threshold: self.inverse_threshold[i],
            exact_threshold: self.exact_threshold[i],
            drop: self.drop[i],
        }
    }
}

/// What makes currents of the values stored for one time-step, a row of neurons after another.
pub trait StepCurrents: Copy {
    /// Those of the `n` neurons of a row from `first` on.
    fn part(self, first: usize, n: usize) -> Self;

    /// The current of neuron `i`.
    fn at(&self, i: usize, stored: f32) -> f32;
}

/// What all neurons of a layer have in common.
#[derive(Debug, Clone, Copy)]
pub struct Neuron {
    pub(super) reset: Reset,
    /// What a spike leaves of the potential: `keep` U - `drop`.
    pub(super) keep: f32,
    pub(super) fire_before_integrate: bool,
    pub(super) detach_reset: bool,
    /// Whether the input factor is 1 - leak, and so learned with the leak.
    pub(super) gain_of_leak: bool,
    pub surrogate: Surrogate,
}

/// What a step of the reverse reads besides gradients, all of its neurons.
#[derive(Clone, Copy)]
pub struct StepPotentials<'a> {
    /// What decided the spikes of this step.
    pub pre_spike: &'a [f32],
    /// The same of the step before; 0 for the first.
    pub before: &'a [f32],
    /// This step's currents.
    pub currents: &'a [f32],
}

impl Neuron {
    pub fn new(lif: &LifConfig) -> Self {
        Self {
            reset: lif.reset,
            keep: if lif.reset == Reset::Hard { 0.0 } else { 1.0 },
            fire_before_integrate: lif.fire_before_integrate,
            detach_reset: lif.detach_reset,
            gain_of_leak: lif.gain_is_learned(),
            surrogate: lif.surrogate,
        }
    }

    /// What a step leaves of the potential that it integrated.
    #[inline(always)]
    fn left(&self, cell: &NeuronCell, integrated: f32, fires: bool) -> f32 {
        if fires { self.keep * integrated - cell.drop } else { integrated }
    }

    /// What a spike takes of the potential that was integrated: U - (keep U - drop).
    #[inline(always)]
    fn taken(&self, cell: &NeuronCell, integrated: f32) -> f32 {
        (1.0 - self.keep) * integrated + cell.drop
    }

    /// One time-step of a row of neurons: makes currents of what is stored, moves the potentials, and writes what
    /// `record(pre-spike potential, fires)` makes of each.
    #[inline(always)]
    pub fn step<T>(
        self,
        cells: impl Cells,
        potentials: &mut [f32],
        (stored, currents): (&[f32], impl StepCurrents),
        out: &mut [T],
        record: impl Fn(f32, bool) -> T,
    ) {
        let n = stored.len();
        let (potentials, out) = (&mut potentials[..n], &mut out[..n]);
        let mut first = 0;
        while n - first >= LANES {
            self.step_lanes::<T, LANES>(cells, potentials, (stored, currents), out, first, &record);
            first += LANES;
        }
        for first in first..n {
            self.step_lanes::<T, 1>(cells, potentials, (stored, currents), out, first, &record);
        }
    }

    /// The same of the L neurons from `first` on. All is read before anything is written: the compiler need not ask
    /// whether they overlap, and makes vectors of the loop without a look at where the slices lie.
    #[inline(always)]
    fn step_lanes<T, const L: usize>(
        self,
        cells: impl Cells,
        potentials: &mut [f32],
        (stored, currents): (&[f32], impl StepCurrents),
        out: &mut [T],
        first: usize,
        record: impl Fn(f32, bool) -> T,
    ) {
        let (cells, currents, stored) = (cells.part(first, L), currents.part(first, L), &stored[first..][..L]);
        let potentials = &mut potentials[first..][..L];
        let (mut left, mut decisive, mut fires) = ([0f32; L], [0f32; L], [false; L]);
        for i in 0..L {
            let (cell, found) = (cells.at(i), potentials[i]);
            let integrated = cell.leak * found + cell.gain * currents.at(i, stored[i]);
            decisive[i] = if self.fire_before_integrate { found } else { integrated };
            fires[i] = decisive[i] > cell.exact_threshold;
            left[i] = self.left(&cell, integrated, fires[i]);
        }
        potentials.copy_from_slice(&left);
        for (out, (decisive, fires)) in out[first..][..L].iter_mut().zip(decisive.into_iter().zip(fires)) {
            *out = record(decisive, fires);
        }
    }

    /// One time-step of the reverse where nothing is learned: from the spikes' gradient to the currents', `out`.
    /// `potential_gradient` is the loss's derivative by the potential that the step leaves for the next, and becomes
    /// that by the potential it found. With `ATTACHED`, which integrates first, it goes through the reset too.
    #[inline(always)]
    pub fn step_back<const ATTACHED: bool>(
        &self,
        cell: &NeuronCell,
        (pre_spike, grad): (&[f32], &[f32]),
        out: &mut [f32],
        potential_gradient: &mut [f32],
        surrogate: impl Derivative,
    ) {
        if self.fire_before_integrate {
            self.step_back_in_order::<ATTACHED, true>(*cell, (pre_spike, grad), out, potential_gradient, surrogate);
        } else {
            self.step_back_in_order::<ATTACHED, false>(*cell, (pre_spike, grad), out, potential_gradient, surrogate);
        }
    }

    /// The same, the order of firing and integrating being known. Nothing in the loop is read through a pointer that
    /// what is written might reach, and there are no branches: else it is not made of vectors.
    #[inline(always)]
    fn step_back_in_order<const ATTACHED: bool, const FIRE_BEFORE: bool>(
        self,
        cell: NeuronCell,
        (pre_spike, grad): (&[f32], &[f32]),
        out: &mut [f32],
        potential_gradient: &mut [f32],
        surrogate: impl Derivative,
    ) {
        let n = grad.len();
        let (pre_spike, out, potential_gradient) = (&pre_spike[..n], &mut out[..n], &mut potential_gradient[..n]);
        for i in 0..n {
            let (pre_spike, after) = (pre_spike[i], potential_gradient[i]);
            let slope = surrogate.at(pre_spike * cell.inverse_threshold - 1.0) * cell.inverse_threshold;
            let by_spike = if ATTACHED { grad[i] - self.taken(&cell, pre_spike) * after } else { grad[i] };
            let pre_spike_gradient = by_spike * slope;
            let kept = if pre_spike > cell.exact_threshold { self.keep } else { 1.0 } * after;
            let integrated_gradient = if FIRE_BEFORE { kept } else { pre_spike_gradient + kept };
            out[i] = cell.gain * integrated_gradient;
            let leaked = cell.leak * integrated_gradient;
            potential_gradient[i] = if FIRE_BEFORE { leaked + pre_spike_gradient } else { leaked };
        }
    }

    /// The same in general: through the reset too where it is not detached, and, with `LEARNED`, adding to the
    /// gradients of the leaks and thresholds. `slopes` are the surrogate's derivatives by the potentials before the
    /// spike. What is written comes by itself, so that the compiler knows that it overlaps with nothing.
    #[inline(always)]
    pub fn step_back_in_general<const LEARNED: bool>(
        &self,
        cells: impl Cells,
        (at, slopes, grad): (StepPotentials<'_>, &[f32], &[f32]),
        out: &mut [f32],
        potential_gradient: &mut [f32],
        by_leak: &mut [f32],
        by_threshold: &mut [f32],
    ) {
        let n = grad.len();
        let (cells, pre_spike, before, currents) =
            (cells.part(0, n), &at.pre_spike[..n], &at.before[..n], &at.currents[..n]);
        let (slopes, out, potential_gradient) = (&slopes[..n], &mut out[..n], &mut potential_gradient[..n]);
        let summed = if LEARNED { n } else { 0 };
        let (by_leak, by_threshold) = (&mut by_leak[..summed], &mut by_threshold[..summed]);
        let soft = if self.reset == Reset::Soft { 1.0f32 } else { 0.0 };
        let (attached, gain_of_leak) = (f32::from(!self.detach_reset), f32::from(self.gain_of_leak));
        for i in 0..n {
            let (cell, pre_spike, after) = (cells.at(i), pre_spike[i], potential_gradient[i]);
            let fires = pre_spike > cell.exact_threshold;
            let found = if self.fire_before_integrate {
                pre_spike
            } else {
                self.left(&cell, before[i], before[i] > cell.exact_threshold)
            };
            let integrated =
                if self.fire_before_integrate { cell.leak * found + cell.gain * currents[i] } else { pre_spike };
            let by_spike = grad[i] - attached * self.taken(&cell, integrated) * after;
            let pre_spike_gradient = by_spike * slopes[i];
            let kept = if fires { self.keep * after } else { after };
            let integrated_gradient = if self.fire_before_integrate { kept } else { pre_spike_gradient + kept };
            let leaked = cell.leak * integrated_gradient;
            out[i] = cell.gain * integrated_gradient;
            potential_gradient[i] = if self.fire_before_integrate { leaked + pre_spike_gradient } else { leaked };
            if LEARNED {
                by_leak[i] += integrated_gradient * (found - gain_of_leak * currents[i]);
                // x = U / threshold - 1, and what a soft reset takes away.
                let taken = if fires { soft * after } else { 0.0 };
                by_threshold[i] -= pre_spike_gradient * pre_spike * cell.inverse_threshold + taken;
            }
        }
    }
}

/// The surrogate's derivatives by the potentials before the spike.
#[inline(always)]
pub fn slopes(cells: impl Cells, pre_spike: &[f32], slopes: &mut [f32], surrogate: impl Derivative) {
    let n = slopes.len();
    let (cells, pre_spike) = (cells.part(0, n), &pre_spike[..n]);
    for i in 0..n {
        let inverse_threshold = cells.at(i).inverse_threshold;
        slopes[i] = surrogate.at(pre_spike[i] * inverse_threshold - 1.0) * inverse_threshold;
    }
}

/// The largest U whose U / threshold, rounded to single precision, is at most 1, for a threshold above 0. Comparing
/// with it gives the spikes of the equation's division without dividing.
fn exact_threshold(threshold: f32) -> f32 {
    let mut exact_threshold = threshold;
    while exact_threshold / threshold > 1.0 {
        exact_threshold = exact_threshold.next_down();
    }
    while exact_threshold.next_up() / threshold <= 1.0 {
        exact_threshold = exact_threshold.next_up();
    }
    exact_threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_separates_the_potentials_that_the_division_separates() {
        for threshold in [1.0, 0.7, 0.1, 3.3, 1e-3, 7e5] {
            let mut potential = threshold;
            (0..50).for_each(|_| potential = f32::next_down(potential));
            for _ in 0..100 {
                assert_eq!(
                    potential > exact_threshold(threshold),
                    potential / threshold - 1.0 > 0.0,
                    "{potential} at {threshold}"
                );
                potential = potential.next_up();
            }
        }
    }
}
