//! The LIF equation on the CPU: blocks of neurons small enough for the first-level cache go through all time-steps.

use super::surrogate::Derivative;
use super::{LifConfig, Reset, Surrogate};
use rayon::prelude::*;

/// Neurons per block: a block's potentials of 25 time-steps and its currents stay in the cache.
const BLOCK: usize = 256;

/// The numbers of the equation in single precision.
#[derive(Clone, Copy)]
pub struct Neuron {
    leak: f32,
    gain: f32,
    threshold: f32,
    reset: Reset,
    fire_before_integrate: bool,
    surrogate: Surrogate,
}

impl Neuron {
    pub fn new(lif: &LifConfig) -> Self {
        Self {
            leak: lif.leak as f32,
            gain: lif.gain() as f32,
            threshold: lif.threshold as f32,
            reset: lif.reset,
            fire_before_integrate: lif.fire_before_integrate,
            surrogate: lif.surrogate,
        }
    }

    /// One time-step: the potential left for the next and the x that decides the spike (fires if x > 0).
    #[inline(always)]
    fn step(&self, potential: f32, current: f32) -> (f32, f32) {
        let integrated = self.leak * potential + self.gain * current;
        let decisive = if self.fire_before_integrate { potential } else { integrated };
        let x = decisive / self.threshold - 1.0;
        let fires = x > 0.0;
        let left = match self.reset {
            Reset::Soft => integrated - if fires { self.threshold } else { 0.0 },
            Reset::Hard => {
                if fires {
                    0.0
                } else {
                    integrated
                }
            }
            Reset::None => integrated,
        };
        (left, x)
    }
}

/// Spikes [T, n] of currents [T, n].
pub fn forward(currents: &[f32], time_steps: usize, neuron: &Neuron) -> Vec<u8> {
    let n = currents.len() / time_steps.max(1);
    let mut spikes = vec![0u8; currents.len()];
    let rows: Vec<&mut [u8]> = spikes.chunks_mut(n.max(1)).collect();
    blocks(rows).into_par_iter().enumerate().for_each(|(block, rows)| {
        let mut potentials = [0f32; BLOCK];
        for (t, spikes) in rows.into_iter().enumerate() {
            let currents = &currents[t * n + block * BLOCK..][..spikes.len()];
            for ((spike, &current), potential) in spikes.iter_mut().zip(currents).zip(&mut potentials) {
                let (left, x) = neuron.step(*potential, current);
                (*potential, *spike) = (left, u8::from(x > 0.0));
            }
        }
    });
    spikes
}

/// The currents' gradient [T, n] from the spikes' gradient [T, n].
pub fn gradient(currents: &[f32], grad: &[f32], time_steps: usize, neuron: &Neuron) -> Vec<f32> {
    match neuron.surrogate {
        Surrogate::Triangle(surrogate) => gradient_with(currents, grad, time_steps, neuron, surrogate),
        Surrogate::Rectangle(surrogate) => gradient_with(currents, grad, time_steps, neuron, surrogate),
        Surrogate::Atan(surrogate) => gradient_with(currents, grad, time_steps, neuron, surrogate),
        Surrogate::FastSigmoid(surrogate) => gradient_with(currents, grad, time_steps, neuron, surrogate),
    }
}

fn gradient_with(
    currents: &[f32],
    grad: &[f32],
    time_steps: usize,
    neuron: &Neuron,
    surrogate: impl Derivative,
) -> Vec<f32> {
    let n = currents.len() / time_steps.max(1);
    let mut gradient = vec![0f32; currents.len()];
    let rows: Vec<&mut [f32]> = gradient.chunks_mut(n.max(1)).collect();
    blocks(rows).into_par_iter().enumerate().for_each_init(Vec::new, |xs, (block, rows)| {
        let size = rows.first().map_or(0, |row| row.len());
        let span = |t: usize| t * n + block * BLOCK..t * n + block * BLOCK + size;
        xs.resize(time_steps * BLOCK, 0f32);
        let mut potentials = [0f32; BLOCK];
        for (t, xs) in xs.chunks_mut(BLOCK).enumerate() {
            for ((x, &current), potential) in xs.iter_mut().zip(&currents[span(t)]).zip(&mut potentials) {
                (*potential, *x) = neuron.step(*potential, current);
            }
        }
        // The loss's derivative by the potential that a step leaves for the next.
        let mut by_left = [0f32; BLOCK];
        for (t, row) in rows.into_iter().enumerate().rev() {
            let xs = &xs[t * BLOCK..][..size];
            for (((out, &grad), &x), by_left) in row.iter_mut().zip(&grad[span(t)]).zip(xs).zip(&mut by_left) {
                let by_decisive = grad * surrogate.at(x) / neuron.threshold;
                let kept = if neuron.reset == Reset::Hard && x > 0.0 { 0.0 } else { *by_left };
                if neuron.fire_before_integrate {
                    *out = neuron.gain * kept;
                    *by_left = neuron.leak * kept + by_decisive;
                } else {
                    let by_integrated = by_decisive + kept;
                    *out = neuron.gain * by_integrated;
                    *by_left = neuron.leak * by_integrated;
                }
            }
        }
    });
    gradient
}

/// The sum of `spikes`.
pub fn count(spikes: &[u8]) -> u64 {
    spikes.par_chunks(1 << 16).map(|spikes| spikes.iter().map(|&s| u32::from(s)).sum::<u32>()).map(u64::from).sum()
}

