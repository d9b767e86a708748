//! Bytes and operations of a training step on a GPU, by the network's plan alone: what no GPU can do without.

use super::{NetworkConfig, NetworkPlan};
use crate::layers::{LayerConfig, LayerPlan, SequenceSizes, SequenceSpec};
use crate::ops::Precision;
use serde::Serialize;

/// A layer, a norm with the neurons it is fused with, the encoder or the optimizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepPart {
    /// `layers.3`, `encoder`, `optimizer`.
    pub name: String,
    pub kind: String,
    pub forward_bytes: u64,
    pub backward_bytes: u64,
    /// Of these, what products read and write while they compute.
    pub product_bytes: [u64; 2],
    /// Two for every multiply-accumulate.
    pub forward_operations: u64,
    pub backward_operations: u64,
}

/// A GPU's peak rates, by its maker's data sheet: dense, without sparsity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GpuRates {
    pub name: &'static str,
    pub bytes_per_second: f64,
    /// In f32, tf32 and bf16.
    pub operations_per_second: [f64; 3],
}

/// GPUs that the model tells the least time for.
pub const GPUS: [GpuRates; 3] = [
    GpuRates { name: "A100 80 GB", bytes_per_second: 2.039e12, operations_per_second: [19.5e12, 156e12, 312e12] },
    GpuRates { name: "H100 SXM", bytes_per_second: 3.35e12, operations_per_second: [67e12, 494.7e12, 989.4e12] },
    GpuRates { name: "H200", bytes_per_second: 4.8e12, operations_per_second: [67e12, 494.7e12, 989.4e12] },
];

impl GpuRates {
    /// The least seconds of a step: of products, those of their bytes or of their operations, whichever are more; of
    /// what only moves, those of its bytes.
    pub fn least_seconds(&self, parts: &[StepPart], precision: Precision) -> f64 {
        let [single, tf32, half] = self.operations_per_second;
        let rate = match precision {
            Precision::F32 => single,
            Precision::Tf32 => tf32,
            Precision::Bf16 => half,
        };
        let moving = |bytes: u64| bytes as f64 / self.bytes_per_second;
        let least = |bytes: u64, of_products: u64, operations: u64| {
            moving(bytes.saturating_sub(of_products)) + moving(of_products).max(operations as f64 / rate)
        };
        let of_part = |part: &StepPart| {
            let [forward, backward] = part.product_bytes;
            least(part.forward_bytes, forward, part.forward_operations)
                + least(part.backward_bytes, backward, part.backward_operations)
        };
        parts.iter().map(of_part).sum()
    }
}

/// The parts of a training step over `batch` images, with an optimizer of `moments` moments.
pub fn step_parts(config: &NetworkConfig, plan: &NetworkPlan, batch: usize, moments: usize) -> Vec<StepPart> {
    let (time_steps, precision) = (plan.time_steps, plan.precision);
    // Encoders write f32 in every precision.
    let encoded = plan.input.bytes(time_steps, batch, Precision::F32) as u64;
    let mut parts = vec![part("encoder", config.encoder.kind().name(), encoded, 0)];
    let step = ListStep { time_steps, batch, precision, wanted: false };
    parts.extend(step.parts(&config.layers, &plan.layers, "layers"));
    // Weights and gradients are read and weights written, moments read and written; the gradients' norm reads them once
    // more.
    let numbers = (plan.parameters() as u64).saturating_mul(4);
    let moved = numbers.saturating_mul((moments as u64).saturating_mul(2).saturating_add(4));
    parts.push(part("optimizer", "", 0, moved));
    parts
}

/// A training step through a list of layers.
#[derive(Clone, Copy)]
struct ListStep {
    time_steps: usize,
    batch: usize,
    precision: Precision,
    /// Whether the gradient of the list's input is wanted.
    wanted: bool,
}

impl ListStep {
    /// The parts of `layers`, whose names begin with `prefix`: of a layer that holds lists, the parts of these first.
    fn parts(self, layers: &[LayerConfig], plans: &[LayerPlan], prefix: &str) -> Vec<StepPart> {
        let Self { time_steps, batch, precision, .. } = self;
        let mut parts = Vec::new();
        let units: Vec<_> = layers.iter().zip(plans).collect();
        for (index, (layer, own)) in units.iter().copied().enumerate().filter(|(_, (_, own))| !own.fused) {
            let after = |distance: usize| units.get(index.saturating_add(distance)).copied();
            let neurons = after(1).filter(|(_, next)| next.fused);
            let (spikes, behind): (Option<&SequenceSpec>, _) = match neurons {
                Some((_, neurons)) => (Some(&neurons.output), after(2)),
                None => (None, after(1)),
            };
            // Only neurons read the gradient of means.
            let spiking = neurons.is_some() || (own.output.spikes && own.lists.is_empty());
            let shared = behind.filter(|_| spiking).and_then(|(next, plan)| next.spec().shared_gradient(plan));
            let wanted = index > 0 || self.wanted;
            let own_lists = layer.spec().lists().into_iter().zip(&own.lists);
            own_lists.for_each(|((name, list), plans)| {
                parts.extend(Self { wanted, ..self }.parts(list, plans, &format!("{prefix}.{index}.{name}")));
            });
            let shared_gradient = shared.unwrap_or(1);
            let sizes = SequenceSizes { plan: own, time_steps, batch, precision, wanted, shared_gradient };
            let moved = layer.spec().traffic(&sizes, spikes);
            let steps = if own.input.constant { 1 } else { time_steps };
            let images = (steps as u64).saturating_mul(batch as u64);
            let macs = if own.lists.is_empty() { own.macs } else { 0 };
            let operations = macs.saturating_mul(2).saturating_mul(images);
            let kind = format!("{}{}", layer.kind().name(), if neurons.is_some() { " lif" } else { "" });
            let back = operations.saturating_mul(if wanted { 2 } else { 1 });
            parts.push(StepPart {
                forward_operations: operations,
                backward_operations: back,
                product_bytes: moved.by_products,
                ..part(&format!("{prefix}.{index}"), &kind, moved.forward, moved.backward)
            });
        }
        parts
    }
}

/// What only moves.
fn part(name: &str, kind: &str, forward_bytes: u64, backward_bytes: u64) -> StepPart {
    let (name, kind) = (name.into(), kind.into());
    let (product_bytes, forward_operations, backward_operations) = ([0; 2], 0, 0);
    StepPart { name, kind, forward_bytes, backward_bytes, product_bytes, forward_operations, backward_operations }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_take_what_is_more_and_moves_take_what_they_move() {
        let gpu = GpuRates { name: "", bytes_per_second: 10.0, operations_per_second: [1.0, 5.0, 100.0] };
        // 20 bytes are cast before, 30 are read and written by products of 50 operations; 40 move on the way back.
        let part =
            StepPart { forward_bytes: 50, product_bytes: [30, 0], forward_operations: 50, ..part("", "", 0, 40) };
        let parts = [part];
        assert_eq!(gpu.least_seconds(&parts, Precision::F32), 2.0 + 50.0 + 4.0);
        assert_eq!(gpu.least_seconds(&parts, Precision::Tf32), 2.0 + 10.0 + 4.0);
        assert_eq!(gpu.least_seconds(&parts, Precision::Bf16), 2.0 + 3.0 + 4.0);
    }
}
