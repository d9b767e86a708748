//! The LIF equation on the CPU: blocks of neurons small enough for the first-level cache go through all time-steps.

mod currents;

use super::Surrogate;
use super::neuron::{CellTable, Cells, Neuron, StepCurrents, StepPotentials};
use super::neurons::HostNeurons;
use super::step_back::{General, StepBack, Usual};
use super::surrogate::Derivative;
use crate::ops::simd::{prefetch, vectorized};
use crate::ops::uninit::{UninitBuffer, UninitPart};
use candle_core::WithDType;
pub use currents::{Currents, Sequence, StoredCurrents};
use rayon::prelude::*;
use std::ops::Range;

/// Neurons per block: a block's potentials of all time-steps and its currents stay in the cache.
pub const BLOCK: usize = 512;
/// Blocks per task, unless a task costs memory.
const BLOCKS: usize = 8;

/// Spikes [T, n], and how many are 1.
pub fn forward(stored: Sequence<'_>, neurons: &HostNeurons, currents: &impl Currents) -> (Vec<u8>, u64) {
    let block = block(currents, neurons);
    match neurons.cells.as_slice() {
        [cell] => forward_with(stored, &neurons.neuron, *cell, currents, block),
        cells => forward_with(stored, &neurons.neuron, CellTable::tiled(cells, block).rows(), currents, block),
    }
}

fn forward_with(
    stored: Sequence<'_>,
    neuron: &Neuron,
    cells: impl Cells + Sync,
    currents: &impl Currents,
    block: usize,
) -> (Vec<u8>, u64) {
    let n = stored.neurons();
    let mut spikes = UninitBuffer::<u8>::new(stored.time_steps() * n);
    let (size, row) = (BLOCKS * block, currents.row().unwrap_or(block));
    let work = |(task, rows): (usize, Vec<UninitPart<'_, u8>>)| {
        let mut rows: Vec<_> = rows.into_iter().map(UninitPart::writer).collect();
        let (mut potentials, mut of_block, mut count) = (vec![0f32; block], vec![0u8; block], 0u64);
        for first in (task * size..n.min((task + 1) * size)).step_by(block) {
            let neurons = first..n.min(first + block);
            potentials.fill(0.0);
            let next = neurons.end..n.min(neurons.end + block);
            for (t, written) in rows.iter_mut().enumerate() {
                prefetch(stored.at(t, next.clone()));
                let spikes = &mut of_block[..neurons.len()];
                integrate(
                    neuron,
                    cells,
                    (stored.at(t, neurons.clone()), row, currents.at_step(t)),
                    &mut potentials,
                    spikes,
                    |_, fires| u8::from(fires),
                );
                count += vectorized(
                    #[inline(always)]
                    || u64::from(spikes.iter().map(|&spike| u32::from(spike)).sum::<u32>()),
                );
                written.write(spikes);
            }
        }
        count
    };
    let count = tasks(spikes.parts(n), n, size).into_par_iter().enumerate().map(work).sum();
    (spikes.done(), count)
}

/// One time-step of a block of neurons, row after row: [`Neuron::step`].
fn integrate<T>(
    neuron: &Neuron,
    cells: impl Cells,
    (stored, row, currents): (&[f32], usize, impl StepCurrents),
    potentials: &mut [f32],
    out: &mut [T],
    record: impl Fn(f32, bool) -> T,
) {
    vectorized(
        #[inline(always)]
        || {
            let rows = potentials.chunks_mut(row).zip(out.chunks_mut(row));
            for (number, (stored, (potentials, out))) in stored.chunks(row).zip(rows).enumerate() {
                let cells = cells.part(number * row, stored.len());
                neuron.step(cells, potentials, (stored, currents), out, &record);
            }
        },
    );
}

/// What the way back gives.
pub struct NeuronReverse<G> {
    /// The currents' gradient [T, n].
    pub currents: Vec<f32>,
    /// What was gathered of it, in order.
    pub gathered: Vec<G>,
    /// The gradients by leak and by threshold, a number for every channel, or one where all are alike; nothing where
    /// none is learned.
    pub learned: Option<[Vec<f64>; 2]>,
}

