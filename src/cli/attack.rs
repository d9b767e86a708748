//! `bntt attack`.

use super::trained::{CheckpointChoice, EvaluatedNetwork, Trained};
use crate::analysis::attack::{self, AttackContext, Perturbation};
use crate::analysis::statistic::Statistic;
use crate::error::{Error, Result};
use crate::report::table::text::{self, terminal_width};
use crate::report::table::{Printout, Table, json};
use crate::terminal::logging::Log;
use crate::train::memory_check::refuse_gradients_that_do_not_fit;
use serde::Serialize;
use std::path::Path;
use tracing::info;

/// Show how accurate runs are on test images that were changed by an attacker or by noise.
///
/// Pixels are in 0..1 and stay there; they are normalised inside. FGSM and PGD follow the gradient of the cross-entropy
/// by the pixels, through time with the neurons' surrogate gradient, running statistics being constants: through direct
/// coding exactly, through Poisson spikes straight (dS/dx = 1 / scale), with spikes of their own. PGD starts at random.
/// Without a choice both are shown. Accuracy is the mean over the draws of all that is random, with the sample standard
/// deviation.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt attack runs/quickstart/v0001 --fgsm --eps 2/255,8/255\n  \
                  bntt attack runs/direct/v0001 runs/poisson/v0001 --pgd --gaussian 0.05,0.1 --salt-and-pepper 0.02 data.limit.test=1000")]
pub struct AttackArguments {
    /// Run folders, a column each, and values that replace those of all runs, as in `data.limit.test=1000`.
    #[arg(required = true, value_name = "RUN|KEY=VALUE")]
    runs: Vec<String>,
    /// Which weights.
    #[arg(long, value_enum, default_value = "best")]
    checkpoint: CheckpointChoice,
    /// One step along the sign of the gradient.
    #[arg(long)]
    fgsm: bool,
    /// Many small steps from a random start.
    #[arg(long)]
    pgd: bool,
    /// Largest changes of a pixel.
    #[arg(long, value_name = "EPS,..", value_delimiter = ',', default_value = "8/255", value_parser = share)]
    eps: Vec<f64>,
    /// Length of a step of PGD.
    #[arg(long, value_name = "ALPHA", default_value = "2/255", value_parser = share)]
    alpha: f64,
    /// Steps of PGD.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..1000))]
    steps: u16,
    /// Standard deviations of normal noise.
    #[arg(long, value_name = "DEVIATION,..", value_delimiter = ',', num_args = 0..=1, default_missing_value = "0.05,0.1,0.2", value_parser = share)]
    gaussian: Vec<f64>,
    /// Shares of the values that become 0 or 1.
    #[arg(long, value_name = "SHARE,..", value_delimiter = ',', num_args = 0..=1, default_missing_value = "0.01,0.05,0.1", value_parser = share)]
    salt_and_pepper: Vec<f64>,
    /// Draws of Poisson spikes, noise and random starts.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    draws: u16,
    /// Poisson draws over which an attacker averages each gradient.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    gradient_draws: u16,
    #[command(flatten)]
    format: super::FormatArgument,
}

/// PGD as it is done unless options say otherwise.
const USUAL_ALPHA: f64 = 2.0 / 255.0;
const USUAL_STEPS: usize = 7;

/// A share of the range of a pixel: `8/255` or `0.03`.
fn share(text: &str) -> std::result::Result<f64, String> {
    let wrong = || format!("expected a number above 0 and up to 1, such as 8/255 or 0.03, found {text:?}");
    attack::read_share(text).ok_or_else(wrong)
}

/// All numbers, in percent.
#[derive(Serialize)]
struct AttackReport {
    runs: Vec<AccuracyColumn>,
    draws: u16,
    gradient_draws: u16,
}

#[derive(Serialize)]
struct AccuracyColumn {
    #[serde(flatten)]
    subject: EvaluatedNetwork,
    encoder: &'static str,
    time_steps: usize,
    images: usize,
    rows: Vec<AttackRow>,
}

#[derive(Serialize)]
struct AttackRow {
    perturbation: Perturbation,
    name: String,
    top1: Statistic,
}

pub fn attack(arguments: &AttackArguments, log: &Log) -> Result<()> {
    let (overrides, runs): (Vec<String>, Vec<String>) =
        arguments.runs.iter().cloned().partition(|word| word.contains('='));
    if runs.is_empty() {
        return Err(Error::Run("bntt attack: expected one run folder or more, found only values.".into()));
    }
    let perturbations = perturbations(arguments);
    let mut columns = Vec::with_capacity(runs.len());
    for run in &runs {
        columns.push(column(Path::new(run), &overrides, &perturbations, (arguments, log))?);
    }
    let report = AttackReport { runs: columns, draws: arguments.draws, gradient_draws: arguments.gradient_draws };
    let (text, table) = describe(&report);
    arguments.format.print(Printout::new(text, vec![table]).with_json(json::value(&report)?))
}

/// Clean images first, then attacks, then noise. Without any choice both attacks.
fn perturbations(arguments: &AttackArguments) -> Vec<Perturbation> {
    let AttackArguments { fgsm, pgd, eps, gaussian, salt_and_pepper, alpha, steps, .. } = arguments;
    let none = !fgsm && !pgd && gaussian.is_empty() && salt_and_pepper.is_empty();
    let mut all = vec![Perturbation::Clean];
    if *fgsm || none {
        all.extend(eps.iter().map(|&eps| Perturbation::Fgsm { eps }));
    }
    if *pgd || none {
        all.extend(eps.iter().map(|&eps| Perturbation::Pgd { eps, alpha: *alpha, steps: usize::from(*steps) }));
    }
    all.extend(gaussian.iter().map(|&deviation| Perturbation::Gaussian { deviation }));
    all.extend(salt_and_pepper.iter().map(|&share| Perturbation::SaltAndPepper { share }));
    all
}

