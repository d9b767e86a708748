//! `bntt run`.

use super::check::warnings;
use super::path_argument::path;
use super::resume::{Resumption, go_on};
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, Experiment};
use crate::files::atomic::write_atomically;
use crate::files::weights;
use crate::ops::device;
use crate::run::RunFolder;
use crate::run::identity::{self, RunQuery};
use crate::run::provenance::{Git, Outcome, Provenance};
use crate::system::signals::Stop;
use crate::system::threads;
use crate::terminal::logging::Log;
use crate::terminal::progress::EpochBar;
use crate::train::fit::{refuse_what_does_not_fit, with_memory_explained};
use crate::train::resumption::Accepted;
use crate::train::{Trainer, TrainingEnd, save_start, start};
use candle_core::Device;
use std::path::{Path, PathBuf};
use tracing::{info, warn};

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
    train_planned(config, overrides, &SessionOptions { runs, resume: *resume_or_start, insist: *insist, log })
}

/// How a run is to be started.
pub struct SessionOptions<'a> {
    /// Where run folders go.
    pub runs: &'a Path,
    /// Whether to go on with the newest run of its name and config.
    pub resume: bool,
    /// Whether to train even if the predicted memory is more than there is.
    pub insist: bool,
    pub log: &'a Log,
}

/// Trains the run that a file and values in place of its own describe.
pub fn train_planned(config: &Path, overrides: &[String], session: &SessionOptions<'_>) -> Result<()> {
    let mut checked = Experiment::load(config, overrides)?;
    checked.experiment.make_paths_absolute();
    let experiment = &checked.experiment;
    let threads = threads::start(experiment.training.threads);
    let log = session.log.clone();
    let stop = Stop::on_signals()?;
    // Until there is a run folder and its own lock, so that two of the same name do not both begin.
    let name = session.resume.then(|| RunFolder::wait_for_name(session.runs, &experiment.name, &stop)).transpose()?;
    if session.resume {
        let plan = RunQuery { experiment, set: &[], any_seed: false };
        let found = identity::find(session.runs, &plan)?;
        if let Some(folder) = found.run {
            let lock = folder.take_lock()?;
            drop(name);
            let accepted = Accepted::default();
            return go_on(&folder, lock, &checked, Resumption { log, threads, insist: session.insist, accepted, stop });
        }
        if let Some((folder, differ)) = found.other {
            info!("{} is another experiment ({}): a new version is begun", folder.path().display(), differ.join("; "));
        }
    }
    let device = experiment.training.open_device()?;
    refuse_what_does_not_fit(&checked, &device, session.insist)?;
    // Everything that can be wrong with the data or the weights is found before a folder appears.
    let dataset = experiment.load_data()?;
    // The data set has taken its part.
    refuse_what_does_not_fit(&checked, &device, session.insist)?;
    let mut network = start(&checked, &device)?;

    let (git, uncommitted) = Git::read(Path::new("."), experiment.provenance.git);
    let data = dataset.checksums.clone();
    let mut provenance = Provenance::begin(experiment.seed, &device::name(&device), threads, data, git);
    provenance.initial_weights = experiment.training.initial_weights.as_deref().map(weights::sha256).transpose()?;
    let (folder, _lock) = RunFolder::create_with(session.runs, &experiment.name, |folder| {
        write_atomically(&folder.config(), experiment.to_toml()?.as_bytes())?;
        uncommitted.write(&folder.uncommitted_diff())?;
        provenance.save(&folder.provenance())?;
        save_start(experiment, &dataset, folder, &mut network)
    })?;
    drop(name);
    log.write_to(&folder.log())?;
    info!("{} -> {}", config.display(), folder.path().display());
    let (images, test) = (dataset.train.len(), dataset.test.len());
    let (parameters, on) = (checked.plan.parameters(), device::name(&device));
    info!("{images} training and {test} test images, {parameters} parameters, {on}, {threads} threads");
    warnings(&checked, overrides).iter().for_each(|warning| warn!("{warning}"));

    let trainer = || Ok(Trainer::begin(experiment, &dataset, &folder, network, device.clone())?.until(stop));
    train(trainer, &checked, &device, &mut provenance, &folder, &log)
}

/// Trains to the end and records how it ended.
pub fn train<'a>(
    trainer: impl FnOnce() -> Result<Trainer<'a>>,
    checked: &CheckedExperiment,
    device: &Device,
    provenance: &mut Provenance,
    folder: &RunFolder,
    log: &Log,
) -> Result<()> {
    let trained = with_memory_explained(device, checked, || {
        let mut trainer = trainer()?;
        let ended = trainer.train(&mut EpochBar::new(log))?;
        Ok((ended, trainer.best(), trainer.place()))
    });
    let trained = trained.map_err(|error| match folder.path().exists() {
        true => error,
        // Whatever was being done just then, this is why it failed.
        false => Error::Run(format!(
            "{} is gone: the run folder was moved or deleted while the run worked ({error}).",
            folder.path().display()
        )),
    });
    provenance.finish(match &trained {
        Ok((TrainingEnd::Completed, ..)) => Outcome::Completed,
        Ok((TrainingEnd::Interrupted(_), ..)) => Outcome::Interrupted,
        Err(error) => Outcome::Failed(error.to_string()),
    });
    let recorded = provenance.save(&folder.provenance());
    // What went wrong in training comes first: a disk that is full refuses the record too.
    let (ended, best, place) = trained?;
    recorded?;
    let path = folder.path().display();
    if let TrainingEnd::Interrupted(reason) = ended {
        info!("stopped by {} {place}, which is saved: `bntt resume {path}` goes on", reason.name());
        return Err(Error::Interrupted(reason));
    }
    if let Some((top1, epoch)) = best {
        info!("best top-1 {top1:.2} % after epoch {epoch} (chosen on the test images)");
    }
    info!("done: {path}");
    Ok(())
}
