//! The runs below a folder, and which of them are of one experiment.

use crate::error::Result;
use crate::experiment::Experiment;
use crate::run::RunFolder;
use crate::run::identity::{RecordedRun, RunQuery};
use crate::run::listing;
use crate::run::results::Results;
use crate::sweep::{Sweep, SweepRun};
use std::path::{Path, PathBuf};

/// A run of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellRun {
    pub seed: u64,
    pub results: Results,
}

/// All runs below a folder, and those that cannot be told apart.
#[derive(Debug, Default)]
pub struct Runs {
    found: Vec<(RecordedRun, Results)>,
    /// Folders, and which of their files cannot be read.
    unreadable: Vec<(PathBuf, &'static str)>,
}

impl Runs {
    /// Reads every config and the metrics beside it. A folder that does not exist has no runs.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`] when `root` cannot be read.
    pub fn below(root: &Path) -> Result<Self> {
        let mut runs = Self::default();
        for (.., path) in listing::folders(root)? {
            let folder = RunFolder::at(path);
            match RecordedRun::read(folder.clone()) {
                Ok(recorded) => runs.found.push((recorded, Results::read(&folder))),
                Err(file) => runs.unreadable.push((folder.path().to_path_buf(), file)),
            }
        }
        Ok(runs)
    }

    /// The runs of an experiment, in which the keys `set` count, one a seed and those in ascending order: of several,
    /// the newest that is complete, or the newest if none is.
    pub fn matching(&self, experiment: &Experiment, set: &[String], seeds: Option<&[u64]>) -> Vec<CellRun> {
        let mut experiment = experiment.clone();
        experiment.make_paths_absolute();
        let plan = RunQuery { experiment: &experiment, set, any_seed: true };
        let same = plan.matching(self.found.iter().map(|(recorded, _)| recorded));
        let wanted = |run: &&(RecordedRun, Results)| {
            let of_plan = same.iter().any(|recorded| recorded.folder == run.0.folder);
            of_plan && seeds.is_none_or(|seeds| seeds.contains(&run.0.experiment.seed))
        };
        let runs = self.found.iter().filter(wanted);
        let mut runs: Vec<CellRun> =
            runs.map(|(run, results)| CellRun { seed: run.experiment.seed, results: results.clone() }).collect();
        let rank =
            |run: &CellRun| (run.results.complete().is_some(), run.results.started.clone(), run.results.run.clone());
        runs.sort_by_key(|run| (run.seed, std::cmp::Reverse(rank(run))));
        runs.dedup_by_key(|run| run.seed);
        runs
    }

    /// That folders could not be read.
    pub fn notes(&self) -> Vec<String> {
        let note = |(path, file): &(PathBuf, &str)| {
            format!("{}: its {file} cannot be read, so that it belongs to no cell.", path.display())
        };
        self.unreadable.iter().map(note).collect()
    }
}

/// The runs of a sweep that `wanted` chooses by their plans, of those that the sweep itself takes for its own: its
/// `folders`.
pub fn of_sweep(sweep: &Sweep, folders: &[Option<RunFolder>], wanted: impl Fn(&SweepRun) -> bool) -> Vec<CellRun> {
    let folders = sweep.runs.iter().zip(folders).filter(|(planned, _)| wanted(planned));
    let found = |(planned, folder): (&SweepRun, &Option<RunFolder>)| {
        folder.as_ref().map(|run| CellRun { seed: planned.seed, results: Results::read(run) })
    };
    let mut found: Vec<CellRun> = folders.filter_map(found).collect();
    found.sort_by_key(|run| run.seed);
    found
}
