//! For trackers of experiments.

use crate::error::{Error, Result};
use crate::files::output;
use crate::files::output_folder::OutputFolder;
use crate::run::RunFolder;
use crate::run::provenance::Provenance;
use crate::run::trackers::{TrackedRun, csv, export};
use std::path::{Path, PathBuf};

/// Runs into MLflow's file store.
pub fn mlflow(runs: &[PathBuf], folder: &Path) -> Result<()> {
    let mut found = Vec::new();
    for run in runs {
        let (source, run, own) = super::opened(run)?;
        OutputFolder { option: "--mlflow", path: folder, own: &own }.check()?;
        found.push((source.checked.experiment, run));
    }
    let mut told = String::new();
    for (experiment, run) in found {
        let exported = export(&run, &experiment, folder)?;
        told += &format!("{} -> {}\n", run.path().display(), exported.folder.display());
    }
    crate::cli::print(&told)
}

/// One run as a CSV file.
pub fn trackio(run: &Path, file: &Path) -> Result<()> {
    let run = RunFolder::open(run)?;
    let own = run.own_files();
    output::check(file, &own)?;
    let tracked = TrackedRun::read(&run, &Provenance::load(&run.provenance())?)?;
    if tracked.steps.is_empty() {
        let path = run.path().display();
        return Err(Error::Run(format!("{path}: expected a run with epochs, found none. Train it first.")));
    }
    output::write(file, csv(&tracked).as_bytes(), &own)?;
    crate::cli::print(&format!("{}: {} epochs\n", file.display(), tracked.steps.len()))
}
