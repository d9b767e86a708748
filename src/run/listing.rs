//! What runs there are and how they stand, for `bntt list`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config::{read_table, settings};
use crate::error::{Error, Result};
use crate::experiment::check_name;
use crate::run::labels::Labels;
use crate::run::metrics::{self, ChosenOn, RunMetrics};
use crate::run::provenance::{Outcome, Provenance, SweepMembership};
use crate::run::{RunFolder, versions};

/// One line of `bntt list`.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    pub name: String,
    pub version: u32,
    pub path: PathBuf,
    /// `running`, `completed`, `converted`, `imported`, `interrupted`, `failed`, `killed` where no process is left to
    /// say how it ended, or `damaged` when the folder's files cannot be read.
    pub state: &'static str,
    /// Why it failed or is damaged, or its labels cannot be read, as a sentence.
    pub problem: Option<String>,
    /// Whether it has weights from elsewhere, so that no epoch is to be trained.
    pub is_untrained: bool,
    pub epochs_done: usize,
    /// Why a completed run has fewer epochs than were asked for, as a sentence.
    pub ended_early: Option<String>,
    /// The epochs asked for, where config.toml tells and any are trained.
    pub epochs: Option<usize>,
    /// Top-1 of the best epoch on the test images, in percent; with validation images known once training has ended.
    pub best_accuracy: Option<f64>,
    pub best_epoch: Option<usize>,
    /// Top-1 of the best epoch on the validation images, in percent, in a run that has any: the epoch is chosen there.
    pub validation_accuracy: Option<f64>,
    pub chosen_on: ChosenOn,
    /// RFC 3339, UTC.
    pub started: Option<String>,
    /// Which run of which sweep it is, where its record says so.
    pub sweep: Option<SweepMembership>,
    /// What its user wrote about it.
    pub labels: Labels,
}

/// The states that a run can have.
pub const STATES: [&str; 8] =
    ["running", "completed", "converted", "imported", "interrupted", "failed", "killed", "damaged"];

impl RunSummary {
    /// Epochs done of those asked for, the best accuracy and its epoch, as cells of a table. Epochs are a dash where
    /// none are trained.
    pub fn result_cells(&self) -> [String; 3] {
        [
            epochs_cell(self.is_untrained, self.epochs_done, self.epochs),
            self.best_accuracy.map_or(String::new(), |top1| format!("{top1:.2} %")),
            self.best_epoch.map_or(String::new(), |epoch| epoch.to_string()),
        ]
    }
}

/// Epochs done of those asked for, as a cell of a table: a dash where none are trained.
pub fn epochs_cell(is_untrained: bool, done: usize, asked: Option<usize>) -> String {
    match asked {
        _ if is_untrained => "-".into(),
        Some(asked) => format!("{done}/{asked}"),
        None => done.to_string(),
    }
}

/// All runs below `root`, sorted by name and version. A root that does not exist has none.
///
/// # Errors
/// [`Error::Io`] when `root` itself cannot be read; a broken run is listed as damaged.
pub fn list(root: &Path) -> Result<Vec<RunSummary>> {
    Ok(folders(root)?.into_iter().map(|(name, version, path)| summary(name, version, path)).collect())
}

/// Name, version and folder of all runs below `root`, in this order.
///
/// # Errors
/// As [`list`].
pub fn folders(root: &Path) -> Result<Vec<(String, u32, PathBuf)>> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(root) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read", root))?,
    };
    for entry in entries {
        let entry = entry.map_err(Error::io("read", root))?;
        if let Ok(name) = entry.file_name().into_string()
            && check_name(&name).is_ok()
        {
            names.push((name, entry.path()));
        }
    }
    names.sort();
    let mut runs = Vec::new();
    for (name, path) in names {
        for (version, path) in versions(&path).unwrap_or_default() {
            runs.push((name.clone(), version, path));
        }
    }
    Ok(runs)
}

/// How one run stands.
pub fn summarize(run: &RunFolder) -> RunSummary {
    let path = run.path().canonicalize().unwrap_or_else(|_| run.path().to_path_buf());
    let version = path.file_name().and_then(|name| name.to_str()?.strip_prefix('v')?.parse().ok());
    summary(run.name(), version.unwrap_or(0), run.path().to_path_buf())
}

/// One run's line, as its files say it.
fn summary(name: String, version: u32, path: PathBuf) -> RunSummary {
    let run = RunFolder::at(path);
    let provenance = Provenance::load(&run.provenance());
    let metrics = metrics::so_far(&run);
    let epochs = epochs_asked_for(&run.config());
    let (state, problem) = match (&provenance, &metrics, &epochs) {
        (Err(problem), ..) | (_, Err(problem), _) | (.., Err(problem)) => ("damaged", Some(problem.to_string())),
        (Ok(provenance), Ok(RunMetrics { epochs: lines, .. }), &Ok(epochs)) => match &provenance.outcome {
            Outcome::Running if run.is_at_work() => ("running", None),
            Outcome::Running => ("killed", None),
            Outcome::Completed if lines.len() == epochs || provenance.ended_early.is_some() => ("completed", None),
            Outcome::Completed => {
                let problem = format!("it was completed, and {} lacks epochs.", run.metrics_jsonl().display());
                ("damaged", Some(problem))
            }
            Outcome::Converted => ("converted", None),
            Outcome::Imported => ("imported", None),
            Outcome::Interrupted => ("interrupted", None),
            Outcome::Failed(problem) => ("failed", Some(problem.clone())),
        },
    };
    let is_untrained = matches!(state, "converted" | "imported");
    let (labels, problem) = match (Labels::load(&run), problem) {
        (Ok(labels), problem) => (labels, problem),
        (Err(_), Some(problem)) => (Labels::default(), Some(problem)),
        (Err(unread), None) => (Labels::default(), Some(unread.to_string())),
    };
    let RunMetrics { epochs: metrics, test } = metrics.unwrap_or_default();
    let (best, chosen_on) = (metrics::best(&metrics), metrics::chosen_on(&metrics));
    let by_choice = best.map(|(_, top1)| top1);
    let (best_accuracy, validation_accuracy) = match chosen_on {
        ChosenOn::Test => (by_choice, None),
        ChosenOn::Validation => (test.map(|test| test.test.top1), by_choice),
    };
    RunSummary {
        name,
        version,
        state,
        problem,
        is_untrained,
        epochs_done: metrics.last().map_or(0, |last| last.epoch),
        epochs: epochs.ok().filter(|_| !is_untrained),
        best_accuracy,
        best_epoch: best.map(|(epoch, _)| epoch),
        validation_accuracy,
        chosen_on,
        ended_early: provenance.as_ref().ok().and_then(|provenance| provenance.ended_early.clone()),
        started: provenance.as_ref().ok().map(|provenance| provenance.started.clone()),
        sweep: provenance.ok().and_then(|provenance| provenance.sweep),
        path: run.path().to_path_buf(),
        labels,
    }
}

fn epochs_asked_for(config: &Path) -> Result<usize> {
    let table = read_table(config)?;
    let epochs = settings::get(&table, "training.epochs").and_then(|epochs| usize::try_from(epochs.as_integer()?).ok());
    epochs.ok_or_else(|| Error::Run(format!("{} does not say what training.epochs is.", config.display())))
}
