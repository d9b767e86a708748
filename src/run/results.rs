//! The results of a run, read from its folder: last and best accuracy, epochs done.

use crate::run::RunFolder;
use crate::run::listing::{self, RunSummary};
use crate::run::metrics::{self, ChosenOn, RunMetrics};
use crate::run::provenance::SweepMembership;
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
    /// `running`, `completed`, `converted`, `imported`, `interrupted`, `failed`, `killed` or `damaged`, as `bntt list`
    /// has it.
    pub state: &'static str,
    /// Whether it has weights from elsewhere, so that no epoch is to be trained.
    pub is_untrained: bool,
    pub epochs_done: usize,
    /// Whether it has fewer epochs than were asked for because early stopping ended it.
    pub ended_early: bool,
    /// The epochs asked for, where config.toml tells.
    pub epochs: Option<usize>,
    /// After the last epoch that was evaluated; nothing where epochs are evaluated on validation images.
    pub last: Option<AccuracyAt>,
    /// Of the best epoch. It is the first of those with the highest accuracy on the images by which it is chosen; with
    /// validation images, the test images are read once, at the end, with its weights.
    pub best: Option<AccuracyAt>,
    /// The best epoch's accuracy on the validation images, where there are any.
    pub validation: Option<AccuracyAt>,
    pub chosen_on: ChosenOn,
    /// The cross-entropy on the test images where `last` is read, and with validation images where `best` is.
    pub loss: Option<f64>,
    /// Spikes per neuron and time-step in the last epoch: the mean over the LIF layers, each of which counts once.
    pub firing_rate: Option<f64>,
    /// Of all epochs, with their evaluations.
    pub seconds: Option<f64>,
    /// RFC 3339, UTC.
    pub started: Option<String>,
    /// Which run of which sweep it is, where its record says so.
    pub sweep: Option<SweepMembership>,
}

impl Results {
    /// Reads a folder. What cannot be read is absent, and the state says so.
    pub fn read(run: &RunFolder) -> Self {
        let path = run.path().canonicalize().unwrap_or_else(|_| run.path().to_path_buf());
        let version = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let summary = listing::summarize(run);
        let metrics = metrics::so_far(run).unwrap_or_default();
        Self::from_metrics(format!("{}/{version}", run.name()), summary, &metrics)
    }

    fn from_metrics(run: String, summary: RunSummary, metrics: &RunMetrics) -> Self {
        let RunMetrics { epochs: lines, test } = metrics;
        let RunSummary {
            path,
            state,
            is_untrained,
            epochs_done,
            epochs,
            best_accuracy,
            best_epoch,
            started,
            chosen_on,
            sweep,
            ..
        } = summary;
        let evaluated = metrics::last_evaluated(lines);
        let last = evaluated.map(|(epoch, test)| AccuracyAt { top1: test.top1, epoch });
        let loss = test.map(|last| last.test).or(evaluated.map(|(_, test)| test)).map(|test| test.loss);
        let ended_early = summary.ended_early.is_some();
        let at = |top1: Option<f64>| top1.zip(best_epoch).map(|(top1, epoch)| AccuracyAt { top1, epoch });
        let (best, validation) = (at(best_accuracy), at(summary.validation_accuracy));
        let rates = lines.last().map(|line| line.firing_rates.as_slice()).filter(|rates| !rates.is_empty());
        let mean = |rates: &[(String, f64)]| rates.iter().map(|(_, rate)| rate).sum::<f64>() / rates.len() as f64;
        let seconds = (!lines.is_empty()).then(|| lines.iter().map(|line| line.seconds).sum());
        let firing_rate = rates.map(mean);
        Self {
            run,
            path,
            state,
            is_untrained,
            epochs_done,
            ended_early,
            epochs,
            last,
            best,
            validation,
            chosen_on,
            loss,
            firing_rate,
            seconds,
            started,
            sweep,
        }
    }

    /// Whether [`Results::complete`] has numbers.
    pub fn is_complete(&self) -> bool {
        self.complete().is_some()
    }

    /// The last and the best accuracy of a run that has done all its epochs and was evaluated after the last; with
    /// validation images the best alone, which has been tested.
    pub fn complete(&self) -> Option<(Option<f64>, f64)> {
        let best = self.best?;
        let evaluated =
            self.chosen_on == ChosenOn::Validation || self.last.is_some_and(|last| last.epoch == self.epochs_done);
        let done = self.state != "damaged" && evaluated && (self.ended_early || Some(self.epochs_done) >= self.epochs);
        (done && self.epochs.is_some()).then_some((self.last.map(|last| last.top1), best.top1))
    }
}
