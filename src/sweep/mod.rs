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
//! Runs are numbered in the order variants, grid (the last key fastest), zip, seeds. A run's folder is `<runs>/<its name>/v0001`, as for any
//! other run; the run that belongs to a plan is the newest of its name whose config is the plan's.

mod file;
mod jobs;
mod plan;
pub mod slurm;

pub use jobs::{Ended, Event, train};
pub use plan::Planned;

use crate::error::Result;
use crate::identity::Recorded;
use crate::run::RunFolder;
use std::path::{Path, PathBuf};

/// A sweep's file and all its runs, checked.
pub struct Sweep {
    pub name: String,
    pub path: PathBuf,
    /// What the runs differ in, in order: `variant`, then keys such as `network.time_steps`. Seeds are no axis.
    pub axes: Vec<String>,
    pub runs: Vec<Planned>,
}

impl Sweep {
    /// Reads a sweep's file and checks every run's experiment.
    ///
    /// # Errors
    /// [`crate::error::Error::Config`] or [`crate::error::Error::Run`] naming the file and what is wrong, of a run with its name.
    pub fn load(path: &Path) -> Result<Self> {
        let file = file::read(path)?;
        let (axes, runs) = plan::plan(&file)?;
        Ok(Self { name: file.name, path: path.to_path_buf(), axes, runs })
    }

    /// Every run's folder below `root`, in order: that of its own name, or one of another name that is complete and computes the same.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`] when a folder cannot be read.
    pub fn folders(&self, root: &Path) -> Result<Vec<Option<RunFolder>>> {
        let mut all: Option<Vec<Recorded>> = None;
        let mut folders = Vec::with_capacity(self.runs.len());
        for planned in &self.runs {
            folders.push(match (planned.run(root)?, &mut all) {
                (Some(run), _) => Some(run),
                (None, Some(all)) => planned.elsewhere(all),
                (None, none) => planned.elsewhere(none.insert(Recorded::below(root)?)),
            });
        }
        Ok(folders)
    }
}
