//! The training loop.

pub mod bench;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod doctor;
mod epoch;
pub mod evaluate;
pub mod fit;
mod health;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod resumption;
pub mod selftest;
mod step;

pub use step::{StepOutput, step};

use crate::data::{Batches, Dataset, DeviceDataset};
use crate::error::StopReason;
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, Experiment};
use crate::files::atomic::sha256_hex;
use crate::network::Network;
use crate::ops::finite;
use crate::optimizers::{Optimizer, TrainingPosition};
use crate::run::checkpoint::{self, Checkpoint, CheckpointContents, TrainingProgress};
use crate::run::identity;
use crate::run::metrics::{self, EpochMetrics, Metrics};
use crate::run::records::{Records, VerifiedRecords};
use crate::run::tensorboard::EventFile;
use crate::run::{CheckpointKind, RunFolder};
use crate::system::signals::Stop;
use crate::terminal::progress::EpochBar;
use crate::train::evaluate::evaluate;
use candle_core::{Device, Tensor};
use epoch::Epoch;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tracing::{info, warn};

/// Steps whose losses are read from a GPU together.
const READ_EVERY: usize = 25;

/// Everything that moves while a run trains.
pub struct Trainer<'a> {
    experiment: &'a Experiment,
    dataset: &'a Dataset,
    /// The training and the test images on the device, where batches are made there.
    resident: Arc<[Option<DeviceDataset>; 2]>,
    folder: &'a RunFolder,
    device: Device,
    network: Network,
    optimizer: Optimizer,
    metrics: Metrics,
    events: Option<EventFile>,
    progress: TrainingProgress,
    /// The sums of the epoch that is not over.
    seen: Epoch,
    saved: LastCheckpoint,
    stop: Stop,
}

/// When the last checkpoint was saved.
struct LastCheckpoint {
    global_step: u64,
    time: Instant,
}

/// How training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainingEnd {
    Completed,
    /// Asked to stop, with a checkpoint of the last step.
    Interrupted(StopReason),
}

