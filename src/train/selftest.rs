//! A small network in training, on a GPU and on the CPU.

use crate::data::Batches;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::network::Network;
use crate::ops::selftest::OpFinding;
use crate::optimizers::{Optimizer, TrainingPosition};
use crate::train::step;
use candle_core::{DType, Device};

/// Every kind of layer and batch norms of two kinds, on the digits that come with the program.
const EXPERIMENT: &str = r#"
name = "selftest"
data = { dataset = "digits", batch_size = 48, augment = { crop_padding = 1 } }
optimizer = { sgd = { lr = 0.05, momentum = 0.9, weight_decay = 1e-4 } }
training = { epochs = 1, clip = 5.0 }
[network]
time_steps = 5
encoder = "poisson"
layers = [
  { conv = { channels = 16 } }, "bntt", "lif",
  { pool = { average = 2 } }, { conv = { channels = 24, bias = true } }, "batch_norm", "lif", { pool = { max = 2 } },
  "flatten", { dropout = { probability = 0.1 } }, { linear = { features = 40 } }, "lif", { linear = { features = "classes" } },
]
"#;

const STEPS: usize = 5;

/// How far losses may lie apart: a neuron at its threshold may fire on one device and not on the other.
const ALLOWED: f32 = 2e-2;

/// Losses of the first steps on `device` against the CPU's, and against those of a second run on `device`, bit by bit;
/// the second takes its batches from the host.
pub fn network(device: &Device) -> Result<Vec<OpFinding>> {
    let (expected, found, again) = (losses(&Device::Cpu, false)?, losses(device, true)?, losses(device, false)?);
    let mut largest = 0f64;
    for (expected, found) in expected.iter().zip(&found) {
        let difference = (expected - found).abs() / expected.abs();
        largest = if difference.is_nan() { f64::INFINITY } else { largest.max(difference) };
    }
    let finding = |op: &str, largest: f64, allowed: f32, found: &[f64], expected: &[f64]| OpFinding {
        op: op.into(),
        dtype: DType::F64,
        comparisons: STEPS,
        largest: largest as f32,
        allowed,
        failure: (largest as f32 > allowed).then(|| format!("expected losses {expected:?}, found {found:?}")),
    };
    let apart = found.iter().zip(&again).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    Ok(vec![
        finding("a network's losses", largest, ALLOWED, &found, &expected),
        finding("a network's losses, twice", apart, 0.0, &again, &found),
    ])
}

fn losses(device: &Device, resident: bool) -> Result<Vec<f64>> {
    let checked = Experiment::parse(EXPERIMENT, "the selftest's network", &[])?;
    let experiment = &checked.experiment;
    let dataset = experiment.load_data()?;
    let resident =
        if resident { crate::data::DeviceDataset::new(&dataset.train, &experiment.data, device)? } else { None };
    let batches = Batches::train(&dataset.train, &experiment.data, 0, 0, device)?.with_device_cache(resident.as_ref());
    let mut network = Network::build(&experiment.network, checked.plan.clone(), 0, device)?;
    let mut optimizer = Optimizer::new(&experiment.optimizer);
    let mut losses = Vec::new();
    for (number, batch) in batches.iter_from(0).take(STEPS).enumerate() {
        let now = TrainingPosition { epoch: 0, epochs: 1, step: number, steps: STEPS };
        let lr = experiment.optimizer.lr();
        let step = step(&mut network, &mut optimizer, &batch?, now, lr, &experiment.training, &mut ())?;
        losses.push(step.read_score()?.loss());
    }
    Ok(losses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_agrees_with_itself_and_the_losses_fall() -> Result<()> {
        let findings = network(&Device::Cpu)?;
        assert!(findings.iter().all(|finding| finding.failure.is_none() && finding.largest == 0.0), "{findings:?}");
        let losses = losses(&Device::Cpu, true)?;
        assert!(losses[STEPS - 1] < losses[0], "{losses:?}");
        Ok(())
    }
}
