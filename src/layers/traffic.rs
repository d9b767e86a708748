//! What a layer's kernels move to and from a GPU's memory in a training step: the model of `bntt bench --model`.
//!
//! Counted are the sequences that kernels read and write, each as often as it crosses the memory bus. Not counted are
//! weights and the tables of norms, which are small, and what the next kernel finds in the cache: patches, and the
//! second reading of currents on the way back through time.

use super::{LayerPlan, SequenceSpec};
use crate::ops::Precision;
use candle_core::DType;

/// Bytes of a training step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub forward: u64,
    pub backward: u64,
    /// Of these, what products read and write while they compute: forward and backward.
    pub by_products: [u64; 2],
}

/// A layer's sequences in bytes.
#[derive(Debug, Clone, Copy)]
pub struct SequenceSizes<'a> {
    pub plan: &'a LayerPlan,
    pub time_steps: usize,
    pub batch: usize,
    pub precision: Precision,
    /// Whether the input's gradient is wanted: not of the first layer.
    pub wanted: bool,
    /// Elements that share one of the gradient that comes back: those of a window, before a pool.
    pub shared_gradient: usize,
}

impl SequenceSizes<'_> {
    fn stored(&self, sequence: &SequenceSpec) -> u64 {
        sequence.bytes(self.time_steps, self.batch, self.precision) as u64
    }

    /// What comes in, as it is stored.
    pub fn input(&self) -> u64 {
        self.stored(&self.plan.input)
    }

    /// What goes out, as it is stored.
    pub fn output(&self) -> u64 {
        self.stored(&self.plan.output)
    }

    /// A byte for every element of the output.
    pub fn bytes_of_output(&self) -> u64 {
        let bytes = SequenceSpec { spikes: true, multiplied: false, ..self.plan.output.clone() };
        bytes.bytes(self.time_steps, self.batch, Precision::F32) as u64
    }

    /// The input as what is multiplied.
    fn operand(&self) -> u64 {
        self.stored(&SequenceSpec { spikes: false, ..self.plan.input.clone() })
    }

    /// Making it: spikes that are bytes become floats first.
    fn cast(&self) -> u64 {
        let bytes = self.plan.input.stored_as(self.precision) == DType::U8;
        if bytes { self.input().saturating_add(self.operand()) } else { 0 }
    }

    /// The output's gradient at every time-step, as it comes back.
    pub fn output_gradient(&self) -> u64 {
        let every = self.every_step(&self.plan.output);
        every.checked_div(self.shared_gradient as u64).unwrap_or(every)
    }

    /// The gradient that the output would have at every time-step.
    pub fn every_step(&self, sequence: &SequenceSpec) -> u64 {
        self.stored(&SequenceSpec { spikes: false, constant: false, ..sequence.clone() })
    }

    /// Writing the input's gradient, where it is wanted.
    pub fn input_gradient(&self) -> u64 {
        // It is of the type that is multiplied.
        if self.wanted { self.operand() } else { 0 }
    }

    /// What a layer moves that reads its input once and writes its output once, and the same on the way back.
    pub fn once_each_way(&self) -> Traffic {
        let backward = self.output_gradient().saturating_add(self.input_gradient());
        Traffic {
            forward: self.input().saturating_add(self.output()),
            backward: if self.wanted { backward } else { 0 },
            ..Traffic::default()
        }
    }

    /// What products move: the weight's gradient reads the input and the output's gradient, the input's reads the
    /// output's gradient again. A bias is added in place, and its gradient reads the output's once more.
    pub fn products(&self, bias: bool) -> Traffic {
        let again = if self.wanted { self.output_gradient() } else { 0 };
        let (added, summed) = if bias { (self.output().saturating_mul(2), self.output_gradient()) } else { (0, 0) };
        let back = [self.operand(), self.output_gradient(), again, self.input_gradient()];
        let by_products @ [forward, backward] =
            [self.operand().saturating_add(self.output()), back.into_iter().fold(0, u64::saturating_add)];
        Traffic {
            forward: forward.saturating_add(self.cast()).saturating_add(added),
            backward: backward.saturating_add(self.cast()).saturating_add(summed),
            by_products,
        }
    }

    /// What joining two sides moves, whose outputs each are as large as the joined: both are read and the output is
    /// written; on the way back the gradients of both are added, which `factors` make anew before.
    pub fn join(&self, factors: bool) -> Traffic {
        let outputs = self.plan.list_outputs().map(|side| self.stored(side)).fold(0, u64::saturating_add);
        let added = if self.wanted { self.input_gradient().saturating_mul(3) } else { 0 };
        let multiplied = outputs.saturating_add(self.output_gradient().saturating_mul(3));
        Traffic {
            forward: outputs.saturating_add(self.output()),
            backward: added.saturating_add(if factors { multiplied } else { 0 }),
            ..Traffic::default()
        }
    }

    /// Back through neurons: currents and the spikes' gradient are read, the currents' gradient is written.
    fn neurons_back(&self) -> u64 {
        let dy = self.every_step(&self.plan.output);
        [self.input(), self.output_gradient(), dy].into_iter().fold(0, u64::saturating_add)
    }

    /// What neurons move.
    pub fn neurons(&self) -> Traffic {
        Traffic {
            forward: self.input().saturating_add(self.output()),
            backward: self.neurons_back(),
            ..Traffic::default()
        }
    }

    /// What a norm moves that stands for itself: statistics, then the values; on the way back a copy of the output's
    /// gradient, its sums, and the input's gradient in its place.
    pub fn norm(&self) -> Traffic {
        let (x, dy) = (self.input(), self.every_step(&self.plan.output));
        Traffic {
            forward: x.saturating_mul(2).saturating_add(self.output()),
            backward: x.saturating_mul(2).saturating_add(dy.saturating_mul(5)),
            ..Traffic::default()
        }
    }

    /// What a norm moves with the neurons after it, whose spikes are `spikes`: statistics, then spikes; back through
    /// the neurons, which sums for the norm, then the input's gradient in its place.
    pub fn norm_and_neurons(&self, spikes: &SequenceSpec) -> Traffic {
        let (x, dy) = (self.input(), self.every_step(&self.plan.output));
        let backward = [self.neurons_back(), x, dy, dy];
        Traffic {
            forward: x.saturating_mul(2).saturating_add(self.stored(spikes)),
            backward: backward.into_iter().fold(0, u64::saturating_add),
            ..Traffic::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SavedForBackward;
    use super::*;

    /// 10 images, 5 time-steps, 6 elements each: 300 of every sequence.
    fn sizes(plan: &LayerPlan, precision: Precision) -> SequenceSizes<'_> {
        SequenceSizes { plan, time_steps: 5, batch: 10, precision, wanted: true, shared_gradient: 1 }
    }

    fn plan(spikes: bool) -> LayerPlan {
        let input = SequenceSpec { shape: vec![6], spikes, multiplied: false, constant: false };
        LayerPlan::free(&input, SequenceSpec { spikes: false, ..input.clone() }, SavedForBackward::Nothing)
    }

    #[test]
    fn sequences_are_counted_by_hand() {
        let spikes = SequenceSpec { shape: vec![6], spikes: true, multiplied: false, constant: false };
        let currents = plan(false);
        // Currents twice, spikes once; then currents, gradient, gradient, and currents, gradient, gradient again.
        let single = sizes(&currents, Precision::F32).norm_and_neurons(&spikes);
        assert_eq!(single, Traffic { forward: 300 * (4 + 4 + 1), backward: 300 * 6 * 4, by_products: [0; 2] });
        let half = sizes(&currents, Precision::Bf16).norm_and_neurons(&spikes);
        assert_eq!(half, Traffic { forward: 300 * (2 + 2 + 2), backward: 300 * 6 * 2, by_products: [0; 2] });
        // Before a pool over windows of 2: a quarter of the spikes' gradient.
        let pooled = SequenceSizes { shared_gradient: 4, ..sizes(&currents, Precision::Bf16) };
        assert_eq!(pooled.norm_and_neurons(&spikes).backward, 300 * 5 * 2 + 150);
    }

    #[test]
    fn bytes_that_are_multiplied_become_floats_on_the_way_and_back() {
        let spikes = plan(true);
        let single = sizes(&spikes, Precision::Tf32).products(false);
        assert_eq!((single.forward, single.backward), (300 * (1 + 4 + 4 + 4), 300 * (1 + 4 + 4 + 4 + 4 + 4)));
        assert_eq!(single.by_products, [300 * (4 + 4), 300 * (4 + 4 + 4 + 4)]);
        let half = sizes(&spikes, Precision::Bf16).products(false);
        assert_eq!(half, Traffic { forward: 300 * 4, backward: 300 * 8, by_products: [300 * 4, 300 * 8] });
        // Spikes that tensor cores read are floats from the begin.
        let mut read = plan(true);
        read.input.multiplied = true;
        assert_eq!(sizes(&read, Precision::Tf32).products(false).forward, 300 * (4 + 4));
        let first = SequenceSizes { wanted: false, ..sizes(&spikes, Precision::Bf16) };
        assert_eq!(first.products(false).backward, 300 * 4);
    }
}
