//! `bntt resume`.

use super::fit::{refuse_what_cannot_fit, with_memory_explained};
use super::run::{conclude, start_threads, train};
use crate::checkpoint;
use crate::device;
use crate::durable::sha256_hex;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::logging;
use crate::provenance::Provenance;
use crate::run::{RunFolder, Which};
use crate::train::Trainer;
use std::path::PathBuf;
use tracing::{Level, info};

/// Continue a run from its last checkpoint.
///
/// The continued run is the same run: its weights and metrics are those of one that was never stopped.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt resume runs/quickstart/v0001")]
pub struct Arguments {
    /// Run folder; the newest version if it is the folder of a run's name.
    run: PathBuf,
}

pub fn resume(arguments: &Arguments) -> Result<()> {
    let folder = RunFolder::open(&arguments.run)?;
    let checked = Experiment::load(&folder.config(), &[])?;
    let experiment = &checked.experiment;
    let threads = start_threads(experiment)?;
    let log = logging::init(Level::INFO);
    let device = experiment.training.open_device()?;
    refuse_what_cannot_fit(&device, &checked)?;
    let checkpoint = checkpoint::load(&folder.checkpoint(Which::Last), &device)?;
    if checkpoint.progress.config_sha256 != sha256_hex(experiment.to_toml()?.as_bytes()) {
        return Err(Error::Run(format!(
            "{}: the checkpoint belongs to another config than {}, which has been changed since: restore it, or start a new run with \
             training.initial_weights",
            checkpoint.folder.display(),
            folder.config().display()
        )));
    }
    let epoch = checkpoint.progress.epoch;
    if epoch >= experiment.training.epochs {
        return super::print(&format!("{}: all {epoch} epochs are done\n", folder.path().display()));
    }
    let dataset = experiment.data.load()?;
    let mut provenance = Provenance::load(&folder.provenance())?;
    provenance.resume(epoch, &device::name(&device), threads);
    provenance.save(&folder.provenance())?;
    log.write_to(&folder.log())?;
    info!("resuming {} after epoch {epoch} of {}", folder.path().display(), experiment.training.epochs);
    let trained = with_memory_explained(&device, &checked, || {
        let trainer = Trainer::resume(&checked, &dataset, &folder, checkpoint, device.clone())?;
        train(trainer, &log)
    });
    conclude(trained, &mut provenance, &folder)
}
