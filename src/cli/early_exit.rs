//! `bntt early-exit`.

use super::figures::Figures;
use super::path_argument::path;
use super::trained::{EvaluatedNetwork, RunNetworkArguments, Trained};
use crate::analysis::early_exit::{AtConfidence, AtStep, EarlyExitCurve, curve};
use crate::analysis::energy::{Constants, products};
use crate::error::{Error, Result};
use crate::experiment::{EarlyExitConfig, ExitLayers};
use crate::network::Gammas;
use crate::report::figures;
use crate::report::table::text::{self, terminal_width};
use crate::report::table::{Printout, Table, json};
use crate::terminal::amounts::{NumberColumn, counts, energies, significant};
use crate::terminal::logging::Log;
use crate::train::evaluate::EvaluationOptions;
use serde::Serialize;
use std::path::PathBuf;

/// Show what a run's network gets right when it stops before its last time-step, and what that takes.
///
/// Prints the mean gamma of every BNTT layer by time-step, the exit that gamma tells, and accuracy, firing rate,
/// synaptic operations and energy after every number of time-steps, from one pass over the test images: logits after t
/// time-steps are the mean over these. The exit is after the first step at which the mean gamma of every BNTT layer is
/// below the threshold (Kim & Panda 2021). Beside it: each image stopping by itself, once the softmax of its mean
/// logits gives some class the confidence asked for.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt early-exit runs/vgg9_cifar10_bntt/v0001 --figures figures\n  \
                  bntt early-exit runs/quickstart/v0001 --threshold 0.3 --layers average --confidence 0.8,0.9 --stop")]
pub struct EarlyExitArguments {
    #[command(flatten)]
    of: RunNetworkArguments,
    /// Mean gammas below it end the sequence.
    #[arg(long, value_name = "GAMMA", default_value_t = USUAL_THRESHOLD)]
    threshold: f64,
    /// Which layers' gammas must be below the threshold.
    #[arg(long, value_enum, default_value = "every")]
    layers: ExitLayers,
    /// Compute no step past the exit: the table ends there. Without it, it goes on to the last time-step.
    #[arg(long)]
    stop: bool,
    /// Probabilities of the likeliest class at which an image ends.
    #[arg(long, value_name = "P,..", value_delimiter = ',', default_value = "0.5,0.6,0.7,0.8,0.9,0.95,0.99,0.999")]
    confidence: Vec<f64>,
    /// Costs of operations: a TOML table; that of 45 nm unless given.
    #[arg(long, value_name = "FILE", value_parser = path())]
    constants: Option<PathBuf>,
    #[command(flatten)]
    figures: Figures,
    #[command(flatten)]
    format: super::FormatArgument,
}

/// The threshold of Kim & Panda 2021.
const USUAL_THRESHOLD: f64 = 0.1;

/// All numbers.
#[derive(Serialize)]
struct EarlyExitReport {
    #[serde(flatten)]
    subject: EvaluatedNetwork,
    time_steps: usize,
    threshold: f64,
    layers: ExitLayers,
    /// Mean gammas by layer and time-step.
    gammas: Gammas,
    /// The number of time-steps up to the exit.
    exit: Option<usize>,
    draws: usize,
    #[serde(flatten)]
    curve: EarlyExitCurve,
}

pub fn early_exit(arguments: &EarlyExitArguments, log: &Log) -> Result<()> {
    let EarlyExitArguments { threshold, layers, .. } = *arguments;
    let wrong = |what: &str, found: f64| Error::Run(format!("{what}: expected a number above 0, found {found}"));
    if !(threshold.is_finite() && threshold > 0.0) {
        return Err(wrong("--threshold", threshold));
    }
    if let Some(&p) = arguments.confidence.iter().find(|p| !(**p > 0.0 && **p <= 1.0)) {
        return Err(Error::Run(format!("--confidence: expected probabilities above 0 and up to 1, found {p}")));
    }
    let costs = Constants::load(arguments.constants.as_deref())?;
    let trained = arguments.of.open(log)?;
    let experiment = &trained.checked.experiment;
    let (all, draws) = (experiment.network.time_steps, experiment.training.evaluation_draws);
    let gammas = trained.network.gammas()?;
    let exit = EarlyExitConfig { threshold, layers }.time_steps(&gammas);
    let time_steps = exit.filter(|_| arguments.stop).unwrap_or(all);
    let products = products(&experiment.network, &trained.checked.plan);
    let options = EvaluationOptions { draws, time_steps };
    let curve = trained.on_test_images(time_steps, |network, batches| {
        curve(network, batches, options, &arguments.confidence, (&products, &costs))
    })?;
    let report = EarlyExitReport {
        subject: trained.subject.clone(),
        time_steps: all,
        threshold,
        layers,
        gammas,
        exit,
        draws,
        curve,
    };
    keep(&trained, &report, arguments, &costs)?;
    arguments.figures.write(|| {
        let mut figures = vec![figures::early_exit(&report.curve, exit)?];
        if !report.gammas.is_empty() {
            figures.push(figures::gamma(&report.gammas, "")?);
        }
        Ok(figures)
    })?;
    let (text, tables) = describe(&report);
    let printout = Printout::new(text, tables).with_json(json::value(&report)?);
    arguments.format.print(printout.with_list(&json::value(&report.curve.steps)?))
}

