//! `bntt run`.

use super::fit::{refuse_what_cannot_fit, with_memory_explained};
use crate::device;
use crate::durable::write_atomically;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::logging::{self, Log};
use crate::progress::EpochBar;
use crate::provenance::{Outcome, Provenance};
use crate::run::RunFolder;
use crate::train::{Trainer, start};
use std::path::PathBuf;
use tracing::{Level, info};

/// Train the network that an experiment file describes.
///
/// Everything goes to a new folder, runs/<name>/v0001 and so on: the resolved config, provenance, metrics, log and checkpoints.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt run configs/quickstart.toml network.lif.leak=0.9 training.epochs=5")]
pub struct Arguments {
    /// Experiment file.
    config: PathBuf,
    /// Values that replace the file's, as in `network.lif.leak=0.9`.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Where run folders go.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let mut checked = Experiment::load(&arguments.config, &arguments.overrides)?;
    checked.experiment.make_paths_absolute();
    let experiment = &checked.experiment;
    let threads = start_threads(experiment)?;
    let log = logging::init(Level::INFO);
    let device = experiment.training.open_device()?;
    refuse_what_cannot_fit(&device, &checked)?;
    // Everything that can be wrong with the data or the weights is found before a folder appears.
    let dataset = experiment.data.load()?;
    let network = start(&checked, &device)?;

    let folder = RunFolder::create(&arguments.runs, &experiment.name)?;
    write_atomically(&folder.config(), experiment.to_toml()?.as_bytes())?;
    let mut provenance = Provenance::begin(experiment.seed, &device::name(&device), threads, dataset.checksums.clone());
    provenance.save(&folder.provenance())?;
    log.write_to(&folder.log())?;
    info!("{} -> {}", arguments.config.display(), folder.path().display());
    let (images, test) = (dataset.train.len(), dataset.test.len());
    let (parameters, on) = (checked.plan.parameters(), device::name(&device));
    info!("{images} training and {test} test images, {parameters} parameters, {on}, {threads} threads");

    let trained = with_memory_explained(&device, &checked, || {
        let trainer = Trainer::begin(experiment, &dataset, &folder, network, device.clone())?;
        train(trainer, &log)
    });
    conclude(trained, &mut provenance, &folder)
}

/// Trains to the end. Highest top-1 accuracy on the test images in percent, and its epoch.
pub fn train(mut trainer: Trainer<'_>, log: &Log) -> Result<Option<(f64, usize)>> {
    trainer.train(&mut EpochBar::new(log))?;
    Ok(trainer.best())
}

/// Records how training ended.
pub fn conclude(trained: Result<Option<(f64, usize)>>, provenance: &mut Provenance, folder: &RunFolder) -> Result<()> {
    let outcome = match &trained {
        Ok(_) => Outcome::Completed,
        Err(error) => Outcome::Failed(error.to_string()),
    };
    provenance.finish(outcome);
    provenance.save(&folder.provenance())?;
    if let Some((top1, epoch)) = trained? {
        info!("best top-1 {top1:.2} % after epoch {epoch} (chosen on the test images)");
    }
    info!("done: {}", folder.path().display());
    Ok(())
}

/// Sets the number of worker threads and returns it.
pub fn start_threads(experiment: &Experiment) -> Result<usize> {
    if let Some(threads) = experiment.training.threads {
        let built = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        built.map_err(|e| Error::Device(format!("cannot start {threads} threads: {e}")))?;
    }
    Ok(rayon::current_num_threads())
}