/// A network with the weights that its run starts from.
///
/// # Errors
/// When `training.initial_weights` does not fit, or is not finite.
pub fn start(checked: &CheckedExperiment, device: &Device) -> Result<Network> {
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
pub fn save_start(experiment: &Experiment, dataset: &Dataset, folder: &RunFolder, network: &mut Network) -> Result<()> {
    let (model, optimizer) = (network.state(), Optimizer::new(&experiment.optimizer).state()?);
    let (progress, records) = (first_progress(experiment, dataset)?, Records::nothing());
    let contents =
        CheckpointContents { model: &model, optimizer: &optimizer, progress: &progress, records: Some(&records) };
    checkpoint::save(&folder.checkpoint(CheckpointKind::Last), contents)
}

fn first_progress(experiment: &Experiment, dataset: &Dataset) -> Result<TrainingProgress> {
    let config_sha256 = sha256_hex(experiment.to_toml()?.as_bytes());
    Ok(TrainingProgress::new(&experiment.name, &config_sha256, &identity::data_sha256(&dataset.checksums)))
}

/// Both splits on `device`, where it is a GPU with room for them; training images that are to be turned stay here.
fn resident(experiment: &Experiment, dataset: &Dataset, device: &Device) -> Result<[Option<DeviceDataset>; 2]> {
    let upload = |split| DeviceDataset::upload(split, &experiment.data, device);
    let turned = experiment.data.augment.as_ref().is_some_and(|augment| augment.affine.is_some());
    Ok([if turned { None } else { upload(&dataset.train)? }, upload(&dataset.test)?])
}

impl<'a> Trainer<'a> {
    /// A run from its beginning.
    pub fn begin(
        experiment: &'a Experiment,
        dataset: &'a Dataset,
        folder: &'a RunFolder,
        network: Network,
        device: Device,
    ) -> Result<Self> {
        let optimizer = Optimizer::new(&experiment.optimizer);
        let progress = first_progress(experiment, dataset)?;
        Self::at(experiment, dataset, folder, (network, optimizer, progress), VerifiedRecords::nothing(), device)
    }

    /// A run from `checkpoint`, whose `records` were verified.
    ///
    /// # Errors
    /// [`Error::Weights`] for a checkpoint of another network, optimizer or data set; nothing is changed then.
    pub fn resume(
        checked: &'a CheckedExperiment,
        dataset: &'a Dataset,
        folder: &'a RunFolder,
        (checkpoint, records): (Checkpoint, VerifiedRecords),
        device: Device,
    ) -> Result<Self> {
        let CheckedExperiment { experiment, plan, .. } = checked;
        let Checkpoint { model, optimizer: moments, progress, folder: path } = checkpoint;
        let mut network = Network::build(&experiment.network, plan.clone(), experiment.seed, &device)?;
        checkpoint::matching(&network.state_shapes(), &model, &path.join("model.safetensors"))?;
        network.load_state(&model)?;
        let mut optimizer = Optimizer::new(&experiment.optimizer);
        let shapes = network.parameters().into_iter().map(|(name, p)| (name, p.value.dims().to_vec()));
        optimizer.load_state(&moments, &shapes.collect::<Vec<_>>())?;
        let batch = experiment.data.batch_size;
        let steps = dataset.train.len().checked_div(batch).unwrap_or_default();
        progress.check(experiment.training.epochs, steps, batch).map_err(|problem| {
            Error::Weights(format!("the checkpoint {} does not belong to this run: {problem}.", path.display()))
        })?;
        Self::at(experiment, dataset, folder, (network, optimizer, progress), records, device)
    }

    fn at(
        experiment: &'a Experiment,
        dataset: &'a Dataset,
        folder: &'a RunFolder,
        (network, optimizer, progress): (Network, Optimizer, TrainingProgress),
        records: VerifiedRecords,
        device: Device,
    ) -> Result<Self> {
        let resident = Arc::new(resident(experiment, dataset, &device)?);
        let seen =
            progress.partial.as_ref().map_or(Ok(Epoch::default()), |partial| Epoch::from_partial(partial, &device))?;
        // Nothing is cut off before all that could refuse the run has been read.
        let metrics = Metrics::open(folder, records)?;
        let events = match experiment.training.tensorboard {
            true => Some(EventFile::begin(folder, &metrics::read(&folder.metrics_jsonl())?)?),
            false => None,
        };
        let saved = LastCheckpoint { global_step: progress.global_step, time: Instant::now() };
        let stop = Stop::never();
        Ok(Self {
            experiment,
            dataset,
            resident,
            folder,
            device,
            network,
            optimizer,
            metrics,
            events,
            progress,
            seen,
            saved,
            stop,
        })
    }

    /// The same, to stop when `signals` asks for it.
    pub fn until(self, stop: Stop) -> Self {
        Self { stop, ..self }
    }

    /// Epochs completed.
    pub fn epochs_done(&self) -> usize {
        self.progress.epoch
    }

    /// Trains to the last epoch. Weights are on disk after every epoch, as often in between as
    /// `training.checkpoint_every` says, and when training is asked to stop.
    pub fn train(&mut self, bar: &mut EpochBar) -> Result<TrainingEnd> {
        self.train_until(self.experiment.training.epochs, bar)
    }

    /// Trains until `end` epochs are done.
    pub fn train_until(&mut self, end: usize, bar: &mut EpochBar) -> Result<TrainingEnd> {
        let epochs = self.experiment.training.epochs;
        while self.progress.epoch < end.min(epochs) {
            let epoch = self.progress.epoch;
            if let (Some(reason), 0) = (self.stop.requested(), self.progress.step) {
                // Between two epochs everything is saved; before the first there is nothing to save.
                return Ok(TrainingEnd::Interrupted(reason));
            }
            if let Some(reason) = self.train_epoch(epoch, bar)? {
                return Ok(TrainingEnd::Interrupted(reason));
            }
            // Before anything is scored or written of what is not finite.
            self.state()?;
            let (training_seconds, started) = (self.seen.seconds, Instant::now());
            let due = (epoch + 1).is_multiple_of(self.experiment.training.evaluate_every) || epoch + 1 == epochs;
            let test = if due { self.evaluate()? } else { None };
            if let (true, None, Some(reason)) = (due, &test, self.stop.requested()) {
                // All steps are done, the evaluation is not.
                self.save_inside_epoch()?;
                return Ok(TrainingEnd::Interrupted(reason));
            }
            self.seen.seconds += started.elapsed().as_secs_f64();

            let better = test.as_ref().is_some_and(|test| self.progress.best_top1.is_none_or(|best| test.top1 > best));
            if let (true, Some(test)) = (better, &test) {
                (self.progress.best_top1, self.progress.best_epoch) = (Some(test.top1), Some(epoch + 1));
            }
            let line = self.seen.metrics(epoch + 1, test, training_seconds)?;
            self.metrics.epoch(&line)?;
            if let Some(events) = &mut self.events {
                events.epoch(&line)?;
            }
            self.seen = Epoch::default();
            self.progress = TrainingProgress { epoch: epoch + 1, step: 0, partial: None, ..self.progress.clone() };
            // `last` comes last: a run that dies in between repeats the epoch and writes the same `best` again.
            if better {
                self.save(CheckpointKind::Best)?;
            }
            self.save(CheckpointKind::Last)?;
            info!("{}", describe(&line, epochs));
            health::warnings(&line.firing_rates).iter().for_each(|warning| warn!("epoch {}: {warning}", line.epoch));
        }
        Ok(TrainingEnd::Completed)
    }

    /// "after step 12 of epoch 3", the last that is done.
    pub fn place(&self) -> String {
        match (self.progress.epoch, self.progress.step) {
            (0, 0) => "before the first step".into(),
            (epoch, 0) => format!("after epoch {epoch}"),
            (epoch, step) => format!("after step {step} of epoch {}", epoch + 1),
        }
    }

    /// Highest top-1 accuracy on the test images in percent, and its epoch counted from 1.
    pub fn best(&self) -> Option<(f64, usize)> {
        self.progress.best_top1.zip(self.progress.best_epoch)
    }

    /// The steps of an epoch that are not done yet; why it stopped, if it was asked to before the last of them.
    fn train_epoch(&mut self, epoch: usize, bar: &mut EpochBar) -> Result<Option<StopReason>> {
        let Experiment { data, training, optimizer, schedule, seed, .. } = self.experiment;
        let (dataset, device, resident) = (self.dataset, self.device.clone(), Arc::clone(&self.resident));
        let batches =
            Batches::train(&dataset.train, data, *seed, epoch, &device)?.with_device_cache(resident[0].as_ref());
        let (first, steps) = (self.progress.step, batches.steps());
        // A GPU works ahead of the program; asking it for a loss makes both wait.
        let read_every = if device.is_cpu() { 1 } else { READ_EVERY };
        bar.resume_epoch(epoch + 1, training.epochs, steps, first);
        let stopped = batches.prefetch(first, |batches| {
            let (mut unread, mut time) = (Vec::new(), Instant::now());
            for (number, batch) in (first..).zip(batches) {
                let now = TrainingPosition { epoch, epochs: training.epochs, step: number, steps };
                let lr = optimizer.lr() * schedule.factor(now);
                let step = step(&mut self.network, &mut self.optimizer, &batch?, now, lr, training, &mut ())?;
                self.seen.fired(&step.activity, lr)?;
                unread.push(step);
                let (last, stop) = (number + 1 == steps, self.stop.requested());
                let due = self.is_checkpoint_due(number + 1) && !last;
                if unread.len() < read_every && !last && !due && stop.is_none() {
                    continue;
                }
                for step in unread.drain(..) {
                    self.record_step(&step, bar)?;
                }
                self.seen.seconds += std::mem::replace(&mut time, Instant::now()).elapsed().as_secs_f64();
                if due || stop.is_some() {
                    self.save_inside_epoch()?;
                }
                if stop.is_some() {
                    return Ok(stop);
                }
            }
            Ok(None)
        });
        bar.finish_epoch();
        stopped
    }

    /// Reads what a step saw and counts it as done.
    fn record_step(&mut self, step: &StepOutput, bar: &mut EpochBar) -> Result<()> {
        let score = step.read_score()?;
        self.seen.score.add(&score);
        self.metrics.step(step.now.epoch + 1, step.now.step + 1, score.loss())?;
        self.progress.step = step.now.step + 1;
        self.progress.global_step += 1;
        bar.step(self.seen.score.loss(), self.seen.score.top1_percent());
        Ok(())
    }

    /// Whether one is due after step number `step` of the epoch, counted from 1, be it read or not.
    fn is_checkpoint_due(&self, step: usize) -> bool {
        let done = self.progress.global_step + (step - self.progress.step) as u64;
        let steps = (done - self.saved.global_step) as usize;
        self.experiment.training.checkpoint_every.is_due(steps, self.saved.time.elapsed())
    }

    /// Scores on the test images; nothing when it was asked to stop before the end.
    ///
    /// # Errors
    /// [`Error::Diverged`] when what comes of them is not finite.
    fn evaluate(&mut self) -> Result<Option<crate::run::metrics::SplitMetrics>> {
        let effort = evaluate::effort(self.experiment, &mut self.network)?;
        if self.experiment.training.early_exit.is_some() {
            info!("evaluating {} of {} time-steps", effort.time_steps, self.experiment.network.time_steps);
        }
        let batches = Batches::evaluate(&self.dataset.test, &self.experiment.data, &self.device)?;
        let batches = batches.with_device_cache(self.resident[1].as_ref());
        let evaluation = evaluate(&self.network, &batches, effort, &self.stop).map_err(|error| match error {
            Error::Diverged(problem) => Error::Diverged(format!("{}: {problem}{ADVICE}", self.place())),
            other => other,
        })?;
        Ok(evaluation.map(|evaluation| epoch::scores(&evaluation.score)))
    }

    /// The tensors of the network and of the optimizer.
    ///
    /// # Errors
    /// [`Error::Diverged`] when one of them is not finite: neither evaluated nor saved.
    fn state(&mut self) -> Result<(Tensors, Tensors)> {
        let (model, optimizer) = (self.network.state(), self.optimizer.state()?);
        match finite::first(model.iter().chain(&optimizer))? {
            None => Ok((model, optimizer)),
            Some(place) => Err(Error::Diverged(format!("{}: {place}{ADVICE}", self.place()))),
        }
    }

    /// A checkpoint of the last step, the lines of all steps on disk before it.
    fn save_inside_epoch(&mut self) -> Result<()> {
        self.metrics.flush()?;
        self.progress.partial = Some(self.seen.to_partial()?);
        self.save(CheckpointKind::Last)
    }

    fn save(&mut self, which: CheckpointKind) -> Result<()> {
        let (model, optimizer) = self.state()?;
        let records = (which == CheckpointKind::Last).then(|| self.metrics.records());
        let contents = CheckpointContents {
            model: &model,
            optimizer: &optimizer,
            progress: &self.progress,
            records: records.as_ref(),
        };
        checkpoint::save(&self.folder.checkpoint(which), contents)?;
        self.saved = LastCheckpoint { global_step: self.progress.global_step, time: Instant::now() };
        Ok(())
    }
}

/// What to try when training left the finite numbers.
const ADVICE: &str = "; stopped before any checkpoint of it: try a lower learning rate, a warmup or training.clip";

type Tensors = BTreeMap<String, Tensor>;

fn describe(line: &EpochMetrics, epochs: usize) -> String {
    let test = line.test.as_ref().map_or(String::new(), |test| {
        format!("  test loss {:.4} top-1 {:.2} % top-5 {:.2} %", test.loss, test.top1, test.top5)
    });
    format!(
        "epoch {}/{epochs}  train loss {:.4} top-1 {:.2} %{test}  lr {:.2e}  {:.0} images/s",
        line.epoch, line.train.loss, line.train.top1, line.lr, line.images_per_second
    )
}
