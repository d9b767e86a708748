//! Runs side by side: where their configs differ, and what came of it.
//!
//! ```text
//! run folders, sweeps -> Compared -> keep (select) -> sort (select) -> Comparison: differences between the configs
//! Comparison -> grid (to read), records (csv and json)
//! ```
//!
//! A folder that cannot be read is a row with a word for its state, so that one broken run hides no other.

mod grid;
mod records;
mod select;
mod sweep_columns;

pub use grid::grid;
pub use records::{json, records};
pub use select::{Filter, SortKey, keep_planned, refuse_unknown};

use crate::config::read_table;
use crate::config::settings::{Difference, differences};
use crate::error::Result;
use crate::experiment::ChosenOn;
use crate::run::RunFolder;
use crate::run::listing::RunSummary;
use crate::run::provenance::SweepMembership;
use crate::run::results::{AccuracyAt, Results};
use crate::sweep::{Sweep, SweepRun};
use std::path::{Path, PathBuf};
use toml::Table;

/// One row: a run, or one of a sweep that is still to come.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedRun {
    /// Its name and version, or what was asked for where there is no run.
    pub run: String,
    pub path: Option<PathBuf>,
    /// The run's state, or `not run` (of a sweep), `missing` (nothing is there), `no run` (something else is).
    pub state: &'static str,
    /// Why there is nothing to show, as a sentence.
    pub problem: Option<String>,
    /// The resolved experiment, where it can be read.
    pub config: Option<Table>,
    pub results: Option<Results>,
    /// What it is in its sweep: as the sweep's file says, or else as its record.
    pub sweep: Option<SweepMembership>,
}

impl ComparedRun {
    /// The run in `path`: its folder, or that of its name for the newest version.
    pub fn open(path: &Path) -> Self {
        match RunFolder::open(path) {
            Ok(run) => Self::from_run(&run),
            Err(error) => {
                let nameless = RunFolder::at(path.to_path_buf());
                let state = match path.exists() {
                    false => "missing",
                    // What a run leaves besides its config.
                    true if nameless.provenance().exists() || nameless.metrics_jsonl().exists() => "damaged",
                    true => "no run",
                };
                let problem = Some(error.to_string());
                Self {
                    run: path.display().to_string(),
                    path: None,
                    state,
                    problem,
                    config: None,
                    results: None,
                    sweep: None,
                }
            }
        }
    }

    fn from_run(run: &RunFolder) -> Self {
        let results = Results::read(run);
        let config = read_table(&run.config());
        let damaged = || format!("{} is damaged: `bntt doctor` says where.", run.path().display());
        let problem = config.as_ref().err().map(ToString::to_string);
        Self {
            run: results.run.clone(),
            path: Some(results.path.clone()),
            state: if config.is_ok() { results.state } else { "damaged" },
            problem: problem.or_else(|| (results.state == "damaged").then(damaged)),
            config: config.ok(),
            sweep: results.sweep.clone(),
            results: Some(results),
        }
    }

    /// A run as it is listed, with its config and without its results.
    pub fn listed(run: &RunSummary) -> Self {
        Self {
            run: run.path.display().to_string(),
            path: Some(run.path.clone()),
            state: run.state,
            problem: run.problem.clone(),
            config: read_table(&RunFolder::at(run.path.clone()).config()).ok(),
            results: None,
            sweep: run.sweep.clone(),
        }
    }

    /// Every run of a sweep, those that are not there yet too.
    ///
    /// # Errors
    /// Those of [`Sweep::load`], and folders that cannot be read.
    pub fn of_sweep(path: &Path, runs: &Path) -> Result<Vec<Self>> {
        Self::of_planned(&Sweep::load(path)?, runs)
    }

    /// The same of a sweep that was loaded.
    ///
    /// # Errors
    /// Folders that cannot be read.
    pub fn of_planned(sweep: &Sweep, runs: &Path) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        let folders = sweep.folders(runs)?;
        for (planned, folder) in sweep.runs.iter().zip(folders) {
            all.push(match folder {
                Some(run) => Self { sweep: Some(planned.membership.clone()), ..Self::from_run(&run) },
                None => Self::not_run(planned)?,
            });
        }
        Ok(all)
    }

    /// A run of a sweep as its plan has it.
    fn not_run(planned: &SweepRun) -> Result<Self> {
        Ok(Self {
            run: planned.name.clone(),
            path: None,
            state: "not run",
            problem: None,
            config: planned.checked.experiment.to_toml()?.parse().ok(),
            results: None,
            sweep: Some(planned.membership.clone()),
        })
    }

    /// The best accuracy, in percent.
    pub fn best(&self) -> Option<f64> {
        self.score(|results| results.best)
    }

    /// The accuracy after the last epoch, in percent.
    pub fn last(&self) -> Option<f64> {
        self.score(|results| results.last)
    }

    fn score(&self, which: impl Fn(&Results) -> Option<AccuracyAt>) -> Option<f64> {
        Some(which(self.results.as_ref()?)?.top1)
    }
}

/// Rows in order, and what they differ in: variants, axes of sweeps, keys of configs (their names aside).
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub runs: Vec<ComparedRun>,
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Whether the best epoch of one of the runs is chosen on validation images.
    pub fn has_validation(&self) -> bool {
        let of = |run: &ComparedRun| run.results.as_ref().is_some_and(|found| found.chosen_on == ChosenOn::Validation);
        self.runs.iter().any(of)
    }
}

/// Filters, sorts and compares.
///
/// # Errors
/// [`crate::error::Error::Run`] for a key in `filters` or `order` that no run has.
pub fn compare(runs: Vec<ComparedRun>, filters: &[Filter], order: &SortKey) -> Result<Comparison> {
    let mut runs = select::keep(runs, filters)?;
    select::sort(&mut runs, order)?;
    let configs: Vec<Option<&Table>> = runs.iter().map(|run| run.config.as_ref()).collect();
    let mut differences = differences(&configs);
    // A run's name stands in its first column.
    differences.retain(|difference| difference.key != "name");
    let differences = sweep_columns::explain(differences, &runs);
    Ok(Comparison { runs, differences })
}
