//! `bntt report`.

use super::path_argument::path;
use super::subject::{RunOrSweep, SubjectFigures};
use crate::error::Result;
use crate::files::output;
use crate::report::pages::{run_page, sweep_page};
use crate::terminal::logging::Log;
use std::path::PathBuf;

/// Write one HTML page about a run or a sweep: curves, firing rates, gamma, confusion matrix, layers, config,
/// provenance.
///
/// The page stands by itself: it needs no network and no scripts. What cannot be read, such as a data set that is not
/// on this machine, is said in its place. Of a sweep it shows every run's state, accuracies over seeds, and the curves
/// of all settings.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt report runs/quickstart/v0001 -o report.html\n  \
                        bntt report configs/sweeps/norms.toml --runs runs -o norms.html")]
pub struct ReportArguments {
    #[command(flatten)]
    subject: RunOrSweep,
    /// The page; one that is there is replaced. /dev/stdout sends it on.
    #[arg(short, long, value_name = "FILE", value_parser = path())]
    output: PathBuf,
}

pub fn report(arguments: &ReportArguments, log: &Log) -> Result<()> {
    // Before an evaluation that may take minutes.
    let inputs = arguments.subject.inputs();
    output::check(&arguments.output, &inputs)?;
    let page = match arguments.subject.read(log)? {
        SubjectFigures::Run(report) => run_page(&report),
        SubjectFigures::Sweep(report) => sweep_page(&report),
    };
    output::write(&arguments.output, page.as_bytes(), &inputs)?;
    super::print(&format!("{}\n", arguments.output.display()))
}
