//! Bytes and operations of a training step on a GPU, by the network's plan alone: what no GPU can do without.

use super::{NetworkConfig, NetworkPlan};
use crate::layers::{SequenceSizes, SequenceSpec};
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
    /// The least seconds of a step: of each part and direction, those of its bytes or of its operations, whichever are
    /// more.
    pub fn least_seconds(&self, parts: &[StepPart], precision: Precision) -> f64 {
        let [single, tf32, half] = self.operations_per_second;
        let rate = match precision {
            Precision::F32 => single,
            Precision::Tf32 => tf32,
            Precision::Bf16 => half,
        };
        let least = |bytes: u64, operations: u64| (bytes as f64 / self.bytes_per_second).max(operations as f64 / rate);
        let of_part = |part: &StepPart| {
            least(part.forward_bytes, part.forward_operations) + least(part.backward_bytes, part.backward_operations)
        };
        parts.iter().map(of_part).sum()
    }
}

/// The parts of a training step over `batch` images, with an optimizer of `moments` moments.
pub fn step_parts(config: &NetworkConfig, plan: &NetworkPlan, batch: usize, moments: usize) -> Vec<StepPart> {
    let (time_steps, precision) = (plan.time_steps, plan.precision);
    // Encoders write f32 in every precision.
    let encoded = plan.input.bytes(time_steps, batch, Precision::F32) as u64;
    let mut parts = vec![part("encoder", config.encoder.kind().name(), encoded, 0, 0, 0)];
    let units: Vec<_> = config.layers.iter().zip(&plan.layers).zip(&plan.kinds).enumerate().collect();
    for (index, ((layer, own), kind)) in units.iter().copied().filter(|(_, ((_, own), _))| !own.fused) {
        let after =
            |distance: usize| units.get(index.saturating_add(distance)).map(|(_, ((layer, plan), _))| (layer, plan));
        let neurons = after(1).filter(|(_, next)| next.fused);
        let (spikes, behind): (Option<&SequenceSpec>, _) = match neurons {
            Some((_, neurons)) => (Some(&neurons.output), after(2)),
            None => (None, after(1)),
        };
        // Only neurons read the gradient of means.
        let spiking = neurons.is_some() || own.output.spikes;
        let shared = behind.filter(|_| spiking).and_then(|(next, plan)| next.spec().shared_gradient(plan));
        let wanted = index > 0;
        let shared_gradient = shared.unwrap_or(1);
        let sizes = SequenceSizes { plan: own, time_steps, batch, precision, wanted, shared_gradient };
        let moved = layer.spec().traffic(&sizes, spikes);
        let steps = if own.input.constant { 1 } else { time_steps };
        let images = (steps as u64).saturating_mul(batch as u64);
        let operations = own.macs.saturating_mul(2).saturating_mul(images);
        let kind = format!("{}{}", kind.name(), if neurons.is_some() { " lif" } else { "" });
        let back = operations.saturating_mul(if wanted { 2 } else { 1 });
        parts.push(part(&format!("layers.{index}"), &kind, moved.forward, moved.backward, operations, back));
    }
    // Weights and gradients are read and weights written, moments read and written; the gradients' norm reads them once
    // more.
    let numbers = (plan.parameters() as u64).saturating_mul(4);
    let moved = numbers.saturating_mul((moments as u64).saturating_mul(2).saturating_add(4));
    parts.push(part("optimizer", "", 0, moved, 0, 0));
    parts
}

fn part(name: &str, kind: &str, forward: u64, backward: u64, forward_operations: u64, back: u64) -> StepPart {
    StepPart {
        name: name.into(),
        kind: kind.into(),
        forward_bytes: forward,
        backward_bytes: backward,
        forward_operations,
        backward_operations: back,
    }
}
