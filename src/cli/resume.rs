//! `bntt resume`.

use super::path_argument::path;
use super::run::print_folder;
use crate::error::Result;
use crate::system::signals::Stop;
use crate::terminal::logging::Log;
use crate::train::resumption::Accepted;
use crate::train::session::{self, SessionOptions};
use std::path::{Path, PathBuf};

/// Continue a run from its last checkpoint, or for longer than it was to be.
///
/// The continued run is the same run: its weights and metrics are those of one that was never stopped. What could make
/// it another is refused: a config, records or data that have changed. Values may be given that change no number: where
/// the data lie, training.threads, training.device, training.checkpoint_every, training.tensorboard, provenance.
///
/// training.epochs, training.early_stopping and schedule make a run longer, one that is complete too, where its past
/// learning rates stay what they were: config.toml is changed, and the run is the one that would have been begun so.
///
/// The run's folder is all that is printed to standard output.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt resume runs/quickstart/v0001\n  \
                        bntt resume runs/vgg9_cifar10_bntt data.dataset.cifar10.path=/scratch/cifar10 training.threads=8\n  \
                        bntt resume runs/quickstart training.epochs=20")]
pub struct ResumeArguments {
    /// Run folder; the newest version if it is the folder of a run's name.
    #[arg(value_parser = path())]
    run: PathBuf,
    /// Values for this session, as in `data.dataset.cifar10.path=/data/cifar10`, with which config.toml stays as it is;
    /// or a new length, as in `training.epochs=20`.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Train even if the memory that is predicted is more than there is.
    #[arg(long)]
    insist: bool,
    /// Go on with data that are not those that the run began with; recorded in provenance.json.
    #[arg(long)]
    accept_changed_data: bool,
    /// Go on although metrics.jsonl, steps.jsonl or the best checkpoint are damaged; recorded in provenance.json, what
    /// is damaged is kept beside.
    #[arg(long)]
    accept_damaged_records: bool,
}

pub fn resume(arguments: &ResumeArguments, log: &Log) -> Result<()> {
    let accepted = Accepted { records: arguments.accept_damaged_records, data: arguments.accept_changed_data };
    let options = SessionOptions {
        insist: arguments.insist,
        accepted,
        stop: Stop::on_signals()?,
        ..SessionOptions::new(Path::new("runs"), log)
    };
    print_folder(options, |options| session::resume(&arguments.run, &arguments.overrides, options))
}
