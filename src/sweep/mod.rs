//! Sweeps: many runs out of one file.
//!
//! ```toml
//! base = "../vgg9_cifar10_bntt.toml"         # relative to this file
//! name = "norm_ablation"                     # the file's name unless given
//! set = { "training.epochs" = 20 }           # for every run
//! grid = { "network.time_steps" = [5, 10] }  # every value of one with every value of the others
//! zip = { "network.lif.leak" = [0.9, 0.95], "network.lif.threshold" = [1.0, 0.5] }   # first with first, second with second
//! seeds = [0, 1, 2]                          # the base's own unless given
//! [variants]                                 # named sets of values; `base` names another file
//! "no norm" = { base = "../vgg9_cifar10_no_norm.toml" }
//! BNTT = {}
//! ```
//!
//! Values are set in the order `set`, variant, grid, zip, seed; a key that two of them name is refused where that means
//! nothing. Runs are numbered in the order variants, grid (the last key fastest), zip, seeds. A run's folder is
//! `<runs>/<its name>/v0001`, as for any other run; which run belongs to a plan, [`crate::run::identity`] tells.
//!
//! The files are read once, when a sweep begins or is submitted. What is trained is what they said then.

mod file;
mod frozen;
mod jobs;
mod keys;
mod names;
mod plan;
pub mod slurm;
#[cfg(test)]
mod tests;
mod time_left;

pub use frozen::FrozenConfigs;
pub use jobs::{GpuSlots, JobEvent, Jobs, JobsOutcome};
pub use plan::SweepRun;
pub use time_left::{TimeLeft, share_left, until_the_last_ends};

use crate::error::Result;
use crate::run::RunFolder;
use crate::run::identity::RecordedRun;
use crate::run::listing::RunSummary;
use std::path::{Path, PathBuf};

/// A sweep's file and all its runs, checked.
pub struct Sweep {
    pub name: String,
    pub path: PathBuf,
    /// What the runs differ in, in order: `variant`, then keys such as `network.time_steps`. Seeds are no axis.
    pub axes: Vec<String>,
    pub runs: Vec<SweepRun>,
}

/// The runs that are not complete.
pub struct IncompleteRuns<'a> {
    /// Those to begin, or to go on with.
    pub to_train: Vec<&'a SweepRun>,
    /// Those that another process works on.
    pub at_work: Vec<&'a SweepRun>,
}

/// Runs that differ in nothing but their seed, together; in the order of their first runs.
pub fn by_setting<R>(runs: &[R], settings: impl Fn(&R) -> &[(String, String)]) -> Vec<Vec<&R>> {
    let mut groups: Vec<Vec<&R>> = Vec::new();
    for run in runs {
        match groups.iter_mut().find(|group| group.iter().all(|other| settings(other) == settings(run))) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    groups
}

impl Sweep {
    /// Reads a sweep's file and checks every run's experiment.
    ///
    /// # Errors
    /// [`crate::error::Error::Config`] or [`crate::error::Error::Run`] naming the file and what is wrong, of a run with
    /// its name.
    pub fn load(path: &Path) -> Result<Self> {
        let file = file::read(path)?;
        let (axes, runs) = plan::plan(&file)?;
        Ok(Self { name: file.name, path: path.to_path_buf(), axes, runs })
    }

    /// Every run's folder below `root`, in order: that of its own name, or one of another name that is complete and
    /// computes the same.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`] when a folder cannot be read.
    pub fn folders(&self, root: &Path) -> Result<Vec<Option<RunFolder>>> {
        let mut all: Option<Vec<RecordedRun>> = None;
        let mut folders = Vec::with_capacity(self.runs.len());
        for planned in &self.runs {
            folders.push(match (planned.run(root)?, &mut all) {
                (Some(run), _) => Some(run),
                (None, Some(all)) => planned.elsewhere(all),
                (None, none) => planned.elsewhere(none.insert(RecordedRun::below(root)?)),
            });
        }
        Ok(folders)
    }

    /// How every run stands, in order: `None` where it was not begun.
    ///
    /// # Errors
    /// As [`Sweep::folders`].
    pub fn standings(&self, root: &Path) -> Result<Vec<Option<RunSummary>>> {
        Ok(self.folders(root)?.iter().map(|run| run.as_ref().map(plan::standing)).collect())
    }

    /// The runs that are not complete below `root`.
    ///
    /// # Errors
    /// As [`Sweep::folders`].
    pub fn due(&self, root: &Path) -> Result<IncompleteRuns<'_>> {
        let (mut to_train, mut at_work) = (Vec::new(), Vec::new());
        for (run, summary) in self.runs.iter().zip(self.standings(root)?) {
            match summary.map(|summary| summary.state) {
                Some("completed") => {}
                Some("running") => at_work.push(run),
                _ => to_train.push(run),
            }
        }
        Ok(IncompleteRuns { to_train, at_work })
    }
}
