//! What is shown of a run or a sweep: figures, tables and the page that holds them.

mod confusion;
mod page;
mod run_page;
pub mod series;
mod sweep;
mod sweep_page;

pub use confusion::Confusion;
pub use run_page::run_page;
pub use sweep::{Seeded, SweepRecord, SweepSetting};
pub use sweep_page::sweep_page;

use crate::error::Result;
use crate::report::figures::{self, Figure};
use crate::report::table::Table;
use crate::run::metrics::EpochMetrics;
use series::{Gamma, ReadResult, Record};

/// A figure, or a sentence in its place.
pub enum FigureOrReason {
    Figure(Figure),
    Absent { title: &'static str, reason: String },
}

/// A run with its figures.
pub struct RunReport {
    pub record: Record,
    /// The table of `bntt check`: a head, a row a layer, the total.
    pub layers: ReadResult<Table>,
    pub figures: Vec<FigureOrReason>,
}

/// A sweep with its figures.
pub struct SweepReport {
    pub record: SweepRecord,
    pub figures: Vec<FigureOrReason>,
}

/// A figure of what a run measured.
type DrawFigure = fn(&[EpochMetrics]) -> Result<Figure>;

/// All figures of a run, in the order of the page; `confusion` is absent where it was not asked for.
///
/// # Errors
/// [`crate::error::Error::Run`] when a figure cannot be drawn.
pub fn run_figures(
    record: &Record,
    gamma: ReadResult<Gamma>,
    confusion: Option<ReadResult<(Confusion, String)>>,
) -> Result<Vec<FigureOrReason>> {
    let mut shown = Vec::new();
    let curves: [(&'static str, DrawFigure); 4] = [
        ("Loss", figures::loss),
        ("Top-1 accuracy", figures::accuracy),
        ("Learning rate", figures::learning_rate),
        ("Firing rate by layer", figures::firing_rates),
    ];
    for (title, draw) in curves {
        shown.push(match &record.metrics {
            Ok(epochs) if epochs.is_empty() => absent(title, "No epoch is complete yet."),
            Ok(epochs) => FigureOrReason::Figure(draw(epochs)?),
            Err(reason) => absent(title, reason),
        });
    }
    match gamma {
        Ok(Gamma { means, channels, of }) => {
            shown.push(FigureOrReason::Figure(figures::gamma(&means, &of.words)?));
            shown.push(FigureOrReason::Figure(figures::gamma_histogram(&channels, &of.words)?));
        }
        Err(reason) => shown.push(absent("Mean gamma by layer and time-step", &reason)),
    }
    match confusion {
        Some(Ok((confusion, of))) => {
            shown.push(FigureOrReason::Figure(figures::confusion(&confusion.counts, confusion.names.as_deref(), &of)?))
        }
        Some(Err(reason)) => shown.push(absent("Confusion matrix", &reason)),
        None => {}
    }
    Ok(shown)
}

/// All figures of a sweep.
///
/// # Errors
/// [`crate::error::Error::Run`] when a figure cannot be drawn.
pub fn sweep_figures(record: &SweepRecord) -> Result<Vec<FigureOrReason>> {
    let settings = record.settings();
    let curves = |value: fn(&EpochMetrics) -> Option<f64>| {
        let curves = settings.iter().map(|setting| setting.curve(value));
        curves.filter(|curve| !curve.points.is_empty()).collect::<Vec<_>>()
    };
    let mut epochs = record.runs.iter().filter_map(|run| run.record.as_ref()).flat_map(Record::epochs);
    let is_validation = epochs.any(|line| line.validation.is_some());
    let [top1_title, loss_title] = match is_validation {
        false => ["Top-1 accuracy on the test images", "Loss on the test images"],
        true => [
            "Top-1 accuracy on the images that the best epoch is chosen by",
            "Loss on the images that the best epoch is chosen by",
        ],
    };
    let accuracies = curves(|line| Some(line.evaluated()?.top1));
    let losses = [
        ("test-loss", loss_title, curves(|line| Some(line.evaluated()?.loss))),
        ("train-loss", "Loss while training", curves(|line| Some(line.train.loss))),
    ];
    let nothing = "No run of the sweep has completed an epoch yet.";
    let mut shown = vec![match accuracies.is_empty() {
        true => absent(top1_title, nothing),
        false => FigureOrReason::Figure(figures::settings(
            "test-accuracy",
            top1_title,
            "top-1 accuracy, %",
            true,
            &accuracies,
        )?),
    }];
    for (name, title, curves) in losses {
        shown.push(match curves.is_empty() {
            true => absent(title, nothing),
            false => FigureOrReason::Figure(figures::settings(name, title, "cross-entropy, nats", false, &curves)?),
        });
    }
    Ok(shown)
}

fn absent(title: &'static str, reason: &str) -> FigureOrReason {
    FigureOrReason::Absent { title, reason: reason.to_string() }
}
