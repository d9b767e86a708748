//! What a run begins with: its network, and a checkpoint of it before the first step.

use super::state::first_progress;
use crate::data::Dataset;
use crate::error::Result;
use crate::experiment::{CheckedExperiment, Experiment};
use crate::network::Network;
use crate::optimizers::Optimizer;
use crate::run::checkpoint::{self, CheckpointContents};
use crate::run::records::Records;
use crate::run::{CheckpointKind, RunFolder};
use candle_core::Device;

/// A network with the weights that its run starts from.
///
/// # Errors
/// When `training.initial_weights` does not fit, or is not finite.
pub fn initial_network(checked: &CheckedExperiment, device: &Device) -> Result<Network> {
    let CheckedExperiment { experiment, plan, .. } = checked;
    let mut network = Network::build(&experiment.network, plan.clone(), experiment.seed, device)?;
    if let Some(path) = &experiment.training.initial_weights {
        network.load_file(path)?;
    }
    Ok(network)
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
