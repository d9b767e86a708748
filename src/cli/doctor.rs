//! `bntt doctor`.

use super::path_argument::path;
use crate::error::{Error, Result};
use crate::report::table::{self, Printout, Table, text};
use crate::run::RunFolder;
use crate::train::doctor::examine;
use crate::train::resumption::RunFinding;
use std::path::PathBuf;

/// Check a run folder: config, records, data, checksums of the checkpoints; and say what can be resumed.
///
/// It judges as `bntt resume` does and changes nothing. The exit code is 2 when something is wrong, or when the run
/// could not be resumed here.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt doctor runs/quickstart/v0001")]
pub struct DoctorArguments {
    /// Run folder; the newest version if it is the folder of a run's name.
    #[arg(value_parser = path())]
    run: PathBuf,
    /// Values that `bntt resume` would be given, as in `data.dataset.cifar10.path=/data/cifar10`.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    #[command(flatten)]
    format: super::FormatArgument,
}

pub fn doctor(arguments: &DoctorArguments) -> Result<()> {
    let run = RunFolder::open(&arguments.run)?;
    let diagnosis = examine(&run, &arguments.overrides);
    let rows = diagnosis.findings.iter().map(|RunFinding { what, found, wrong }| {
        vec![what.clone(), if *wrong { "WRONG" } else { "ok" }.to_string(), found.clone()]
    });
    let table = Table::new(&["what", "state", "found"], rows.collect(), 3);
    // On a terminal without its head, which says no more than the rows.
    let text = text::lines(&table.rows, 3);
    let text = format!("{}\n\n{text}\n{}\n", run.path().display(), diagnosis.verdict);
    let json = serde_json::json!({
        "run": run.path().display().to_string(),
        "healthy": diagnosis.is_healthy(),
        "resumable": diagnosis.resumable,
        "verdict": diagnosis.verdict,
        "findings": table::json::objects(&table),
    });
    let table = Table { notes: vec![diagnosis.verdict.clone()], ..table };
    arguments.format.print(Printout::new(text, vec![table]).with_json(json))?;
    let path = run.path().display();
    match (diagnosis.is_healthy(), diagnosis.resumable) {
        (true, _) => Ok(()),
        (false, true) => Err(Error::Run(format!("{path} is damaged"))),
        (false, false) => Err(Error::Run(format!("{path} cannot be resumed"))),
    }
}
