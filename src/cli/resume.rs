//! `bntt resume`.

use super::run::{conclude, start_threads};
use crate::checkpoint;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::logging::Logging;
use crate::provenance::Provenance;
use crate::run::{RunFolder, Which};
use crate::train::Trainer;
use std::path::PathBuf;
use tracing::info;

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
    start_threads(experiment)?;
    let device = experiment.training.open_device()?;
    let path = folder.checkpoint(Which::Last);
    let checkpoint = checkpoint::load(&path, &device)?;
    checkpoint.progress.belongs_to(&experiment.to_toml()?, &path)?;
    let epoch = checkpoint.progress.epoch;
    if epoch >= experiment.training.epochs {
        return super::print(&format!("{}: all {epoch} epochs are done\n", folder.path().display()));
    }
    let dataset = experiment.data.load()?;
    let mut provenance = Provenance::load(&folder.provenance())?;
    provenance.resume(epoch);
    provenance.save(&folder.provenance())?;
    let logging = Logging::start();
    logging.to_file(&folder.log())?;
    info!("resuming {} after epoch {epoch} of {}", folder.path().display(), experiment.training.epochs);
    let trainer = Trainer::resume(&checked, &dataset, &folder, checkpoint, device);
    conclude(trainer, experiment, &mut provenance, &folder, &logging)
}
