//! `bntt bench`.

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::report::table::{Printout, Table, json, text};
use crate::terminal::amounts::{bytes, count};
use crate::train::bench::{BenchReport, PhaseTiming, measure};
use crate::train::memory_check::{refuse_what_does_not_fit, with_memory_explained};
use std::path::PathBuf;

/// Measure how long an experiment's training step takes; no data set is needed.
///
/// Trains on random images and prints median, minimum and spread (distance between the quartiles) of every part of a
/// step, images a second, operations a second, bytes kept for backward and the process's peak memory; and what the
/// machine does at most, in products and in copies. Weights stay as they were initialised.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bntt bench configs/vgg9_cifar10_bntt.toml network.time_steps=5 data.batch_size=16\n  \
                  bntt bench configs/vgg5_cifar10_direct.toml --layers --format json\n  \
                  bntt bench configs/vgg5_cifar10_direct.toml --threads 1,2,4,8,16\n  \
                  bntt bench configs/vgg9_cifar10_bntt.toml --model training.precision=bf16 data.batch_size=256"
)]
pub struct BenchArguments {
    /// Experiment file.
    #[arg(value_parser = path())]
    pub(super) config: PathBuf,
    /// Values that replace the file's, as in `network.time_steps=5`.
    #[arg(value_name = "KEY=VALUE")]
    pub(super) overrides: Vec<String>,
    /// Steps to measure, after two to warm up.
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) repeats: u32,
    /// Measure even if the memory that is predicted is more than there is.
    #[arg(long)]
    pub(super) insist: bool,
    /// Show every layer.
    #[arg(long)]
    layers: bool,
    /// Measure with each of these numbers of worker threads: how much faster more of them are.
    #[arg(long, value_name = "N,...", value_delimiter = ',', conflicts_with = "layers",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Vec<u16>,
    /// Measure nothing: print the bytes and operations of a step on a GPU, and the least time that they take.
    #[arg(long, conflicts_with_all = ["repeats", "insist", "layers", "threads"])]
    model: bool,
    /// One line of JSON, as `--format json` prints over several.
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    format: super::FormatArgument,
}

pub fn bench(arguments: &BenchArguments) -> Result<()> {
    let checked = Experiment::load(&arguments.config, &arguments.overrides)
        .map_err(|error| of_other_kind(error, &arguments.config, &[FileKind::Experiment]))?;
    if arguments.model {
        return arguments.format.print(super::bench_model::model(&checked)?);
    }
    if !arguments.threads.is_empty() {
        return arguments.format.print(super::bench_threads::scaling(arguments)?);
    }
    crate::system::threads::start(checked.experiment.training.threads);
    let device = checked.experiment.training.open_device()?;
    refuse_what_does_not_fit(&checked, &device, arguments.insist)?;
    let report = with_memory_explained(&device, &checked, || measure(&checked, &device, arguments.repeats as usize))?;
    if arguments.json {
        let line = serde_json::to_string(&report).map_err(|e| Error::Run(format!("bench: cannot write JSON: {e}")))?;
        return super::print(&format!("{line}\n"));
    }
    let (text, tables) = describe(&report, arguments.layers);
    arguments.format.print(Printout::new(text, tables).with_json(json::value(&report)?))
}

fn describe(report: &BenchReport, layers: bool) -> (String, Vec<Table>) {
    let mut rows = Vec::new();
    for (part, timing) in [
        ("data", report.data),
        ("forward", report.forward),
        ("backward", report.backward),
        ("optimizer", report.optimizer),
        ("step", report.step),
        ("evaluation", report.evaluation),
    ] {
        rows.push(vec![
            part.into(),
            milliseconds(timing.median),
            milliseconds(timing.minimum),
            milliseconds(timing.spread),
        ]);
    }
    let parts = Table::new(&["part", "median ms", "minimum", "spread"], rows, 1);
    let mut text = format!(
        "{}: {}, {} threads; {} time-steps, batches of {}, {} repeats\n\n{}\n\
         {:.1} images a second in training, {:.1} in evaluation\n\
         {:.3} ms an image and time-step, {:.1} GFLOP/s (dense)\n\
         {} kept for backward, {} peak memory of the process{}\n{}",
        report.name,
        report.device,
        report.threads,
        report.time_steps,
        report.batch_size,
        report.repeats,
        text::render(&parts, None),
        report.images_per_second,
        report.evaluation_images_per_second,
        report.milliseconds_per_image_and_time_step,
        report.gflops,
        bytes(report.kept_bytes),
        report.peak_memory_bytes.map_or("unknown".into(), |peak| bytes(peak as usize)),
        report.device_peak_bytes.map_or(String::new(), |peak| format!(", {} of the device", bytes(peak as usize))),
        report.machine.map_or(String::new(), |machine| {
            let dense = 1e3 * report.gflops * report.step.median / machine.gflops;
            format!(
                "this machine: {:.1} GFLOP/s in products that stay in the cache, {:.1} GB/s copied; the step's products, \
                 done densely at that rate: {dense:.1} ms\n",
                machine.gflops, machine.copied_gigabytes_per_second
            )
        }),
    );
    let mut tables = vec![parts];
    if layers {
        let layers = layer_table(report);
        text.push('\n');
        text += &text::render(&layers, None);
        tables.push(layers);
    }
    (text, tables)
}

fn layer_table(report: &BenchReport) -> Table {
    let head =
        ["layer", "kind", "forward ms", "backward ms", "MACs", "forward GFLOP/s", "backward", "kept", "firing rate"];
    let mut rows = Vec::new();
    for layer in &report.layers {
        let rate = |products: f64, timing: PhaseTiming| match layer.macs {
            0 => String::new(),
            macs => format!("{:.1}", products * 2.0 * macs as f64 / timing.median / 1e9),
        };
        rows.push(vec![
            layer.layer.clone(),
            layer.kind.clone(),
            milliseconds(layer.forward.median),
            milliseconds(layer.backward.median),
            if layer.macs == 0 { String::new() } else { count(layer.macs) },
            rate(1.0, layer.forward),
            rate(2.0, layer.backward),
            bytes(layer.kept_bytes),
            layer.firing_rate.map_or(String::new(), |rate| format!("{rate:.3}")),
        ]);
    }
    Table::new(&head, rows, 2)
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.2}", seconds * 1e3)
}
