//! `bntt doctor`.

use super::path::path;
use super::table::table;
use crate::doctor::{Finding, examine};
use crate::error::{Error, Result};
use crate::run::RunFolder;
use std::path::PathBuf;

/// Check a run folder: config, records, checksums of the checkpoints; and say what can be resumed.
///
/// Changes nothing. The exit code is 2 when something is wrong.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt doctor runs/quickstart/v0001")]
pub struct Arguments {
    /// Run folder; the newest version if it is the folder of a run's name.
    #[arg(value_parser = path())]
    run: PathBuf,
}

pub fn doctor(arguments: &Arguments) -> Result<()> {
    let run = RunFolder::open(&arguments.run)?;
    let diagnosis = examine(&run)?;
    let rows = diagnosis.findings.iter().map(|Finding { what, found, wrong }| {
        vec![what.clone(), if *wrong { "WRONG" } else { "ok" }.to_string(), found.clone()]
    });
    super::print(&format!(
        "{}\n\n{}\n{}\n",
        run.path().display(),
        table(&rows.collect::<Vec<_>>(), 3),
        diagnosis.verdict
    ))?;
    if diagnosis.is_healthy() { Ok(()) } else { Err(Error::Run(format!("{} is damaged", run.path().display()))) }
}
