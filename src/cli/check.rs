//! `bntt check`.

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use crate::config;
use crate::error::Result;
use crate::experiment::{CheckedExperiment, Experiment};
use crate::layers::{LayerConfig, LayerPlan, Placement};
use crate::ops::device;
use crate::report::table::text::{self, terminal_width};
use crate::report::table::{Printout, Table, json};
use crate::terminal::amounts::{bytes, count, grouped, milliseconds, rough_duration};
use crate::train::timing::{self, RunTiming};
use candle_core::Device;
use std::path::PathBuf;

/// Check an experiment file and show what it costs; no data set is needed.
///
/// Prints every layer's kind, output shape, parameters and multiply-accumulates (MACs) per image and time-step, the
/// memory that a training step is predicted to take, and how long a run will take here: some steps are timed, for about
/// two seconds. All mistakes of the file are reported at once; what can be trained
/// but does not do what it says, such as a milestone that no epoch reaches, is warned of at the end.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  bntt check configs/vgg9_cifar10_bntt.toml network.time_steps=10 data.batch_size=64"
)]
pub struct CheckArguments {
    /// Experiment file.
    #[arg(value_parser = path())]
    config: PathBuf,
    /// Values that replace the file's, as in `network.lif.leak=0.9`.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Time nothing.
    #[arg(long)]
    no_timing: bool,
    #[command(flatten)]
    format: super::FormatArgument,
}

pub fn check(arguments: &CheckArguments) -> Result<()> {
    let checked = Experiment::load(&arguments.config, &arguments.overrides)
        .map_err(|error| of_other_kind(error, &arguments.config, &[FileKind::Experiment]))?;
    let warnings = [config::overruled(&arguments.overrides), checked.experiment.warnings()].concat();
    crate::system::threads::start(checked.experiment.training.threads);
    let timing = (!arguments.no_timing).then(|| timing::time(&checked));
    let (text, tables) = describe(&checked);
    let time = timing.as_ref().map_or(String::new(), |timing| format!("\n{}\n", time_words(&checked, timing)));
    let json = serde_json::json!({
        "name": checked.experiment.name,
        "layers": tables.first().map(json::objects),
        "parameters": checked.plan.parameters(),
        "macs_per_image_and_time_step": checked.plan.macs(),
        "saved_bytes": checked.plan.kept_bytes(checked.experiment.data.batch_size),
        "peak_bytes": checked.peak_bytes(checked.plan.time_steps, checked.experiment.data.batch_size),
        "timing": timing.and_then(Result::ok).map(|timing| json::value(&timing)).transpose()?,
        "warnings": warnings,
    });
    arguments.format.print(Printout::new(text + &time + &warned(&warnings), tables).with_json(json))
}

/// `about 1 h 40 min for 200 epochs (a step 320 ms, an evaluation 12 s)`, or why nothing was timed.
fn time_words(checked: &CheckedExperiment, timing: &Result<RunTiming>) -> String {
    let timing = match timing {
        Ok(timing) => timing,
        Err(error) => return format!("not timed: {}", timing::why_not(error)),
    };
    let batch = checked.experiment.data.batch_size;
    let of = match timing.images_timed {
        images if images < batch => format!(", by {images} of its {batch} images"),
        _ => String::new(),
    };
    let step = format!("a step {}{of}", milliseconds(timing.step_seconds));
    let epochs = match (timing.epochs, &checked.experiment.training.early_stopping) {
        (1, _) => "1 epoch".to_string(),
        (epochs, None) => format!("{epochs} epochs"),
        (epochs, Some(_)) => format!("all {epochs} epochs"),
    };
    match (timing.seconds, timing.evaluation_seconds) {
        (Some(seconds), Some(evaluation)) => {
            format!(
                "about {} for {epochs} ({step}, an evaluation {})",
                rough_duration(seconds),
                milliseconds(evaluation)
            )
        }
        _ => format!("{step}; how many there are is known once the data set is here"),
    }
}

/// Warnings below a report; nothing where there are none.
fn warned(warnings: &[String]) -> String {
    let gap = if warnings.is_empty() { "" } else { "\n" };
    let lines: String = warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    format!("{gap}{lines}")
}

