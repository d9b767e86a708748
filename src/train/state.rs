//! What is trained: the network, the optimizer's moments, how far both are, and the sums of the epoch at work.

use super::epoch::EpochSums;
use super::initial::build_network;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, Experiment};
use crate::files::atomic::sha256_hex;
use crate::network::Network;
use crate::ops::cross_entropy::BatchScore;
use crate::ops::finite;
use crate::optimizers::{Optimizer, TrainingPosition};
use crate::run::checkpoint::{self, Checkpoint, TrainingProgress};
use crate::run::identity;
use crate::run::metrics::SplitMetrics;
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;

/// All that a checkpoint holds and a training step changes.
pub struct TrainingState {
    pub network: Network,
    pub optimizer: Optimizer,
    pub progress: TrainingProgress,
    /// The sums of the epoch that is not over.
    pub sums: EpochSums,
}

/// Tensors by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// What to try when training left the finite numbers.
const ADVICE: &str = "; stopped before any checkpoint of it: try a lower learning rate, a warmup or training.clip";

impl TrainingState {
    /// Before the first step.
    pub fn new(experiment: &Experiment, dataset: &Dataset, network: Network) -> Result<Self> {
        let progress = first_progress(experiment, dataset)?;
        Ok(Self { network, optimizer: Optimizer::new(&experiment.optimizer), progress, sums: EpochSums::default() })
    }

    /// As a checkpoint of a run that trains on so many images has it.
    ///
    /// # Errors
    /// [`Error::Weights`] for a checkpoint of another network, optimizer or data set.
    pub fn from_checkpoint(
        checked: &CheckedExperiment,
        images: usize,
        checkpoint: Checkpoint,
        device: &Device,
    ) -> Result<Self> {
        let CheckedExperiment { experiment, .. } = checked;
        let Checkpoint { model, optimizer: moments, progress, folder } = checkpoint;
        let mut network = build_network(checked, device)?;
        checkpoint::matching(&network.state_shapes(), &model, &folder.join("model.safetensors"))?;
        network.load_state(&model)?;
        let mut optimizer = Optimizer::new(&experiment.optimizer);
        let shapes = network.trained_parameters().into_iter().map(|(name, p)| (name, p.value.dims().to_vec()));
        optimizer.load_state(&moments, &shapes.collect::<Vec<_>>())?;
        let batch = experiment.data.batch_size;
        let steps = images.checked_div(batch).unwrap_or_default();
        progress.check(experiment.training.epochs, steps, batch).map_err(|problem| {
            Error::Weights(format!("the checkpoint {} does not belong to this run: {problem}.", folder.display()))
        })?;
        let sums = progress.partial.as_ref().map(|partial| EpochSums::from_partial(partial, device)).transpose()?;
        Ok(Self { network, optimizer, progress, sums: sums.unwrap_or_default() })
    }

    /// Counts a step as done, and its images into the epoch's sums.
    pub fn count_step(&mut self, position: TrainingPosition, score: &BatchScore) {
        self.sums.score.add(score);
        self.progress.step = position.step + 1;
        self.progress.global_step += 1;
    }

    /// Counts an epoch as done. Whether its accuracy is the best so far, on the images by which the best is chosen.
    pub fn end_epoch(&mut self, evaluated: Option<&SplitMetrics>) -> bool {
        let progress = &mut self.progress;
        self.sums = EpochSums::default();
        (progress.epoch, progress.step, progress.partial) = (progress.epoch + 1, 0, None);
        let better = |found: &&SplitMetrics| progress.best_top1.is_none_or(|best| found.top1 > best);
        let Some(found) = evaluated.filter(better) else { return false };
        (progress.best_top1, progress.best_epoch) = (Some(found.top1), Some(progress.epoch));
        true
    }

    /// The tensors of the network and of the optimizer.
    ///
    /// # Errors
    /// [`Error::Diverged`] when one of them is not finite, or a learned threshold not above 0: neither evaluated nor
    /// saved.
    pub fn tensors(&mut self) -> Result<(Tensors, Tensors)> {
        let (model, optimizer) = (self.network.state(), self.optimizer.state()?);
        let not_finite = finite::first(model.iter().chain(&optimizer))?.map(|place| place.to_string());
        match not_finite.or(self.network.unfit_threshold()?) {
            None => Ok((model, optimizer)),
            Some(problem) => Err(self.diverged(&problem)),
        }
    }

    /// A step's error, with its cause where a learned threshold is it.
    pub fn explained(&self, error: Error) -> Error {
        match (error, self.network.unfit_threshold()) {
            (Error::Diverged(problem), Ok(Some(cause))) => Error::Diverged(format!("{problem}. The cause: {cause}")),
            (error, _) => error,
        }
    }

    /// What to say of numbers that are not finite.
    pub fn diverged(&self, problem: &str) -> Error {
        Error::Diverged(format!("{}: {problem}{ADVICE}", self.place()))
    }

    /// "after step 12 of epoch 3", the last that is done.
    pub fn place(&self) -> String {
        match (self.progress.epoch, self.progress.step) {
            (0, 0) => "before the first step".into(),
            (epoch, 0) => format!("after epoch {epoch}"),
            (epoch, step) => format!("after step {step} of epoch {}", epoch + 1),
        }
    }
}

/// The progress of a run that has not done a step.
pub fn first_progress(experiment: &Experiment, dataset: &Dataset) -> Result<TrainingProgress> {
    let config_sha256 = sha256_hex(experiment.to_toml()?.as_bytes());
    Ok(TrainingProgress::new(&experiment.name, &config_sha256, &identity::data_sha256(&dataset.checksums)))
}
