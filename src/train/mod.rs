//! The training loop: back-propagation through time, epoch by epoch.
//!
//! [`Trainer::train_until`] is the loop. What is trained is in `state::TrainingState`, what is written in
//! `output::RunOutput`; one step, from a batch to moved weights, is [`step`]. [`session`] starts, resumes and refuses
//! runs.

// Counts of epochs and steps, which the checks of the config keep far below their types.
#![allow(clippy::arithmetic_side_effects)]

pub mod bench;
pub mod doctor;
mod epoch;
pub mod evaluate;
mod final_test;
pub mod health;
mod initial;
pub mod longer;
pub mod memory_check;
mod output;
pub mod recalibrate;
pub mod resumption;
pub mod selftest;
pub mod session;
mod state;
mod step;
pub mod timing;

pub use initial::{initial_network, save_checkpoints_untrained, save_initial_checkpoint};
pub use step::{StepOutput, step};

use crate::data::{AugmentConfig, Batches, Dataset, DeviceDataset, Holdout, SplitImages};
use crate::error::{Error, Result, StopReason};
use crate::experiment::{CheckedExperiment, Experiment, TrainingConfig};
use crate::network::Network;
use crate::optimizers::TrainingPosition;
use crate::run::checkpoint::{Checkpoint, TrainingProgress};
use crate::run::metrics::{ChosenOn, EpochMetrics, SplitMetrics};
use crate::run::records::VerifiedRecords;
use crate::run::{CheckpointKind, RunFolder};
use crate::system::signals::Stop;
use crate::terminal::progress::{EpochBar, EvaluationBatches};
use candle_core::Device;
use output::RunOutput;
use state::TrainingState;
use std::thread;
use std::time::Instant;
use tracing::{debug, info, warn};

/// Steps whose losses are read from a GPU together.
const READ_EVERY: usize = 25;

/// A run at work.
pub struct Trainer<'a> {
    experiment: &'a Experiment,
    dataset: &'a Dataset,
    device: Device,
    /// Which training images are trained on and which held out, where `data.validation` says so.
    holdout: Option<Holdout>,
    /// The training and the test images on the device, where batches are made there.
    device_data: [Option<DeviceDataset>; 2],
    stop: Stop,
    state: TrainingState,
    output: RunOutput<'a>,
}

/// How training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainingEnd {
    Completed,
    /// Asked to stop, with a checkpoint of the last step.
    Interrupted(StopReason),
}