/// The currents' gradient from the spikes' gradient [T, n], and what `currents` gathered of it.
pub fn gradient<C: Currents>(
    stored: Sequence<'_>,
    grad: &[f32],
    neurons: &HostNeurons,
    currents: &C,
) -> NeuronReverse<C::Gathered> {
    let HostNeurons { neuron, cells, learned } = neurons;
    let block = block(currents, neurons);
    if *learned || (!neuron.detach_reset && neuron.fire_before_integrate) {
        let (table, channels) = (CellTable::tiled(cells, block), cells.len());
        let cells = table.rows();
        return if *learned {
            let back = General::<true> { neuron, cells, channels };
            let (reverse, tasks) = gradient_with(stored, grad, neuron, currents, block, &back);
            let none = || vec![0f64; channels];
            let learned = tasks.into_iter().fold([none(), none()], |mut total, task| {
                let sums = total.iter_mut().flatten().zip(task.of_channels.iter().flatten());
                sums.for_each(|(total, more)| *total += more);
                total
            });
            NeuronReverse { learned: Some(learned), ..reverse }
        } else {
            gradient_with(stored, grad, neuron, currents, block, &General::<false> { neuron, cells, channels }).0
        };
    }
    match neuron.surrogate {
        Surrogate::Triangle(surrogate) => usual(stored, grad, neurons, currents, surrogate),
        Surrogate::Rectangle(surrogate) => usual(stored, grad, neurons, currents, surrogate),
        Surrogate::Atan(surrogate) => usual(stored, grad, neurons, currents, surrogate),
        Surrogate::FastSigmoid(surrogate) => usual(stored, grad, neurons, currents, surrogate),
    }
}

/// The same of neurons that are fixed and the same in all channels.
fn usual<C: Currents>(
    stored: Sequence<'_>,
    grad: &[f32],
    neurons: &HostNeurons,
    currents: &C,
    surrogate: impl Derivative,
) -> NeuronReverse<C::Gathered> {
    let (neuron, cell, block) = (&neurons.neuron, neurons.cells[0], block(currents, neurons));
    match neuron.detach_reset {
        true => gradient_with(stored, grad, neuron, currents, block, &Usual::<_, false> { neuron, cell, surrogate }).0,
        false => gradient_with(stored, grad, neuron, currents, block, &Usual::<_, true> { neuron, cell, surrogate }).0,
    }
}

/// The same by steps that go `back`; and what every task of theirs has, in order.
fn gradient_with<C: Currents, B: StepBack>(
    stored: Sequence<'_>,
    grad: &[f32],
    neuron: &Neuron,
    currents: &C,
    block: usize,
    back: &B,
) -> (NeuronReverse<C::Gathered>, Vec<B::Task>) {
    let n = stored.neurons();
    let mut gradient = UninitBuffer::new(grad.len());
    let size = n.div_ceil(currents.tasks()).max(BLOCKS * block).next_multiple_of(block);
    let (first_found, row) = (vec![0f32; block], currents.row().unwrap_or(block));
    let work = |(task, rows): (usize, Vec<UninitPart<'_, f32>>)| {
        let mut rows: Vec<_> = rows.into_iter().map(UninitPart::writer).collect();
        let (mut gathered, mut own) = (currents.gather(), back.task(block));
        let mut pre_spike = vec![0f32; stored.time_steps() * block];
        let [mut potentials, mut of_step, mut potential_gradient] = [(); 3].map(|()| vec![0f32; block]);
        let mut read_again = vec![0f32; if B::READS_CURRENTS { block } else { 0 }];
        for first in (task * size..n.min((task + 1) * size)).step_by(block) {
            let neurons = first..n.min(first + block);
            let length = neurons.len();
            potentials.fill(0.0);
            let next = neurons.end..n.min(neurons.end + block);
            for (t, pre_spike) in pre_spike.chunks_mut(block).enumerate() {
                prefetch(stored.at(t, next.clone()));
                let stored = (stored.at(t, neurons.clone()), row, currents.at_step(t));
                integrate(neuron, back.cells(), stored, &mut potentials, pre_spike, |pre_spike, _| pre_spike);
            }
            potential_gradient.fill(0.0);
            for (t, written) in rows.iter_mut().enumerate().rev() {
                let (of_step, stored) = (&mut of_step[..length], stored.at(t, neurons.clone()));
                let before = t.checked_sub(1).map_or(first_found.as_slice(), |t| &pre_spike[t * block..]);
                if B::READS_CURRENTS {
                    make_currents(stored, row, currents.at_step(t), &mut read_again);
                }
                let at = StepPotentials {
                    pre_spike: &pre_spike[t * block..][..length],
                    before: &before[..length],
                    currents: if B::READS_CURRENTS { &read_again[..length] } else { &[] },
                };
                prefetch(&grad[t * n + next.start..t * n + next.end]);
                let grad = &grad[t * n + neurons.start..t * n + neurons.end];
                back.step(at, grad, of_step, &mut potential_gradient, &mut own);
                currents.observe(t, stored, of_step, &mut gathered);
                written.write(of_step);
            }
            back.end_of_block(length, &mut own);
        }
        (gathered, own)
    };
    let (gathered, own) = tasks(gradient.parts(n), n, size).into_par_iter().enumerate().map(work).unzip();
    (NeuronReverse { currents: gradient.done(), gathered, learned: None }, own)
}

