//! `bntt resume`.

use super::path_argument::path;
use super::run::train;
use crate::error::{Error, Result};
use crate::experiment::CheckedExperiment;
use crate::files::atomic::beside;
use crate::files::lock::Lock;
use crate::ops::device;
use crate::run::checkpoint;
use crate::run::metrics::Metrics;
use crate::run::provenance::{Git, Outcome, Provenance};
use crate::run::{CheckpointKind, RunFolder};
use crate::system::signals::Stop;
use crate::system::threads;
use crate::terminal::logging::Log;
use crate::train::Trainer;
use crate::train::fit::refuse_what_does_not_fit;
use crate::train::resumption::{self, Accepted, Examination, ResumePoint, Verdict};
use std::fs;
use std::path::{Path, PathBuf};
use tracing::{info, warn};

/// Continue a run from its last checkpoint.
///
/// The continued run is the same run: its weights and metrics are those of one that was never stopped. What could make
/// it another is refused: a config, records or data that have changed. Values may be given that change no number: where
/// the data lie, training.threads, training.device, training.checkpoint_every, training.tensorboard, provenance.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt resume runs/quickstart/v0001\n  \
                        bntt resume runs/vgg9_cifar10_bntt data.dataset.cifar10.path=/scratch/cifar10 training.threads=8")]
pub struct ResumeArguments {
    /// Run folder; the newest version if it is the folder of a run's name.
    #[arg(value_parser = path())]
    run: PathBuf,
    /// Values for this session, as in `data.dataset.cifar10.path=/data/cifar10`; config.toml stays as it is.
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
    let folder = RunFolder::open(&arguments.run)?;
    let checked = resumption::load(&folder, &arguments.overrides)?;
    let threads = threads::start(checked.experiment.training.threads);
    let accepted = Accepted { records: arguments.accept_damaged_records, data: arguments.accept_changed_data };
    let lock = folder.take_lock()?;
    let (log, stop) = (log.clone(), Stop::on_signals()?);
    go_on(&folder, lock, &checked, Resumption { log, threads, insist: arguments.insist, accepted, stop })
}

/// With what a run is continued.
pub struct Resumption {
    pub log: Log,
    pub threads: usize,
    pub insist: bool,
    pub accepted: Accepted,
    pub stop: Stop,
}

/// Continues the run in `folder`, which is locked, as `checked` says.
pub fn go_on(folder: &RunFolder, _lock: Lock, checked: &CheckedExperiment, with: Resumption) -> Result<()> {
    let experiment = &checked.experiment;
    let device = experiment.training.open_device()?;
    let Examination { verdict, .. } = resumption::examine(folder, checked, with.accepted, &device);
    let ResumePoint { checkpoint, records, mut losses } = match verdict? {
        Verdict::Complete { epochs, untidy } => {
            [CheckpointKind::Best, CheckpointKind::Last]
                .into_iter()
                .try_for_each(|which| checkpoint::mend(&folder.checkpoint(which)))?;
            untidy.map(|keep| Metrics::open(folder, *keep)).transpose()?;
            record_completion(folder)?;
            return super::print(&format!("{}: all {epochs} epochs are done\n", folder.path().display()));
        }
        Verdict::GoesOn(point) => *point,
    };
    refuse_what_does_not_fit(checked, &device, with.insist)?;
    let dataset = experiment.load_data()?;
    match resumption::check_data(folder, &checkpoint, &dataset.checksums) {
        Err(problem) if with.accepted.data => losses.push(problem.to_string()),
        checked => checked?,
    }
    // Everything that can be wrong has been read; from here on files change.
    let (epoch, step) = (checkpoint.progress.epoch, checkpoint.progress.step);
    let device_name = device::name(&device);
    let (git, _) = Git::read(Path::new("."), experiment.provenance.git);
    let mut provenance = match Provenance::load(&folder.provenance()) {
        Ok(mut provenance) => {
            warn_of_another_kind_of_device(&provenance, &device_name);
            provenance.resume(epoch, &device_name, with.threads, git);
            provenance
        }
        Err(error) => {
            // The record is not the run: it begins again, beside what is left of the old one.
            let old = put_aside(&folder.provenance())?;
            warn!("{error} A new one is begun, and the old one kept as {}.", old.display());
            Provenance::begin(experiment.seed, &device_name, with.threads, dataset.checksums.clone(), git)
        }
    };
    provenance.accept(&losses);
    provenance.save(&folder.provenance())?;
    with.log.write_to(&folder.log())?;
    if !losses.is_empty() {
        keep_what_is_damaged(folder, &losses)?;
    }
    [CheckpointKind::Best, CheckpointKind::Last]
        .into_iter()
        .try_for_each(|which| checkpoint::mend(&folder.checkpoint(which)))?;
    let inside = if step > 0 { format!(" and {step} steps") } else { String::new() };
    info!("resuming {} after epoch {epoch}{inside} of {}", folder.path().display(), experiment.training.epochs);
    let trainer =
        || Ok(Trainer::resume(checked, &dataset, folder, (checkpoint, records), device.clone())?.until(with.stop));
    train(trainer, checked, &device, &mut provenance, folder, &with.log)
}

/// A run that was killed after its last checkpoint has no end in its record, and would be taken up again by a sweep for
/// ever.
fn record_completion(folder: &RunFolder) -> Result<()> {
    match Provenance::load(&folder.provenance()) {
        Ok(mut provenance) if provenance.outcome != Outcome::Completed => {
            // When it ended stays unrecorded where it is: it was not now.
            provenance.outcome = Outcome::Completed;
            provenance.save(&folder.provenance())
        }
        _ => Ok(()),
    }
}

/// The CPU and a GPU round differently.
fn warn_of_another_kind_of_device(provenance: &Provenance, now: &str) {
    let kind = |name: &str| name.split([':', ' ']).next().unwrap_or_default().to_string();
    if let Some(before) = provenance.sessions.last().filter(|session| kind(&session.device) != kind(now)) {
        warn!(
            "the run was computed on {} and goes on on {now}: it will not have the bits of an undisturbed run",
            before.device
        );
    }
}

/// Copies of the records before they are cut, and the best checkpoint if it is none.
fn keep_what_is_damaged(folder: &RunFolder, losses: &[String]) -> Result<()> {
    losses.iter().for_each(|loss| warn!("accepted: {loss}"));
    for path in [folder.metrics_jsonl(), folder.steps()] {
        if path.symlink_metadata().is_ok_and(|about| about.is_file()) {
            let copy = unused(&path);
            fs::copy(&path, &copy).map_err(Error::io("copy", &path))?;
        } else if path.symlink_metadata().is_ok() {
            put_aside(&path)?;
        }
    }
    let best = folder.checkpoint(CheckpointKind::Best);
    if best.exists() && checkpoint::load(&best, &candle_core::Device::Cpu).is_err() {
        put_aside(&best)?;
    }
    Ok(())
}

/// Renames a file or folder to `<its name>.damaged`.
fn put_aside(path: &Path) -> Result<PathBuf> {
    let aside = unused(path);
    if path.symlink_metadata().is_ok() {
        fs::rename(path, &aside).map_err(Error::io("rename", path))?;
    }
    Ok(aside)
}

/// The first of `<path>.damaged`, `<path>.damaged2` and so on that nothing has.
fn unused(path: &Path) -> PathBuf {
    let names = (1u32..).map(|number| match number {
        1 => beside(path, ".damaged"),
        number => beside(path, &format!(".damaged{number}")),
    });
    names.into_iter().find(|name| name.symlink_metadata().is_err()).unwrap_or_else(|| beside(path, ".damaged"))
}