/// Both splits on `device`, where it is a GPU with room for them; training images that the host changes stay here.
fn upload(experiment: &Experiment, dataset: &Dataset, device: &Device) -> Result<[Option<DeviceDataset>; 2]> {
    let upload = |split| DeviceDataset::upload(split, &experiment.data, device);
    let on_host = experiment.data.augment.as_ref().is_some_and(AugmentConfig::stays_on_host);
    Ok([if on_host { None } else { upload(&dataset.train)? }, upload(&dataset.test)?])
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
        let (holdout, state) = (experiment.holdout(dataset)?, TrainingState::new(experiment, dataset, network)?);
        Self::at(experiment, (dataset, holdout), folder, (state, VerifiedRecords::nothing()), device)
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
        let holdout = checked.experiment.holdout(dataset)?;
        let images = holdout.as_ref().map_or(dataset.train.len(), |holdout| holdout.training.len());
        let state = TrainingState::from_checkpoint(checked, images, checkpoint, &device)?;
        Self::at(&checked.experiment, (dataset, holdout), folder, (state, records), device)
    }

    fn at(
        experiment: &'a Experiment,
        (dataset, holdout): (&'a Dataset, Option<Holdout>),
        folder: &'a RunFolder,
        (state, records): (TrainingState, VerifiedRecords),
        device: Device,
    ) -> Result<Self> {
        let device_data = upload(experiment, dataset, &device)?;
        // Nothing is cut off before all that could refuse the run has been read.
        let output = RunOutput::open(experiment, folder, records, state.progress.global_step)?;
        Ok(Self { experiment, dataset, holdout, device, device_data, stop: Stop::never(), state, output })
    }

    /// The same, to stop when `stop` asks for it.
    pub fn until(self, stop: Stop) -> Self {
        Self { stop, ..self }
    }

    /// Epochs completed.
    pub fn epochs_done(&self) -> usize {
        self.state.progress.epoch
    }

    /// Trains to the last epoch, and with validation images reads the test images then, once. Weights are on disk after
    /// every epoch, as often in between as `training.checkpoint_every` says, and when training is asked to stop.
    ///
    /// # Errors
    /// [`Error::Diverged`] when a loss, a gradient, a weight or an evaluation is not finite: nothing of it is saved.
    /// [`Error::Io`] and [`Error::Run`] when something cannot be written.
    pub fn train(&mut self, bar: &mut EpochBar) -> Result<TrainingEnd> {
        match self.train_until(self.experiment.training.epochs, bar)? {
            TrainingEnd::Completed => final_test::run(self, bar),
            interrupted => Ok(interrupted),
        }
    }

    /// Trains until `end` epochs are done; see [`Trainer::train`].
    pub fn train_until(&mut self, end: usize, bar: &mut EpochBar) -> Result<TrainingEnd> {
        let Self { experiment, dataset, holdout, device, device_data, stop, state, output } = self;
        let [train_data, test_data] = &*device_data;
        // What is trained on, and what is evaluated after an epoch, by which the best is chosen.
        let (trained, held, held_data, on) = match &*holdout {
            None => (SplitImages::from(&dataset.train), SplitImages::from(&dataset.test), test_data, ChosenOn::Test),
            Some(Holdout { training, validation }) => {
                let [trained, held] = [training, validation].map(|places| SplitImages::at(&dataset.train, places));
                (trained, held, train_data, ChosenOn::Validation)
            }
        };
        let Experiment { data, training, optimizer, schedule, seed, .. } = *experiment;
        // Batches of an evaluation, and of the test at the end.
        let held_batches = held.len().div_ceil(data.batch_size);
        let test_batches = holdout.as_ref().map_or(0, |_| dataset.test.len().div_ceil(data.batch_size));
        // A GPU works ahead of the program; asking it for a loss makes both wait.
        let read_every = if device.is_cpu() { 1 } else { READ_EVERY };
        thread::scope(|scope| {
            while state.progress.epoch < end && !is_trained(training, &state.progress) {
                let epoch = state.progress.epoch;
                // Between two epochs everything is saved; before the first there is nothing to save.
                if state.progress.step == 0
                    && let Some(reason) = stop.requested()
                {
                    return Ok(TrainingEnd::Interrupted(reason));
                }

                let batches = Batches::train(trained, data, *seed, epoch, device)?;
                let batches = batches.with_device_cache(train_data.as_ref());
                let (first, steps) = (state.progress.step, batches.steps());
                let (mut unread, mut since_read) = (Vec::new(), Instant::now());
                let evaluation = EvaluationBatches {
                    after_epoch: if training.is_evaluated(epoch + 1) { held_batches } else { 0 },
                    later: training.evaluations_after(epoch + 1) * held_batches + test_batches,
                };
                bar.resume_epoch(epoch + 1, training.epochs, (steps, first), evaluation);
                for (number, batch) in (first..).zip(batches.prefetch(scope, first)) {
                    let position = TrainingPosition { epoch, epochs: training.epochs, step: number, steps };
                    let lr = optimizer.lr() * schedule.factor(position);
                    let batch = batch?;
                    // Forward, loss, backward, and the optimizer's move.
                    let step = step(&mut state.network, &mut state.optimizer, &batch, position, lr, training, &mut ())?;
                    state.sums.add_activity(&step.activity, lr)?;
                    unread.push(step);

                    let (is_last, interrupt) = (number + 1 == steps, stop.requested());
                    let is_due = !is_last && output.is_checkpoint_due(&state.progress, number + 1);
                    if unread.len() < read_every && !is_last && !is_due && interrupt.is_none() {
                        continue;
                    }
                    for step in unread.drain(..) {
                        let score = step.read_score().map_err(|error| state.explained(error))?;
                        output.step(step.position, score.loss())?;
                        state.count_step(step.position, &score);
                        bar.step(state.sums.score.loss(), state.sums.score.top1_percent());
                    }
                    state.sums.seconds += since_read.elapsed().as_secs_f64();
                    since_read = Instant::now();
                    if is_due || interrupt.is_some() {
                        output.save_inside_epoch(state)?;
                    }
                    if let Some(reason) = interrupt {
                        return Ok(TrainingEnd::Interrupted(reason));
                    }
                }
                // Before anything is scored or written of what is not finite.
                state.tensors()?;

                let (training_seconds, since_training) = (state.sums.seconds, Instant::now());
                let mut evaluated = None;
                if training.is_evaluated(epoch + 1) {
                    let batches = Batches::evaluate(held, data, device)?.with_device_cache(held_data.as_ref());
                    bar.start_evaluation();
                    evaluated = evaluate_held(experiment, state, &batches, stop, bar)?;
                    if evaluated.is_none()
                        && let Some(reason) = stop.requested()
                    {
                        // All steps are done, the evaluation is not.
                        output.save_inside_epoch(state)?;
                        return Ok(TrainingEnd::Interrupted(reason));
                    }
                }
                let evaluation_seconds = since_training.elapsed().as_secs_f64();
                state.sums.seconds += evaluation_seconds;
                debug!(
                    "epoch {}: {training_seconds:.2} s of training, {evaluation_seconds:.2} s of evaluation",
                    epoch + 1
                );
                bar.finish_epoch();

                let metrics = state.sums.metrics(epoch + 1, (evaluated, on), training_seconds)?;
                output.epoch(&metrics)?;
                let is_best = state.end_epoch(evaluated.as_ref());
                // `last` comes last: a run that dies in between repeats the epoch and writes the same `best` again.
                if is_best {
                    output.save(CheckpointKind::Best, state)?;
                }
                output.save(CheckpointKind::Last, state)?;
                info!("{}", describe(&metrics, training.epochs));
                for warning in health::warnings(&metrics.firing_rates) {
                    warn!("epoch {}: {warning}", metrics.epoch);
                }
            }
            if let Some(why) = training.early_end(state.progress.epoch, state.progress.best_epoch) {
                info!("{why}");
            }
            Ok(TrainingEnd::Completed)
        })
    }

    /// Why training ended before the last epoch, where it did so by itself.
    pub fn early_end(&self) -> Option<String> {
        let progress = &self.state.progress;
        self.experiment.training.early_end(progress.epoch, progress.best_epoch)
    }

    /// "after step 12 of epoch 3", the last that is done.
    pub fn place(&self) -> String {
        self.state.place()
    }

    /// Highest top-1 accuracy in percent on the images by which the best epoch is chosen, and its epoch counted from 1.
    pub fn best(&self) -> Option<(f64, usize)> {
        self.state.progress.best_top1.zip(self.state.progress.best_epoch)
    }
}

