//! `bntt run`.

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use crate::error::Result;
use crate::system::signals::Stop;
use crate::terminal::logging::Log;
use crate::train::session::{self, SessionEnd, SessionOptions};
use std::path::PathBuf;
use tracing::info;

/// Train the network that an experiment file describes.
///
/// Everything goes to a new folder, runs/<name>/v0001 and so on: the resolved config, provenance, metrics, log and
/// checkpoints. Ctrl-C (SIGINT), SIGHUP, SIGTERM and SIGUSR1 end it after the step it is at, with a checkpoint that
/// `bntt resume` goes on from; the exit code is 130, 129, 143 or 0. A second Ctrl-C ends it at once. Under nohup it
/// does not end with its terminal.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt run configs/quickstart.toml network.lif.leak=0.9 training.epochs=5\n  \
                  bntt run configs/vgg9_cifar10_bntt.toml --resume-or-start    # in a job that may be queued again")]
pub struct RunArguments {
    /// Experiment file.
    #[arg(value_parser = path())]
    config: PathBuf,
    /// Values that replace the file's, as in `network.lif.leak=0.9`.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Where run folders go.
    #[arg(long, value_name = "DIR", default_value = "runs", value_parser = path())]
    runs: PathBuf,
    /// Go on with the newest run of this name and config where there is one: nothing is done if it is complete.
    #[arg(long)]
    resume_or_start: bool,
    /// Train even if the memory that is predicted is more than there is.
    #[arg(long)]
    insist: bool,
    /// The sweep that the run is one of: for the record, which holds the command line.
    #[arg(long, value_name = "FILE", hide = true, value_parser = path())]
    of_sweep: Option<PathBuf>,
}

pub fn run(arguments: &RunArguments, log: &Log) -> Result<()> {
    let RunArguments { config, overrides, runs, resume_or_start, insist, of_sweep } = arguments;
    if let Some(sweep) = of_sweep {
        info!("a run of the sweep {}", sweep.display());
    }
    let options = SessionOptions {
        resume_or_start: *resume_or_start,
        insist: *insist,
        stop: Stop::on_signals()?,
        ..SessionOptions::new(runs, log)
    };
    let end = session::start(config, overrides, options);
    print_end(&end.map_err(|error| of_other_kind(error, config, &[FileKind::Experiment]))?)
}

/// Says where there was nothing to do; what was done is in the log.
pub fn print_end(end: &SessionEnd) -> Result<()> {
    match end {
        SessionEnd::Completed => Ok(()),
        SessionEnd::WasComplete { run, epochs, ended_early } => {
            let why = ended_early.clone().unwrap_or_else(|| format!("all {epochs} epochs are done"));
            super::print(&format!("{}: {why}\n", run.path().display()))
        }
    }
}