/// The currents of one time-step of a block.
fn make_currents(stored: &[f32], row: usize, currents: impl StepCurrents, out: &mut [f32]) {
    for (stored, out) in stored.chunks(row).zip(out.chunks_mut(row)) {
        let currents = currents.part(0, stored.len());
        stored.iter().zip(out).enumerate().for_each(|(i, (&stored, out))| *out = currents.at(i, stored));
    }
}

/// The sum over time of `rows` [T, n], each changed by `change(t, elements, row)` before it is added; `width` elements
/// belong together.
pub fn sum_over_time(
    rows: &[f32],
    n: usize,
    width: usize,
    change: impl Fn(usize, Range<usize>, &mut [f32]) + Sync,
) -> Vec<f32> {
    let mut total = vec![0f32; n];
    let size = (BLOCKS * BLOCK / width).max(1) * width;
    total.par_chunks_mut(size).enumerate().for_each(|(task, total)| {
        let mut changed = vec![0f32; total.len()];
        for (t, row) in rows.chunks(n).enumerate() {
            let elements = task * size..task * size + total.len();
            changed.copy_from_slice(&row[elements.clone()]);
            change(t, elements, &mut changed);
            total.iter_mut().zip(&changed).for_each(|(total, more)| *total += more);
        }
    });
    total
}

/// Neurons per block: whole rows of channels, where these are not alike.
fn block(currents: &impl Currents, neurons: &HostNeurons) -> usize {
    let width = currents.row().unwrap_or(1).max(neurons.cells.len());
    (BLOCK / width).max(1) * width
}