/// Regroups rows [T][n] into blocks of neurons [n / BLOCK][T], so that a thread owns its neurons at all time-steps.
fn blocks<T>(rows: Vec<&mut [T]>) -> Vec<Vec<&mut [T]>> {
    let count = rows.first().map_or(0, |row| row.len().div_ceil(BLOCK));
    let mut blocks: Vec<Vec<&mut [T]>> = (0..count).map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (block, piece) in blocks.iter_mut().zip(row.chunks_mut(BLOCK)) {
            block.push(piece);
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lif::InputFactor;

    fn neuron(change: impl FnOnce(&mut LifConfig)) -> Neuron {
        let mut lif = LifConfig { leak: 0.5, ..LifConfig::default() };
        change(&mut lif);
        Neuron::new(&lif)
    }

    /// One neuron, current 0.8 at every step, leak 0.5: U = 0.8, 1.2 (fires), then by the reset.
    #[test]
    fn resets_give_the_spike_trains_computed_by_hand() {
        let currents = [0.8; 6];
        // Soft: U = .8, 1.2 -> .2, .9, 1.25 -> .25, .925, 1.2625.
        assert_eq!(forward(&currents, 6, &neuron(|_| {})), [0, 1, 0, 1, 0, 1]);
        // Hard: U = .8, 1.2 -> 0, .8, 1.2 -> 0, ...
        assert_eq!(forward(&currents, 6, &neuron(|l| l.reset = Reset::Hard)), [0, 1, 0, 1, 0, 1]);
        // None: U = .8, 1.2, 1.4, ... stays above.
        assert_eq!(forward(&currents, 6, &neuron(|l| l.reset = Reset::None)), [0, 1, 1, 1, 1, 1]);
        // Half the current never reaches the threshold: the limit is .8.
        assert_eq!(forward(&currents, 6, &neuron(|l| l.input = InputFactor::OneMinusLeak)), [0; 6]);
        // A potential equal to the threshold does not fire.
        assert_eq!(forward(&[1.0, 0.5, 0.51], 3, &neuron(|_| {})), [0, 0, 1]);
    }

    #[test]
    fn firing_before_integrating_delays_every_spike_by_a_step() {
        // U found: 0, .8, 1.2 (fires; .6 + .8 - 1 = .4), .4, 1., 1.3 (fires).
        assert_eq!(forward(&[0.8; 6], 6, &neuron(|l| l.fire_before_integrate = true)), [0, 0, 1, 0, 0, 1]);
    }

    /// T = 3 and no reset make the spike's surrogate the only path: dL/dI_t = sum over s >= t of g_s h(x_s) leak^(s - t).
    #[test]
    fn gradients_without_a_reset_are_sums_computed_by_hand() {
        let plain = neuron(|l| l.reset = Reset::None);
        // U = .5, .75, .875; x = -.5, -.25, -.125; h = .15, .225, .2625.
        let found = gradient(&[0.5; 3], &[1., 2., 4.], 3, &plain);
        let expected = [0.15 + 0.5 * 0.45 + 0.25 * 1.05, 0.45 + 0.5 * 1.05, 1.05];
        found.iter().zip(expected).for_each(|(f, e): (&f32, f32)| assert!((f - e).abs() < 1e-6, "{f} against {e}"));
        let older = neuron(|l| {
            l.reset = Reset::None;
            l.fire_before_integrate = true;
        });
        // U found: 0, .5, .75; h(x) = 0, .15, .225; the last current reaches no spike.
        let found = gradient(&[0.5; 3], &[1., 2., 4.], 3, &older);
        let expected = [0.3 + 0.5 * 0.9, 0.9, 0.0];
        found.iter().zip(expected).for_each(|(f, e): (&f32, f32)| assert!((f - e).abs() < 1e-6, "{f} against {e}"));
    }

    #[test]
    fn a_hard_reset_cuts_the_gradient_at_a_spike_and_a_soft_one_does_not() {
        // U = 1.5 fires; then soft .5 * .5 + .5 = .75, hard .5.
        let (currents, grad) = ([1.5, 0.5], [0., 1.]);
        let soft = gradient(&currents, &grad, 2, &neuron(|_| {}));
        let hard = gradient(&currents, &grad, 2, &neuron(|l| l.reset = Reset::Hard));
        assert!((soft[0] - 0.5 * 0.3 * 0.75).abs() < 1e-6 && (soft[1] - 0.3 * 0.75).abs() < 1e-6, "{soft:?}");
        assert!(hard[0] == 0.0 && (hard[1] - 0.3 * 0.5).abs() < 1e-6, "{hard:?}");
    }

    #[test]
    fn blocks_and_single_neurons_give_the_same_bits_on_odd_sizes() {
        let (n, t) = (3 * BLOCK + 17, 5);
        let stream = crate::rng::Stream::new(0, crate::rng::Purpose::Synthetic, 0, 0, 0);
        let currents: Vec<f32> = (0..(n * t) as u64).map(|i| stream.uniform(i) * 2.0 - 0.5).collect();
        let neuron = neuron(|l| l.leak = 0.9);
        let (spikes, grads) = (forward(&currents, t, &neuron), gradient(&currents, &currents, t, &neuron));
        for i in (0..n).step_by(7) {
            let one: Vec<f32> = (0..t).map(|t| currents[t * n + i]).collect();
            assert_eq!(forward(&one, t, &neuron), (0..t).map(|t| spikes[t * n + i]).collect::<Vec<_>>());
            assert_eq!(gradient(&one, &one, t, &neuron), (0..t).map(|t| grads[t * n + i]).collect::<Vec<_>>());
        }
    }
}
