//! The results of a run, read from its folder: last and best accuracy, epochs done.

use crate::run::RunFolder;
use crate::run::listing::{self, RunSummary};
use crate::run::metrics::{self, EpochMetrics};
use std::path::PathBuf;

/// Top-1 accuracy on the test images after an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccuracyAt {
    /// In percent.
    pub top1: f64,
    /// Counted from 1.
    pub epoch: usize,
}

/// One run's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// Name and version: `quickstart/v0001`.
    pub run: String,
    pub path: PathBuf,
    /// `running`, `completed`, `converted`, `imported`, `interrupted`, `failed`, `killed` or `damaged`, as `bntt list` has it.
    pub state: &'static str,
    pub epochs_done: usize,
    /// The epochs asked for, where config.toml tells.
    pub epochs: Option<usize>,
    /// After the last epoch that was evaluated.
    pub last: Option<AccuracyAt>,
    /// The first of the epochs with the highest accuracy: chosen on the test images.
    pub best: Option<AccuracyAt>,
    /// Spikes per neuron and time-step in the last epoch: the mean over the LIF layers, each of which counts once.
    pub firing_rate: Option<f64>,
    /// Of all epochs, with their evaluations.
    pub seconds: Option<f64>,
    /// RFC 3339, UTC.
    pub started: Option<String>,
}

impl Results {
    /// Reads a folder. What cannot be read is absent, and the state says so.
    pub fn read(run: &RunFolder) -> Self {
        let path = run.path().canonicalize().unwrap_or_else(|_| run.path().to_path_buf());
        let version = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let summary = listing::summarize(run);
        let lines = metrics::so_far(run).unwrap_or_default();
        Self::from_lines(format!("{}/{version}", run.name()), summary, &lines)
    }

    fn from_lines(run: String, summary: RunSummary, lines: &[EpochMetrics]) -> Self {
        let RunSummary { path, state, epochs_done, epochs, best_accuracy, best_epoch, started, .. } = summary;
        let last = metrics::last_evaluated(lines).map(|(epoch, test)| AccuracyAt { top1: test.top1, epoch });
        let best = best_accuracy.zip(best_epoch).map(|(top1, epoch)| AccuracyAt { top1, epoch });
        let rates = lines.last().map(|line| line.firing_rates.as_slice()).filter(|rates| !rates.is_empty());
        let mean = |rates: &[(String, f64)]| rates.iter().map(|(_, rate)| rate).sum::<f64>() / rates.len() as f64;
        let seconds = (!lines.is_empty()).then(|| lines.iter().map(|line| line.seconds).sum());
        Self { run, path, state, epochs_done, epochs, last, best, firing_rate: rates.map(mean), seconds, started }
    }

    /// The last and the best accuracy of a run that has done all its epochs and was evaluated after the last.
    pub fn complete(&self) -> Option<(f64, f64)> {
        let (last, best) = self.last.zip(self.best)?;
        let done = self.state != "damaged" && last.epoch == self.epochs_done && Some(self.epochs_done) >= self.epochs;
        (done && self.epochs.is_some()).then_some((last.top1, best.top1))
    }
}
