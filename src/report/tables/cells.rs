//! What a cell holds: mean and deviation over seeds, and what was published.

use super::published::Published;
use super::runs::CellRun;
use crate::analysis::statistic::Statistic;
use crate::experiment::ChosenOn;

/// One experiment's runs, and what was published of it. Accuracies in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its place, as notes name it.
    pub place: String,
    /// After the last epoch; `None` where no run is complete, and where epochs are evaluated on validation images.
    pub last: Option<Statistic>,
    /// Of the best epoch; `None` where no run is complete.
    pub best: Option<Statistic>,
    /// By which images the best epoch is chosen; `None` where no run is complete.
    pub chosen_on: Option<ChosenOn>,
    /// What stands there in place of a number: `not run` or `unfinished`.
    pub missing: &'static str,
    pub paper: Option<Published>,
    pub independent: Option<Published>,
    /// What the numbers do not say, as sentences.
    pub notes: Vec<String>,
}

impl Cell {
    /// A cell without runs, for a reason.
    pub fn absent(place: String, reason: &str) -> Self {
        let notes = vec![format!("{place}: not run, {}", sentence(reason))];
        Self {
            place,
            last: None,
            best: None,
            chosen_on: None,
            missing: "not run",
            paper: None,
            independent: None,
            notes,
        }
    }

    /// The runs of one experiment, one a seed; with `seeds`, those that are missing are noted.
    pub fn from_runs(place: String, runs: &[CellRun], seeds: Option<&[u64]>) -> Self {
        let complete: Vec<(Option<f64>, f64)> = runs.iter().filter_map(|run| run.results.complete()).collect();
        let (last, best): (Vec<Option<f64>>, Vec<f64>) = complete.into_iter().unzip();
        let last: Vec<f64> = last.into_iter().flatten().collect();
        // The runs of a cell differ in their seeds alone.
        let chosen_on = runs.iter().find(|run| run.results.complete().is_some()).map(|run| run.results.chosen_on);
        let mut notes = Vec::new();
        for run in runs.iter().filter(|run| run.results.complete().is_none()) {
            let results = &run.results;
            let requested = results.epochs.map_or(String::new(), |epochs| format!(" of {epochs}"));
            let done = results.epochs_done;
            notes.push(format!(
                "{place}: {} ({}, {done}{requested} epochs) does not count.",
                results.run, results.state
            ));
        }
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
        let (last, best) = (Statistic::from_values(&last), Statistic::from_values(&best));
        Self { place, last, best, chosen_on, missing, paper: None, independent: None, notes }
    }

    /// Ours less the paper's, in points, where both are known.
    pub fn difference(&self, ours: Option<Statistic>) -> Option<f64> {
        Some(ours?.mean - self.paper.as_ref()?.confirmed()?)
    }
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with('.') { text.into() } else { format!("{text}.") }
}
