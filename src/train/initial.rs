//! What a run begins with: its network, and a checkpoint of it before the first step.

use super::state::first_progress;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, ChosenWeights, Experiment, InitialWeights};
use crate::network::Network;
use crate::optimizers::Optimizer;
use crate::run::checkpoint::{self, CheckpointContents};
use crate::run::initial_weights;
use crate::run::records::Records;
use crate::run::{CheckpointKind, RunFolder};
use candle_core::Device;

/// A network with the weights that its run starts from.
///
/// # Errors
/// When `training.initial_weights` does not fit, or is not finite.
pub fn initial_network(checked: &CheckedExperiment, device: &Device) -> Result<Network> {
    let mut network = build_network(checked, device)?;
    match &checked.experiment.training.initial_weights {
        None => {}
        Some(InitialWeights::All(path)) => network.load_file(&initial_weights::file(path)?)?,
        Some(InitialWeights::Chosen(ChosenWeights { from, only, except, .. })) => {
            network.load_some(&initial_weights::file(from)?, only.as_deref(), except).map_err(placed)?;
        }
    }
    Ok(network)
}

/// A run's network with the weights that `network.init` draws, and the layers frozen that are not trained.
///
/// # Errors
/// [`Error::Weights`] when `training.initial_weights.freeze` names no layer, or all that learn.
pub(super) fn build_network(checked: &CheckedExperiment, device: &Device) -> Result<Network> {
    let CheckedExperiment { experiment, plan, .. } = checked;
    let mut network = Network::build(&experiment.network, plan.clone(), experiment.seed, device)?;
    network.set_firing_rate(experiment.training.firing_rate);
    let frozen = experiment.training.initial_weights.as_ref().map_or(&[][..], InitialWeights::frozen);
    if !frozen.is_empty() {
        network.freeze(frozen).map_err(placed)?;
    }
    Ok(network)
}

/// An error about a name, after the key that holds the name.
fn placed(error: Error) -> Error {
    match error {
        Error::Weights(problem) => Error::Weights(format!("training.initial_weights: {problem}")),
        other => other,
    }
}

/// Saves the checkpoint that a run begins with, so that a run folder is never without one: weights as they were drawn
/// or given, and no step done.
///
/// # Errors
/// As [`checkpoint::save`].
pub fn save_initial_checkpoint(
    experiment: &Experiment,
    dataset: &Dataset,
    folder: &RunFolder,
    network: &mut Network,
) -> Result<()> {
    save_untrained(experiment, dataset, folder, network, &[CheckpointKind::Last])
}

/// Saves both checkpoints of a run that is not trained: its weights come from elsewhere.
///
/// # Errors
/// As [`checkpoint::save`].
pub fn save_checkpoints_untrained(
    experiment: &Experiment,
    dataset: &Dataset,
    folder: &RunFolder,
    network: &mut Network,
) -> Result<()> {
    save_untrained(experiment, dataset, folder, network, &[CheckpointKind::Last, CheckpointKind::Best])
}

fn save_untrained(
    experiment: &Experiment,
    dataset: &Dataset,
    folder: &RunFolder,
    network: &mut Network,
    which: &[CheckpointKind],
) -> Result<()> {
    let (model, optimizer) = (network.state(), Optimizer::new(&experiment.optimizer).state()?);
    let (progress, records) = (first_progress(experiment, dataset)?, Records::nothing());
    let of_last = |which| (which == CheckpointKind::Last).then_some(&records);
    which.iter().try_for_each(|&which| {
        let (model, optimizer, progress) = (&model, &optimizer, &progress);
        let contents = CheckpointContents { model, optimizer, progress, records: of_last(which) };
        checkpoint::save(&folder.checkpoint(which), contents)
    })
}
