//! A new run, or the one of the same name and config that is not complete.

use super::resume::go_on;
use super::{SessionEnd, SessionOptions, train_to_end};
use crate::config;
use crate::error::Result;
use crate::experiment::{Experiment, InitialWeights};
use crate::files::atomic::write_atomically;
use crate::files::weights;
use crate::ops::device;
use crate::run::RunFolder;
use crate::run::identity::{self, RunQuery};
use crate::run::initial_weights;
use crate::run::provenance::{Git, Provenance, SessionRecord};
use crate::system::threads;
use crate::train::memory_check::refuse_what_does_not_fit;
use crate::train::resumption::Continuation;
use crate::train::{self, Trainer};
use std::path::Path;
use tracing::{info, warn};

/// Trains the run that the file `config` and values in place of its own describe.
///
/// # Errors
/// [`Error::Interrupted`](crate::error::Error::Interrupted) when it was asked to stop: all is saved then. Before the
/// run folder appears: mistakes of the config, data or weights that cannot be used, more memory than there is.
pub fn start(config: &Path, overrides: &[String], options: SessionOptions<'_>) -> Result<SessionEnd> {
    let mut checked = Experiment::load(config, overrides)?;
    checked.experiment.make_paths_absolute();
    let experiment = &checked.experiment;
    let threads = threads::start(experiment.training.threads);
    // Until there is a run folder and its own lock, so that two of the same name do not both begin.
    let wait = || RunFolder::wait_for_name(options.runs, &experiment.name, &options.stop);
    let name = options.resume_or_start.then(wait).transpose()?;
    if options.resume_or_start {
        let found = identity::find(options.runs, &RunQuery { experiment, set: &[], any_seed: false })?;
        if let Some(folder) = found.run {
            let lock = folder.take_lock()?;
            drop(name);
            let continued = Continuation { checked, longer: None };
            return go_on(&folder, lock, &continued, threads, options);
        }
        if let Some((folder, differ)) = found.other {
            info!("{} is another experiment ({}): a new version is begun", folder.path().display(), differ.join("; "));
        }
    }

    let device = experiment.training.open_device()?;
    refuse_what_does_not_fit(&checked, &device, options.insist)?;
    // Everything that can be wrong with the data or the weights is found before a folder appears.
    let dataset = experiment.load_data()?;
    // The data set has taken its part.
    refuse_what_does_not_fit(&checked, &device, options.insist)?;
    let mut network = train::initial_network(&checked, &device)?;
    let (git, uncommitted) = Git::read(Path::new("."), experiment.provenance.git);
    let data = dataset.checksums.clone();
    let mut provenance = Provenance::begin(experiment.seed, &device::name(&device), threads, data, git);
    let sha256 = |weights: &InitialWeights| weights::sha256(&initial_weights::file(weights.path())?);
    provenance.sweep = options.sweep.clone();
    provenance.initial_weights = experiment.training.initial_weights.as_ref().map(sha256).transpose()?;

    let (folder, _lock) = RunFolder::create_with(options.runs, &experiment.name, |folder| {
        write_atomically(&folder.config(), experiment.to_toml()?.as_bytes())?;
        uncommitted.write(&folder.uncommitted_diff())?;
        provenance.save(&folder.provenance())?;
        train::save_initial_checkpoint(experiment, &dataset, folder, &mut network)
    })?;
    drop(name);
    options.tell(&folder);
    options.log.write_to(&folder.log())?;
    info!("{} -> {}", config.display(), folder.path().display());
    let (images, test) = (dataset.train.len(), dataset.test.len());
    let on = provenance.sessions.last().map_or_else(|| device::name(&device), SessionRecord::computed_on);
    let parameters = checked.plan.parameters();
    let held = experiment.holdout(&dataset)?.map_or(0, |holdout| holdout.validation.len());
    let held_text = if held == 0 { String::new() } else { format!(", {held} validation") };
    let images = images.saturating_sub(held);
    info!("{images} training{held_text} and {test} test images, {parameters} parameters, {on}, {threads} threads");
    if let Some(kind) = experiment.network.without_spikes() {
        let (steps, encoder) = (experiment.network.time_steps, experiment.network.encoder.kind().name());
        info!("{kind}; time-steps: {steps}, encoder: {encoder}");
    }
    for warning in [config::overruled(overrides), experiment.warnings()].concat() {
        warn!("{warning}");
    }

    let trainer =
        || Ok(Trainer::begin(experiment, &dataset, &folder, network, device.clone())?.until(options.stop.clone()));
    train_to_end(trainer, &checked, &device, &mut provenance, &folder, options.log)
}