/// Leaves the numbers in the run's folder.
fn keep(trained: &Trained, report: &EarlyExitReport, arguments: &EarlyExitArguments, costs: &Constants) -> Result<()> {
    let EarlyExitReport { threshold, layers, curve, .. } = report;
    let mut analysis = trained.analysis("early-exit");
    analysis.settings = serde_json::json!({
        "threshold": threshold, "layers": layers, "stop": arguments.stop, "confidence": arguments.confidence,
        "constants": costs,
    });
    if (*threshold, *layers) != (USUAL_THRESHOLD, ExitLayers::Every) {
        let layers = if *layers == ExitLayers::Every { "every layer's" } else { "the layers' average" };
        analysis.conditions.push(format!("{layers} gamma below {threshold}"));
    }
    // Where gamma tells no exit, the network runs to its end; without gamma nothing could have told one.
    let exit = report.exit.or(curve.steps.last().map(|at| at.time_steps)).filter(|_| !report.gammas.is_empty());
    if let Some(at) = exit.and_then(|exit| curve.steps.iter().find(|at| at.time_steps == exit)) {
        analysis.measures.insert("early_exit.accuracy".into(), at.top1);
        analysis.measures.insert("early_exit.time_steps".into(), at.time_steps as f64);
    }
    // With --stop, an image that is not sure by then ends there.
    for at in curve.confidences.iter().filter(|_| !arguments.stop) {
        analysis.measures.insert(format!("early_exit.accuracy@{}", at.confidence), at.top1);
        analysis.measures.insert(format!("early_exit.time_steps@{}", at.confidence), at.time_steps);
    }
    analysis.results = json::value(report)?;
    trained.keep(&analysis);
    Ok(())
}

/// By time-step, by confidence, and the mean gammas where there are any.
fn describe(report: &EarlyExitReport) -> (String, Vec<Table>) {
    let EarlyExitReport { curve, exit, gammas, time_steps, threshold, .. } = report;
    let rule = match report.layers {
        ExitLayers::Every => "the mean gamma of every BNTT layer is",
        ExitLayers::Average => "the layers' mean gammas are on average",
    };
    let said = match (exit, gammas.is_empty()) {
        (_, true) => "The network has no BNTT layer, and so no gamma that tells an exit.".to_string(),
        (Some(exit), _) => {
            format!("Exit after {exit} of {time_steps} time-steps: {rule} below {threshold} there for the first time.")
        }
        (None, _) => format!("No exit: at none of the {time_steps} time-steps {rule} below {threshold}."),
    };
    let steps = gammas.first().map_or(0, |(_, means)| means.len());
    let header: Vec<String> = [vec!["mean gamma".to_string()], (1..=steps).map(|t| t.to_string()).collect()].concat();
    let of_layer = |(layer, means): &(String, Vec<f64>)| {
        [vec![layer.clone()], means.iter().map(|g| format!("{g:.2}")).collect()].concat()
    };
    let rows: Vec<Vec<String>> = gammas.iter().map(of_layer).collect();
    let gammas = Table { header, rows, left: 1, ..Table::default() };
    let gamma = match gammas.rows.is_empty() {
        true => String::new(),
        false => text::render(&gammas, terminal_width()) + "\n",
    };
    let (steps, confidences) = (by_step(curve, *exit), by_confidence(curve));
    let text = format!(
        "{}\n\n{gamma}{said}\n\n{}\n{}\n{} images{}. Operations: a sum for every connection of every spike; those before average pools\nare passed on one by one.\n",
        report.subject.describe(),
        text::render(&steps, None),
        text::render(&confidences, None),
        curve.images,
        if report.draws == 1 { String::new() } else { format!(", logits averaged over {} draws", report.draws) },
    );
    let mut tables = vec![steps, confidences];
    tables.extend(Some(gammas).filter(|table| !table.rows.is_empty()));
    (text, tables)
}

fn by_step(curve: &EarlyExitCurve, exit: Option<usize>) -> Table {
    let each = |cell: fn(&AtStep) -> String| curve.steps.iter().map(cell).collect();
    let column = |name: &str, in_unit: fn(&[f64]) -> NumberColumn, value: fn(&AtStep) -> f64| {
        let column = in_unit(&curve.steps.iter().map(value).collect::<Vec<_>>());
        (column.heading(name), column.cells)
    };
    let marks = curve.steps.iter().map(|at| if Some(at.time_steps) == exit { "<- exit".into() } else { String::new() });
    let columns = vec![
        ("time-steps".into(), each(|at| at.time_steps.to_string())),
        ("top-1 %".into(), each(|at| format!("{:.2}", at.top1))),
        ("firing rate".into(), each(|at| significant(at.firing_rate, 4))),
        column("operations/image", counts, |at| at.operations),
        column("energy/image", energies, |at| at.energy),
        (String::new(), marks.collect()),
    ];
    Table::from_columns(columns, 0)
}

fn by_confidence(curve: &EarlyExitCurve) -> Table {
    let row =
        |at: &AtConfidence| vec![at.confidence.to_string(), format!("{:.2}", at.time_steps), format!("{:.2}", at.top1)];
    let rows = curve.confidences.iter().map(row).collect();
    Table::new(&["confidence", "mean time-steps", "top-1 %"], rows, 0)
}
