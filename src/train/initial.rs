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
    let (model, optimizer) = (network.state(), Optimizer::new(&experiment.optimizer).state()?);
    let (progress, records) = (first_progress(experiment, dataset)?, Records::nothing());
    let contents =
        CheckpointContents { model: &model, optimizer: &optimizer, progress: &progress, records: Some(&records) };
    checkpoint::save(&folder.checkpoint(CheckpointKind::Last), contents)
}