fn column(
    run: &Path,
    overrides: &[String],
    perturbations: &[Perturbation],
    (arguments, log): (&AttackArguments, &Log),
) -> Result<AccuracyColumn> {
    let trained = Trained::open(run, overrides, arguments.checkpoint, log)?;
    let experiment = &trained.checked.experiment;
    attack::check(&trained.dataset.test)?;
    let setting = AttackContext {
        data: &experiment.data,
        encoder: experiment.network.encoder,
        channels: trained.checked.shape.channels,
        seed: experiment.seed,
        draws: usize::from(arguments.draws),
        gradient_draws: usize::from(arguments.gradient_draws),
        together: experiment.data.batch_size,
    };
    let mut rows = Vec::with_capacity(perturbations.len());
    for &perturbation in perturbations {
        let name = perturbation.describe();
        info!("{}: {name}", run.display());
        if matches!(perturbation, Perturbation::Fgsm { .. } | Perturbation::Pgd { .. }) {
            refuse_gradients_that_do_not_fit(&trained.checked, &trained.device, trained.dataset.test.len())?;
        }
        let top1 = trained.on_test_images(experiment.network.time_steps, |network, batches| {
            attack::accuracy(network, batches, &perturbation, &setting)
        })?;
        rows.push(AttackRow { perturbation, name, top1 });
    }
    let column = AccuracyColumn {
        subject: trained.subject.clone(),
        encoder: experiment.network.encoder.kind().name(),
        time_steps: experiment.network.time_steps,
        images: trained.dataset.test.len(),
        rows,
    };
    keep(&trained, &column, arguments)?;
    Ok(column)
}

/// Leaves the accuracies in the run's folder.
fn keep(trained: &Trained, column: &AccuracyColumn, arguments: &AttackArguments) -> Result<()> {
    let AttackArguments { draws, gradient_draws, .. } = arguments;
    let perturbations: Vec<Perturbation> = column.rows.iter().map(|row| row.perturbation).collect();
    let mut analysis = trained.analysis("attack");
    analysis.settings =
        serde_json::json!({ "perturbations": perturbations, "draws": draws, "gradient_draws": gradient_draws });
    analysis.conditions = conditions(arguments, &perturbations);
    analysis.measures = column.rows.iter().map(|row| (row.perturbation.measure(), row.top1.mean)).collect();
    analysis.results = json::value(column)?;
    trained.keep(&analysis);
    Ok(())
}

/// What is not as the command does it by itself.
fn conditions(arguments: &AttackArguments, perturbations: &[Perturbation]) -> Vec<String> {
    let gradients = arguments.gradient_draws;
    let of_gradients = (gradients != 1).then(|| format!("gradients over {gradients} draws"));
    let pgd = perturbations.iter().find_map(|perturbation| match *perturbation {
        Perturbation::Pgd { alpha, steps, .. } if (alpha, steps) != (USUAL_ALPHA, USUAL_STEPS) => {
            Some(format!("alpha {} and {steps} steps of PGD", attack::share(alpha)))
        }
        _ => None,
    });
    of_gradients.into_iter().chain(pgd).collect()
}

fn describe(report: &AttackReport) -> (String, Table) {
    let of_run = |column: &AccuracyColumn| {
        let name = column
            .subject
            .run
            .components()
            .rev()
            .take(2)
            .map(|part| part.as_os_str().to_string_lossy())
            .collect::<Vec<_>>();
        format!(
            "{} ({}, T {})",
            name.into_iter().rev().collect::<Vec<_>>().join("/"),
            column.encoder,
            column.time_steps
        )
    };
    let names: Vec<String> = report.runs.iter().map(of_run).collect();
    let header = [vec!["top-1 %".to_string()], (1..=names.len()).map(|i| format!("[{i}]")).collect()].concat();
    let rows = report.runs.first().map_or(&[][..], |first| &first.rows);
    let row = |(i, row): (usize, &AttackRow)| {
        let cells =
            report.runs.iter().map(|column| column.rows.get(i).map_or(String::new(), |row| row.top1.to_string()));
        [vec![row.name.clone()], cells.collect()].concat()
    };
    let rows: Vec<Vec<String>> = rows.iter().enumerate().map(row).collect();
    let legend = names.iter().enumerate().map(|(i, name)| format!("[{}] {name}\n", i.saturating_add(1)));
    let images = report.runs.iter().map(|column| column.images).max().unwrap_or(0);
    let table = Table {
        header,
        rows,
        left: 1,
        notes: names.iter().zip(1..).map(|(name, i)| format!("[{i}] {name}")).collect(),
        ..Table::default()
    };
    let subjects = report.runs.iter().map(|column| format!("{}\n", column.subject.describe()));
    let text = format!(
        "{}\n{}\n{}{images} test images; mean ± standard deviation over {} draws where something is random.\n",
        subjects.collect::<String>(),
        text::render(&table, terminal_width()),
        legend.collect::<String>(),
        report.draws
    );
    (text, table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_fractions_or_numbers_above_0_and_up_to_1() {
        assert_eq!([share("8/255"), share("0.5"), share("1")], [Ok(8.0 / 255.0), Ok(0.5), Ok(1.0)]);
        for wrong in ["0", "-1/255", "2", "1/0", "x", "8/", "NaN"] {
            assert!(share(wrong).unwrap_err().contains("such as 8/255"), "{wrong}");
        }
    }
}
