//! One time-step of the LIF equation and of its reverse, on neurons side by side.

use super::surrogate::Derivative;
use super::{LifConfig, Reset, Surrogate};

/// The numbers of the equation in single precision.
#[derive(Clone, Copy)]
pub struct Neuron {
    pub(super) leak: f32,
    pub(super) gain: f32,
    pub(super) inverse_threshold: f32,
    /// The largest potential U that does not fire: the largest with U / threshold - 1 <= 0 as computed in single
    /// precision.
    pub(super) exact_threshold: f32,
    /// What a spike leaves of the potential: `keep` U - `drop`.
    pub(super) keep: f32,
    pub(super) drop: f32,
    pub(super) fire_before_integrate: bool,
    pub surrogate: Surrogate,
}

impl Neuron {
    pub fn new(lif: &LifConfig) -> Self {
        let threshold = lif.threshold as f32;
        let (keep, drop) = match lif.reset {
            Reset::Soft => (1.0, threshold),
            Reset::Hard => (0.0, 0.0),
            Reset::None => (1.0, 0.0),
        };
        Self {
            leak: lif.leak as f32,
            gain: lif.gain() as f32,
            inverse_threshold: 1.0 / threshold,
            exact_threshold: exact_threshold(threshold),
            keep,
            drop,
            fire_before_integrate: lif.fire_before_integrate,
            surrogate: lif.surrogate,
        }
    }

    /// One time-step of every neuron: moves the potentials, and writes what `record(decisive potential, fires)` makes
    /// of each.
    #[inline(always)]
    pub fn step<T>(&self, potentials: &mut [f32], currents: &[f32], out: &mut [T], record: impl Fn(f32, bool) -> T) {
        let cells = potentials.iter_mut().zip(currents).zip(out);
        if self.fire_before_integrate {
            for ((potential, &current), out) in cells {
                let found = *potential;
                let integrated = self.leak * found + self.gain * current;
                *potential = if found > self.exact_threshold { self.keep * integrated - self.drop } else { integrated };
                *out = record(found, found > self.exact_threshold);
            }
        } else {
            for ((potential, &current), out) in cells {
                let integrated = self.leak * *potential + self.gain * current;
                let fires = integrated > self.exact_threshold;
                *potential = if fires { self.keep * integrated - self.drop } else { integrated };
                *out = record(integrated, fires);
            }
        }
    }

    /// One time-step of the reverse: from the spikes' gradient to the currents', in place. `potential_gradient` is the
    /// loss's derivative by the potential that the step leaves for the next, and becomes that by the potential it
    /// found.
    #[inline(always)]
    pub fn step_back(
        &self,
        pre_spike: &[f32],
        grad: &mut [f32],
        potential_gradient: &mut [f32],
        surrogate: impl Derivative,
    ) {
        for ((grad, &pre_spike), potential_gradient) in grad.iter_mut().zip(pre_spike).zip(potential_gradient) {
            let slope = surrogate.at(pre_spike * self.inverse_threshold - 1.0) * self.inverse_threshold;
            let pre_spike_gradient = *grad * slope;
            let kept =
                if pre_spike > self.exact_threshold { self.keep * *potential_gradient } else { *potential_gradient };
            if self.fire_before_integrate {
                *grad = self.gain * kept;
                *potential_gradient = self.leak * kept + pre_spike_gradient;
            } else {
                let integrated_gradient = pre_spike_gradient + kept;
                *grad = self.gain * integrated_gradient;
                *potential_gradient = self.leak * integrated_gradient;
            }
        }
    }
}

/// The largest U whose U / threshold, rounded to single precision, is at most 1. Comparing with it gives the spikes of
/// the equation's division without dividing.
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
