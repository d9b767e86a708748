//! What is written while a run trains: metrics, TensorBoard's events, checkpoints.

use super::state::TrainingState;
use crate::error::Result;
use crate::experiment::{CheckpointEvery, Experiment};
use crate::optimizers::TrainingPosition;
use crate::run::checkpoint::{self, CheckpointContents, TrainingProgress};
use crate::run::metrics::{self, EpochMetrics, FinalTest, Metrics};
use crate::run::records::VerifiedRecords;
use crate::run::tensorboard::EventFile;
use crate::run::{CheckpointKind, RunFolder};
use std::time::Instant;
use tracing::debug;

/// The files of a run folder that grow or are replaced while it trains.
pub struct RunOutput<'a> {
    folder: &'a RunFolder,
    metrics: Metrics,
    events: Option<EventFile>,
    checkpoint_every: CheckpointEvery,
    last_checkpoint: LastCheckpoint,
}

/// When the last checkpoint was saved.
struct LastCheckpoint {
    global_step: u64,
    time: Instant,
}

impl<'a> RunOutput<'a> {
    /// Opens the files, keeping of them what `records` says, after `global_step` steps.
    ///
    /// # Errors
    /// Those of [`Metrics::open`] and [`EventFile::begin`].
    pub fn open(
        experiment: &Experiment,
        folder: &'a RunFolder,
        records: VerifiedRecords,
        global_step: u64,
    ) -> Result<Self> {
        let metrics = Metrics::open(folder, records)?;
        let events = match experiment.training.tensorboard {
            true => Some(EventFile::begin(folder, &metrics::read_whole(&folder.metrics_jsonl())?)?),
            false => None,
        };
        let last_checkpoint = LastCheckpoint { global_step, time: Instant::now() };
        let checkpoint_every = experiment.training.checkpoint_every;
        Ok(Self { folder, metrics, events, checkpoint_every, last_checkpoint })
    }

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        self.folder
    }

    /// Adds the line of a step.
    pub fn step(&mut self, position: TrainingPosition, loss: f64) -> Result<()> {
        self.metrics.step(position.epoch + 1, position.step + 1, loss)
    }

    /// Adds the lines of an epoch, which are on the disk then.
    pub fn epoch(&mut self, metrics: &EpochMetrics) -> Result<()> {
        self.metrics.epoch(metrics)?;
        self.events.as_mut().map_or(Ok(()), |events| events.epoch(metrics))
    }

    /// Adds the line of the test at the end of training, which is on the disk then.
    pub fn final_test(&mut self, test: &FinalTest) -> Result<()> {
        self.metrics.final_test(test)?;
        self.events.as_mut().map_or(Ok(()), |events| events.final_test(test))
    }

    /// Whether a checkpoint is due after step number `step` of the epoch, counted from 1, be its loss read or not.
    pub fn is_checkpoint_due(&self, progress: &TrainingProgress, step: usize) -> bool {
        let done = progress.global_step + (step - progress.step) as u64;
        let steps = (done - self.last_checkpoint.global_step) as usize;
        self.checkpoint_every.is_due(steps, self.last_checkpoint.time.elapsed())
    }

    /// Saves a checkpoint of the last step, the lines of all steps on the disk before it.
    pub fn save_inside_epoch(&mut self, state: &mut TrainingState) -> Result<()> {
        self.metrics.flush()?;
        state.progress.partial = Some(state.sums.to_partial()?);
        self.save(CheckpointKind::Last, state)
    }

    /// Saves a checkpoint.
    ///
    /// # Errors
    /// [`Error::Diverged`](crate::error::Error::Diverged) when the state is not finite; those of [`checkpoint::save`].
    pub fn save(&mut self, which: CheckpointKind, state: &mut TrainingState) -> Result<()> {
        let begun = Instant::now();
        let (model, optimizer) = state.tensors()?;
        let records = (which == CheckpointKind::Last).then(|| self.metrics.records());
        let contents = CheckpointContents {
            model: &model,
            optimizer: &optimizer,
            progress: &state.progress,
            records: records.as_ref(),
        };
        checkpoint::save(&self.folder.checkpoint(which), contents)?;
        debug!("checkpoint {} {}, saved in {:.1} ms", which.name(), state.place(), begun.elapsed().as_secs_f64() * 1e3);
        self.last_checkpoint = LastCheckpoint { global_step: state.progress.global_step, time: Instant::now() };
        Ok(())
    }
}