/// Whether nothing is left to train; an epoch that was begun is ended first.
fn is_trained(training: &TrainingConfig, progress: &TrainingProgress) -> bool {
    progress.step == 0 && training.is_trained(progress.epoch, progress.best_epoch)
}

/// Scores on the images by which the best epoch is chosen; nothing when it was asked to stop before the end.
///
/// # Errors
/// [`Error::Diverged`] when what comes of them is not finite.
fn evaluate_held(
    experiment: &Experiment,
    state: &TrainingState,
    batches: &Batches<'_>,
    stop: &Stop,
    bar: &mut EpochBar,
) -> Result<Option<SplitMetrics>> {
    let options = evaluate::evaluation_options(experiment, &state.network)?;
    if experiment.training.early_exit.is_some() {
        info!("evaluating {} of {} time-steps", options.time_steps, experiment.network.time_steps);
    }
    let evaluation = evaluate::evaluate_telling(&state.network, batches, options, stop, &mut || bar.evaluated())
        .map_err(|error| match error {
            Error::Diverged(problem) => state.diverged(&problem),
            other => other,
        })?;
    Ok(evaluation.map(|evaluation| epoch::percentages(&evaluation.score)))
}

fn describe(metrics: &EpochMetrics, epochs: usize) -> String {
    let name = if metrics.validation.is_some() { ChosenOn::Validation } else { ChosenOn::Test }.name();
    let held = metrics.evaluated().map_or(String::new(), |held| {
        format!("  {name} loss {:.4} top-1 {:.2} % top-5 {:.2} %", held.loss, held.top1, held.top5)
    });
    format!(
        "epoch {}/{epochs}  train loss {:.4} top-1 {:.2} %{held}  lr {:.2e}  {:.0} images/s",
        metrics.epoch, metrics.train.loss, metrics.train.top1, metrics.lr, metrics.images_per_second
    )
}
