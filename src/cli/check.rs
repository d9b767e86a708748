//! `bntt check`.

use super::table::{bytes, count, grouped, table};
use crate::error::Result;
use crate::experiment::{Checked, Experiment};
use crate::network::NetworkPlan;
use std::path::PathBuf;

/// Check an experiment file and show what it costs; no data set is needed.
///
/// Prints every layer's kind, output shape, parameters and multiply-accumulates (MACs) per image and time-step, and the memory
/// that a training step is predicted to take. All mistakes of the file are reported at once.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  bntt check configs/vgg9_cifar10_bntt.toml network.time_steps=10 data.batch_size=64"
)]
pub struct Arguments {
    /// Experiment file.
    config: PathBuf,
    /// Values that replace the file's, as in `network.lif.leak=0.9`.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

pub fn check(arguments: &Arguments) -> Result<()> {
    let checked = Experiment::load(&arguments.config, &arguments.overrides)?;
    super::print(&describe(&checked))
}

/// The report of `bntt check`.
pub fn describe(checked: &Checked) -> String {
    let Checked { experiment, shape, plan } = checked;
    let (time_steps, batch) = (plan.time_steps, experiment.data.batch_size);
    let mut rows = vec![["layer", "kind", "output", "parameters", "MACs", "kept"].map(String::from).to_vec()];
    for (index, (kind, layer)) in plan.kinds.iter().zip(&plan.layers).enumerate() {
        rows.push(vec![
            index.to_string(),
            (*kind).to_string(),
            layer.output.describe(),
            grouped(layer.parameters as u64),
            count(layer.macs),
            bytes(layer.kept_bytes(time_steps, batch, plan.precision)),
        ]);
    }
    rows.push(vec![
        "total".into(),
        String::new(),
        String::new(),
        grouped(plan.parameters() as u64),
        count(plan.macs()),
        bytes(plan.kept_bytes(batch)),
    ]);
    let input = plan.input.describe();
    format!(
        "{}: {input}, {} classes; {time_steps} time-steps, batches of {batch}\n\n{}\n\
         MACs are per image and time-step. \"kept\" is what a training step keeps for its backward pass.\n\n{}",
        experiment.name,
        shape.classes,
        table(&rows, 3),
        memory(checked)
    )
}

/// The predicted peak at half, the same and double T and batch size.
fn memory(checked: &Checked) -> String {
    let Checked { experiment, shape, plan } = checked;
    let around = |n: usize| [n / 2, n, n * 2].into_iter().filter(|&n| n > 0).collect::<Vec<_>>();
    let batches = around(experiment.data.batch_size);
    let mut rows = vec![[vec!["T".to_string()], batches.iter().map(|b| format!("batch {b}")).collect()].concat()];
    for time_steps in around(plan.time_steps) {
        let mut network = experiment.network.clone();
        network.time_steps = time_steps;
        let shape = crate::data::DataShape { time_steps: shape.time_steps.map(|_| time_steps), ..*shape };
        if let Ok(plan) = NetworkPlan::new(&network, &shape, plan.precision) {
            let peak = |&batch: &usize| bytes(plan.peak_bytes(batch, experiment.optimizer.moment_count()));
            rows.push([vec![time_steps.to_string()], batches.iter().map(peak).collect()].concat());
        }
    }
    format!(
        "Predicted peak memory of a training step (weights, optimizer and activations, without the data set):\n{}",
        table(&rows, 0)
    )
}
