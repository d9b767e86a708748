//! `bntt run`.

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use crate::error::{Error, Result};
use crate::run::RunFolder;
use crate::run::provenance::SweepMembership;
use crate::system::signals::Stop;
use crate::terminal::logging::Log;
use crate::train::session::{self, SessionEnd, SessionOptions};
use std::cell::OnceCell;
use std::path::PathBuf;
use tracing::{info, warn};

/// Train the network that an experiment file describes.
///
/// Everything goes to a new folder, runs/<name>/v0001 and so on: the resolved config, provenance, metrics, log and
/// checkpoints. Its path is all that is printed to standard output, when the run ends, unless the log has just said it
/// on the same terminal. Ctrl-C (SIGINT), SIGHUP, SIGTERM and SIGUSR1 end it after the step it is at, with a checkpoint
/// that `bntt resume` goes on from; the exit code is 130, 129, 143 or 0. A second Ctrl-C ends it at once. Under nohup
/// it does not end with its terminal.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt run configs/quickstart.toml network.lif.leak=0.9 training.epochs=5\n  \
                  bntt eval $(bntt run configs/quickstart.toml)\n  \
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
        sweep: of_sweep.as_ref().and_then(|_| SweepMembership::read_beside(config)),
        stop: Stop::on_signals()?,
        ..SessionOptions::new(runs, log)
    };
    print_folder(options, |options| {
        let end = session::start(config, overrides, options);
        end.map_err(|error| of_other_kind(error, config, &[FileKind::Experiment]))
    })
}

/// Works on a run and prints its folder, all that goes to standard output, however the work ends; not where the log has
/// just named it on the same terminal. That nobody can read it does not change how the work ended.
pub fn print_folder<'a>(
    options: SessionOptions<'a>,
    work: impl FnOnce(SessionOptions<'_>) -> Result<SessionEnd>,
) -> Result<()> {
    let (folder, log) = (OnceCell::new(), options.log);
    let end = {
        let keep = |run: &RunFolder| drop(folder.set(run.path().display().to_string()));
        let hear: &dyn Fn(&RunFolder) = &keep;
        work(SessionOptions { on_folder: Some(hear), ..options })
    };
    // The last line of a run that is complete or was asked to stop names it.
    let is_named = matches!(end, Ok(_) | Err(Error::Interrupted(_))) && log.is_beside_standard_output();
    let unnamed = folder.get().filter(|_| !is_named);
    if let Some(Err(problem)) = unnamed.map(|folder| super::print(&format!("{folder}\n"))) {
        warn!("{problem}");
    }
    print_end(&end?)
}

/// Says where there was nothing to do; what was done is in the log.
pub fn print_end(end: &SessionEnd) -> Result<()> {
    if let SessionEnd::WasComplete { run, epochs, ended_early } = end {
        let why = ended_early.clone().unwrap_or_else(|| format!("all {epochs} epochs are done"));
        info!("{}: {why}", run.path().display());
    }
    Ok(())
}
