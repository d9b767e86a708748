//! Running statistics estimated again, with weights that do not change.
//!
//! While a network trains, its running statistics follow those of batches of weights that have moved since. Estimated
//! again they are the mean, over N batches, of the batch statistics of one set of weights (of the variance, the
//! unbiased one): "precise" statistics. Source: Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3.
//!
//! The images are training images (without those held out) in the order of the epoch after the checkpoint's, without
//! augmentation, for what is evaluated is not augmented; dropout drops as in training. Layers that are frozen keep the
//! statistics that they have.

use super::initial::build_network;
use crate::data::{Batches, DataConfig, Dataset, SplitImages};
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, Experiment};
use crate::network::Network;
use crate::run::checkpoint::{self, Checkpoint, CheckpointContents};
use crate::run::{CheckpointKind, RunFolder};
use crate::terminal::logging::Log;
use crate::terminal::progress::BatchBar;
use candle_core::Device;
use std::thread;

/// A network whose running statistics were estimated again.
pub struct Recalibration {
    /// As the checkpoint had it.
    pub before: Network,
    pub after: Network,
    /// Of the checkpoint.
    pub epoch: usize,
    /// Over which the statistics are the mean.
    pub batches: usize,
    checkpoint: Checkpoint,
}

/// Estimates the statistics of a checkpoint of `run` over at most `most` batches, which the screen of `log` shows.
/// Nothing is written.
///
/// # Errors
/// [`Error::Weights`] for a checkpoint that cannot be used or a network without running statistics; [`Error::Data`] for
/// batches larger than the training images.
pub fn recalibrate(
    checked: &CheckedExperiment,
    run: &RunFolder,
    which: CheckpointKind,
    dataset: &Dataset,
    most: usize,
    (device, log): (&Device, &Log),
) -> Result<Recalibration> {
    let folder = run.checkpoint(which);
    let checkpoint = checkpoint::load(&folder, device)?;
    let mut networks = [build_network(checked, device)?, build_network(checked, device)?];
    checkpoint::matching(&networks[0].state_shapes(), &checkpoint.model, &folder.join("model.safetensors"))?;
    for network in &mut networks {
        network.load_state(&checkpoint.model)?;
    }
    let [before, mut after] = networks;
    if !checkpoint.model.keys().any(|name| name.ends_with(".running_mean")) {
        return Err(Error::Weights(format!(
            "{}: no norm of the network has running statistics.",
            run.path().display()
        )));
    }
    let epoch = checkpoint.progress.epoch;
    let batches = follow(&mut after, &checked.experiment, dataset, epoch, most, (device, log))?;
    Ok(Recalibration { before, after, epoch, batches, checkpoint })
}

/// Forward passes whose statistics the running ones are the mean of; how many they were.
fn follow(
    network: &mut Network,
    experiment: &Experiment,
    dataset: &Dataset,
    epoch: usize,
    most: usize,
    (device, log): (&Device, &Log),
) -> Result<usize> {
    let data = DataConfig { augment: None, ..experiment.data.clone() };
    let holdout = experiment.holdout(dataset)?;
    let images = match &holdout {
        None => SplitImages::from(&dataset.train),
        Some(holdout) => SplitImages::at(&dataset.train, &holdout.training),
    };
    let batches = Batches::train(images, &data, experiment.seed, epoch, device)?;
    let count = batches.steps().min(most);
    let bar = BatchBar::new(log, "training images", count);
    let done = |batches| bar.done(batches);
    let batches = batches.telling(&done);
    thread::scope(|scope| {
        for (number, batch) in (1..=count).zip(batches.prefetch(scope, 0)) {
            let batch = batch?;
            network.set_momentum(1.0 / number as f64);
            network.forward(&batch.inputs, epoch, &batch.indices, &mut ())?;
        }
        Ok::<_, Error>(())
    })?;
    Ok(count)
}

impl Recalibration {
    /// Saves the network as the run's checkpoint `recalibrated`, beside the others; one of before is replaced.
    ///
    /// # Errors
    /// As [`checkpoint::save`].
    pub fn save(&self, run: &RunFolder) -> Result<()> {
        let (model, Checkpoint { optimizer, progress, .. }) = (self.after.state(), &self.checkpoint);
        let contents = CheckpointContents { model: &model, optimizer, progress, records: None };
        checkpoint::save(&run.checkpoint(CheckpointKind::Recalibrated), contents)
    }
}
