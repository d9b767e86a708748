//! `bntt resume`.

use super::fit::refuse_what_does_not_fit;
use super::path::path;
use super::run::{start_threads, train};
use crate::checkpoint;
use crate::device;
use crate::durable::{beside, sha256_hex};
use crate::error::{Error, Result};
use crate::experiment::{Checked, Experiment};
use crate::logging::Log;
use crate::provenance::Provenance;
use crate::run::{RunFolder, Which};
use crate::stop::Stop;
use crate::train::{Trainer, start};
use std::path::PathBuf;
use tracing::info;

/// Continue a run from its last checkpoint.
///
/// The continued run is the same run: its weights and metrics are those of one that was never stopped.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt resume runs/quickstart/v0001")]
pub struct Arguments {
    /// Run folder; the newest version if it is the folder of a run's name.
    #[arg(value_parser = path())]
    run: PathBuf,
    /// Train even if the memory that is predicted is more than there is.
    #[arg(long)]
    insist: bool,
}

pub fn resume(arguments: &Arguments, log: &Log) -> Result<()> {
    let folder = RunFolder::open(&arguments.run)?;
    let checked = Experiment::load(&folder.config(), &[])?;
    let threads = start_threads(&checked.experiment)?;
    go_on(&folder, &checked, &Resumption { log: log.clone(), threads, insist: arguments.insist })
}

/// With what a run is continued.
pub struct Resumption {
    pub log: Log,
    pub threads: usize,
    pub insist: bool,
}

/// Continues the run in `folder`, whose experiment `checked` is, from its beginning where it was killed before the first checkpoint.
pub fn go_on(folder: &RunFolder, checked: &Checked, with: &Resumption) -> Result<()> {
    let experiment = &checked.experiment;
    let _lock = folder.take_lock()?;
    let device = experiment.training.open_device()?;
    refuse_what_does_not_fit(checked, &device, with.insist)?;
    let checkpoint = checkpoint::find(&folder.checkpoint(Which::Last), &device)?;
    let (mut epoch, mut step) = (0, 0);
    if let Some(checkpoint) = &checkpoint {
        let config = std::fs::read(folder.config()).map_err(Error::io("read", folder.config()))?;
        if checkpoint.progress.config_sha256 != sha256_hex(&config) {
            return Err(Error::Run(format!(
                "{}: the checkpoint belongs to another config than {}, which has been changed since: restore it, or start a new run \
                 with training.initial_weights",
                checkpoint.folder.display(),
                folder.config().display()
            )));
        }
        (epoch, step) = (checkpoint.progress.epoch, checkpoint.progress.step);
    }
    if epoch >= experiment.training.epochs {
        return super::print(&format!("{}: all {epoch} epochs are done\n", folder.path().display()));
    }
    let dataset = experiment.load_data()?;
    let stop = Stop::on_signals()?;
    let device_name = device::name(&device);
    let mut provenance = match Provenance::load(&folder.provenance()) {
        Ok(mut provenance) => {
            provenance.resume(epoch, &device_name, with.threads);
            provenance
        }
        Err(error) => {
            // The record is not the run: it begins again, beside what is left of the old one.
            let old = beside(&folder.provenance(), ".damaged");
            tracing::warn!("{error} A new one is begun, and the old one kept as {}.", old.display());
            let _ = std::fs::rename(folder.provenance(), &old);
            Provenance::begin(experiment.seed, &device_name, with.threads, dataset.checksums.clone())
        }
    };
    provenance.save(&folder.provenance())?;
    with.log.write_to(&folder.log())?;
    let inside = if step > 0 { format!(" and {step} steps") } else { String::new() };
    info!("resuming {} after epoch {epoch}{inside} of {}", folder.path().display(), experiment.training.epochs);
    let trainer = || {
        let trainer = match checkpoint {
            Some(checkpoint) => Trainer::resume(checked, &dataset, folder, checkpoint, device.clone())?,
            None => Trainer::begin(experiment, &dataset, folder, start(checked, &device)?, device.clone())?,
        };
        Ok(trainer.until(stop))
    };
    train(trainer, checked, &device, &mut provenance, folder, &with.log)
}