/// Regroups rows [T][n] into tasks [n / size][T], so that a thread owns its neurons at all time-steps.
fn tasks<T: WithDType>(rows: Vec<UninitPart<'_, T>>, n: usize, size: usize) -> Vec<Vec<UninitPart<'_, T>>> {
    let mut tasks: Vec<Vec<UninitPart<'_, T>>> = (0..n.div_ceil(size)).map(|_| Vec::new()).collect();
    for row in rows {
        for (task, piece) in tasks.iter_mut().zip(row.cut(size)) {
            task.push(piece);
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lif::{InputFactor, LifConfig, Neurons, Reset};

    fn neuron(change: impl FnOnce(&mut LifConfig)) -> HostNeurons {
        let mut lif = LifConfig { leak: 0.5.into(), ..LifConfig::default() };
        change(&mut lif);
        HostNeurons::new(&Neurons::from(lif)).unwrap()
    }

    fn spikes(currents: &[f32], time_steps: usize, neuron: &HostNeurons) -> Vec<u8> {
        let (spikes, count) = forward(Sequence::new(currents, time_steps, false), neuron, &StoredCurrents);
        assert_eq!(count, spikes.iter().map(|&spike| u64::from(spike)).sum::<u64>());
        spikes
    }

    fn by_currents(currents: &[f32], grad: &[f32], time_steps: usize, neuron: &HostNeurons) -> Vec<f32> {
        gradient(Sequence::new(currents, time_steps, false), grad, neuron, &StoredCurrents).currents
    }

    /// One neuron, current 0.8 at every step, leak 0.5: U = 0.8, 1.2 (fires), then by the reset.
    #[test]
    fn resets_give_the_spike_trains_computed_by_hand() {
        let currents = [0.8; 6];
        // Soft: U = .8, 1.2 -> .2, .9, 1.25 -> .25, .925, 1.2625.
        assert_eq!(spikes(&currents, 6, &neuron(|_| {})), [0, 1, 0, 1, 0, 1]);
        // Hard: U = .8, 1.2 -> 0, .8, 1.2 -> 0, ...
        assert_eq!(spikes(&currents, 6, &neuron(|l| l.reset = Reset::Hard)), [0, 1, 0, 1, 0, 1]);
        // None: U = .8, 1.2, 1.4, ... stays above.
        assert_eq!(spikes(&currents, 6, &neuron(|l| l.reset = Reset::None)), [0, 1, 1, 1, 1, 1]);
        // Half the current never reaches the threshold: the limit is .8.
        assert_eq!(spikes(&currents, 6, &neuron(|l| l.input = InputFactor::OneMinusLeak)), [0; 6]);
        // A potential equal to the threshold does not fire.
        assert_eq!(spikes(&[1.0, 0.5, 0.51], 3, &neuron(|_| {})), [0, 0, 1]);
    }

    #[test]
    fn firing_before_integrating_delays_every_spike_by_a_step() {
        // U found: 0, .8, 1.2 (fires; .6 + .8 - 1 = .4), .4, 1., 1.3 (fires).
        assert_eq!(spikes(&[0.8; 6], 6, &neuron(|l| l.fire_before_integrate = true)), [0, 0, 1, 0, 0, 1]);
    }

    /// T = 3 and no reset make the spike's surrogate the only path: dL/dI_t = sum over s >= t of g_s h(x_s) leak^(s -
    /// t).
    #[test]
    fn gradients_without_a_reset_are_sums_computed_by_hand() {
        let plain = neuron(|l| l.reset = Reset::None);
        // U = .5, .75, .875; x = -.5, -.25, -.125; h = .15, .225, .2625.
        let found = by_currents(&[0.5; 3], &[1., 2., 4.], 3, &plain);
        let expected = [0.15 + 0.5 * 0.45 + 0.25 * 1.05, 0.45 + 0.5 * 1.05, 1.05];
        found.iter().zip(expected).for_each(|(f, e): (&f32, f32)| assert!((f - e).abs() < 1e-6, "{f} against {e}"));
        let older = neuron(|l| {
            l.reset = Reset::None;
            l.fire_before_integrate = true;
        });
        // U found: 0, .5, .75; h(x) = 0, .15, .225; the last current reaches no spike.
        let found = by_currents(&[0.5; 3], &[1., 2., 4.], 3, &older);
        let expected = [0.3 + 0.5 * 0.9, 0.9, 0.0];
        found.iter().zip(expected).for_each(|(f, e): (&f32, f32)| assert!((f - e).abs() < 1e-6, "{f} against {e}"));
    }

    #[test]
    fn a_hard_reset_cuts_the_gradient_at_a_spike_and_a_soft_one_does_not() {
        // U = 1.5 fires; then soft .5 * .5 + .5 = .75, hard .5.
        let (currents, grad) = ([1.5, 0.5], [0., 1.]);
        let soft = by_currents(&currents, &grad, 2, &neuron(|_| {}));
        let hard = by_currents(&currents, &grad, 2, &neuron(|l| l.reset = Reset::Hard));
        assert!((soft[0] - 0.5 * 0.3 * 0.75).abs() < 1e-6 && (soft[1] - 0.3 * 0.75).abs() < 1e-6, "{soft:?}");
        assert!(hard[0] == 0.0 && (hard[1] - 0.3 * 0.5).abs() < 1e-6, "{hard:?}");
    }

    #[test]
    fn blocks_and_single_neurons_give_the_same_bits_on_odd_sizes() {
        let (n, t) = (3 * BLOCKS * BLOCK + 17, 5);
        let stream = crate::rng::Stream::new(0, crate::rng::Purpose::Synthetic, 0, 0, 0);
        let currents: Vec<f32> = (0..(n * t) as u64).map(|i| stream.uniform(i) * 2.0 - 0.5).collect();
        let neuron = neuron(|l| l.leak = 0.9.into());
        let (all, grads) = (spikes(&currents, t, &neuron), by_currents(&currents, &currents, t, &neuron));
        for i in (0..n).step_by(97) {
            let one: Vec<f32> = (0..t).map(|t| currents[t * n + i]).collect();
            assert_eq!(spikes(&one, t, &neuron), (0..t).map(|t| all[t * n + i]).collect::<Vec<_>>());
            assert_eq!(by_currents(&one, &one, t, &neuron), (0..t).map(|t| grads[t * n + i]).collect::<Vec<_>>());
        }
    }
}
