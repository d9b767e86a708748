//! What a cell holds: mean and deviation over seeds, and what was published.

use super::measure::Measure;
use super::measured::{MeasuredValue, RunMeasures};
use super::published::Published;
use super::runs::CellRun;
use crate::analysis::paired::PairedDifference;
use crate::analysis::statistic::Statistic;
use crate::experiment::{ChosenOn, Experiment};

/// One experiment's runs, and what was published of it. Accuracies in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its place, as notes name it.
    pub place: String,
    /// The kind of the experiment's data; `None` of a cell without an experiment.
    pub data_set: Option<String>,
    /// What it shows in place of the accuracies after the last epoch and of the best.
    pub measure: Option<Measure>,
    /// Of the measure; `None` without one, and where no run has it.
    pub measured: Option<Statistic>,
    /// After the last epoch; `None` where no run is complete, and where epochs are evaluated on validation images.
    pub last: Option<Statistic>,
    /// Of the best epoch; `None` where no run is complete.
    pub best: Option<Statistic>,
    /// By which images the best epoch is chosen; `None` where no run is complete.
    pub chosen_on: Option<ChosenOn>,
    /// The seeds with their values of the measure or, without one, after the last epoch (of the best, where the last is
    /// not tested): what cells are compared by.
    pub by_seed: Vec<(u64, f64)>,
    /// What stands there in place of a number: `not run`, `unfinished` or `not measured`.
    pub missing: &'static str,
    pub paper: Option<Published>,
    pub independent: Option<Published>,
    /// The difference to the row that all others are compared with.
    pub against: Option<PairedDifference>,
    /// What the numbers do not say, as sentences.
    pub notes: Vec<String>,
}

impl Cell {
    fn empty(place: String, measure: Option<&Measure>, missing: &'static str) -> Self {
        Self {
            place,
            data_set: None,
            measure: measure.cloned(),
            measured: None,
            last: None,
            best: None,
            chosen_on: None,
            by_seed: Vec::new(),
            missing,
            paper: None,
            independent: None,
            against: None,
            notes: Vec::new(),
        }
    }

    /// A cell without runs, for a reason.
    pub fn absent(place: String, reason: &str) -> Self {
        let notes = vec![format!("{place}: not run, {}", sentence(reason))];
        Self { notes, ..Self::empty(place, None, "not run") }
    }

    /// The runs of one experiment, one a seed; with `seeds`, those that are missing are noted.
    pub fn from_runs(
        place: String,
        runs: &[CellRun],
        seeds: Option<&[u64]>,
        (measure, measures): (Option<&Measure>, &mut RunMeasures),
    ) -> Self {
        let mut notes = incomplete(&place, runs);
        let lacking: Vec<String> = seeds
            .into_iter()
            .flatten()
            .filter(|&&seed| !runs.iter().any(|run| run.seed == seed))
            .map(u64::to_string)
            .collect();
        if !lacking.is_empty() && !runs.is_empty() {
            let word = if lacking.len() == 1 { "seed" } else { "seeds" };
            notes.push(format!("{place}: {word} {} not run.", lacking.join(", ")));
        }
        let missing = if runs.is_empty() { "not run" } else { "unfinished" };
        let mut cell = Self { notes, ..Self::empty(place, measure, missing) };
        match measure {
            Some(measure) => cell.fill_with(measure, runs, measures),
            None => cell.fill_with_accuracies(runs),
        }
        cell
    }

    fn fill_with_accuracies(&mut self, runs: &[CellRun]) {
        let complete = || runs.iter().filter_map(|run| Some((run, run.results.complete()?)));
        let last: Vec<f64> = complete().filter_map(|(_, (last, _))| last).collect();
        let best: Vec<f64> = complete().map(|(_, (_, best))| best).collect();
        // The runs of a cell differ in their seeds alone.
        self.chosen_on = complete().next().map(|(run, _)| run.results.chosen_on);
        self.by_seed = complete().map(|(run, (last, best))| (run.seed, last.unwrap_or(best))).collect();
        (self.last, self.best) = (Statistic::from_values(&last), Statistic::from_values(&best));
    }

    fn fill_with(&mut self, measure: &Measure, runs: &[CellRun], measures: &mut RunMeasures) {
        let mut conditions: Vec<String> = Vec::new();
        for run in runs.iter().filter(|run| run.results.is_complete()) {
            self.missing = "not measured";
            match measures.measured(&run.results, measure) {
                Ok(MeasuredValue { value, condition }) => {
                    self.by_seed.push((run.seed, value));
                    conditions.extend(condition.filter(|condition| !conditions.contains(condition)));
                }
                Err(problem) => self.notes.push(format!("{}: {problem}", self.place)),
            }
        }
        let values: Vec<f64> = self.by_seed.iter().map(|(_, value)| *value).collect();
        self.measured = Statistic::from_values(&values);
        if !conditions.is_empty() {
            self.notes.push(format!("{}: {} {}.", self.place, measure.name(), conditions.join("; ")));
        }
    }

    /// The same cell, of an experiment.
    pub fn of_experiment(self, experiment: &Experiment) -> Self {
        Self { data_set: Some(experiment.data.dataset.kind().name().into()), ..self }
    }

    /// What stands in the cell first: the measure or, without one, the accuracy after the last epoch.
    pub fn shown(&self) -> Option<Statistic> {
        if self.measure.is_some() { self.measured } else { self.last }
    }

    /// Ours less the paper's, in points, where both are known.
    pub fn difference(&self, ours: Option<Statistic>) -> Option<f64> {
        Some(ours?.mean - self.paper.as_ref()?.confirmed()?)
    }
}

/// That runs do not count, as long as they are not complete.
fn incomplete(place: &str, runs: &[CellRun]) -> Vec<String> {
    let note = |run: &CellRun| {
        let results = &run.results;
        let requested = results.epochs.map_or(String::new(), |epochs| format!(" of {epochs}"));
        let done = match results.is_untrained {
            true => String::new(),
            false => format!(", {}{requested} epochs", results.epochs_done),
        };
        format!("{place}: {} ({}{done}) does not count.", results.run, results.state)
    };
    runs.iter().filter(|run| !run.results.is_complete()).map(note).collect()
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with('.') { text.into() } else { format!("{text}.") }
}