/// The report of `bntt check`.
pub fn describe(checked: &CheckedExperiment) -> (String, Vec<Table>) {
    let CheckedExperiment { experiment, shape, plan } = checked;
    let (time_steps, batch) = (plan.time_steps, experiment.data.batch_size);
    let opened = device::open(&experiment.training.device);
    let (on_gpu, device) = match &opened {
        Ok(device) => (!device.is_cpu(), device::name(device)),
        Err(problem) => (true, format!("{}, which cannot be used here: {problem}", experiment.training.device)),
    };
    let (layers, peaks) = (layers(checked, on_gpu, opened.as_ref().ok()), memory(checked));
    let input = plan.input.describe();
    let without_spikes = experiment.network.without_spikes().map_or_else(String::new, |kind| format!("; {kind}"));
    let steps = if time_steps == 1 { "time-step" } else { "time-steps" };
    let text = format!(
        "{}: {input}, {} classes; {time_steps} {steps}, batches of {batch}; on {device}{without_spikes}\n\n{}\n\
         MACs are per image and time-step. \"kept\" is what a training step keeps for its backward pass.{}\n\n{}",
        experiment.name,
        shape.classes,
        text::in_parts(&layers, terminal_width()),
        if on_gpu { "" } else { " A convolution goes the sparse way where few enough of its inputs are not zero." },
        peak_words(&peaks)
    );
    (text, vec![layers, peaks])
}

/// A head, a row a layer and the total: kinds, output shapes, ways, parameters, MACs, bytes kept. A GPU is asked for
/// its ways where it is open. The layers that another holds come after it, with what they count; what they keep stands
/// with the layer that holds them, since they may keep the same tensor.
pub fn layers(checked: &CheckedExperiment, on_gpu: bool, device: Option<&Device>) -> Table {
    let CheckedExperiment { experiment, plan, .. } = checked;
    let (time_steps, batch) = (plan.time_steps, experiment.data.batch_size);
    let placement = Placement { on_gpu, device, time_steps, batch, precision: plan.precision };
    let head = ["layer", "kind", "output", "computed by", "parameters", "MACs", "kept"];
    let mut rows = Vec::new();
    list_rows(&experiment.network.layers, &plan.layers, "", &placement, &mut rows);
    rows.push(vec![
        "total".into(),
        String::new(),
        String::new(),
        String::new(),
        grouped(plan.parameters() as u64),
        count(plan.macs()),
        bytes(plan.kept_bytes(batch)),
    ]);
    Table::new(&head, rows, 4)
}

/// The rows of a list, whose layers' names begin with `prefix`.
fn list_rows(
    layers: &[LayerConfig],
    plans: &[LayerPlan],
    prefix: &str,
    placement: &Placement<'_>,
    rows: &mut Vec<Vec<String>>,
) {
    for (index, (layer, plan)) in layers.iter().zip(plans).enumerate() {
        let name = format!("{prefix}{index}");
        let path = match index.checked_sub(1) {
            Some(before) if plan.fused => format!("fused with {prefix}{before}"),
            _ => layer.spec().algorithm(plan, placement).to_string(),
        };
        let holds = plan.lists.iter().any(|list| !list.is_empty());
        let unless = |hidden: bool, text: String| if hidden { String::new() } else { text };
        rows.push(vec![
            name.clone(),
            layer.kind().to_string(),
            plan.output.describe(),
            path,
            unless(holds, grouped(plan.parameters as u64)),
            unless(holds, count(plan.macs)),
            unless(
                !prefix.is_empty(),
                bytes(plan.kept_bytes(placement.time_steps, placement.batch, placement.precision)),
            ),
        ]);
        for ((side, list), plans) in layer.spec().lists().into_iter().zip(&plan.lists) {
            list_rows(list, plans, &format!("{name}.{side}."), placement, rows);
        }
    }
}

/// The predicted peak at half, the same and double T and batch size.
fn memory(checked: &CheckedExperiment) -> Table {
    let CheckedExperiment { experiment, plan, .. } = checked;
    let around = |n: usize| [n / 2, n, n.saturating_mul(2)].into_iter().filter(|&n| n > 0).collect::<Vec<_>>();
    let batches = around(experiment.data.batch_size);
    let header = [vec!["T".to_string()], batches.iter().map(|b| format!("batch {b}")).collect()].concat();
    let mut rows = Vec::new();
    for time_steps in around(plan.time_steps) {
        let peaks = batches.iter().filter_map(|&batch| checked.peak_bytes(time_steps, batch)).map(bytes);
        let row: Vec<String> = std::iter::once(time_steps.to_string()).chain(peaks).collect();
        if row.len() > 1 {
            rows.push(row);
        }
    }
    Table { header, rows, ..Table::default() }
}

fn peak_words(peaks: &Table) -> String {
    let of = "weights, optimizer and activations, without the data set";
    format!("Predicted peak memory of a training step ({of}):\n{}", text::in_parts(peaks, terminal_width()))
}
