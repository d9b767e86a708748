//! Starting, resuming and refusing a run: what `bntt run` and `bntt resume` do.
//!
//! A session is one process's work on one run: from a config or a run folder to the last epoch, or to where it was
//! asked to stop. Everything that can refuse it is found before a file changes.

mod damaged;
mod resume;
mod start;

pub use resume::resume;
pub use start::start;

use super::memory_check::with_memory_explained;
use super::resumption::Accepted;
use super::{Trainer, TrainingEnd};
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, KeptCheckpoints};
use crate::run::RunFolder;
use crate::run::checkpoint;
use crate::run::provenance::{Outcome, Provenance, SweepMembership};
use crate::system::signals::Stop;
use crate::terminal::amounts;
use crate::terminal::logging::Log;
use crate::terminal::progress::EpochBar;
use candle_core::Device;
use std::path::Path;
use tracing::{info, warn};

/// How a run is to be started or continued.
#[derive(Clone)]
pub struct SessionOptions<'a> {
    /// Where new run folders go.
    pub runs: &'a Path,
    /// Whether to go on with the newest run of the same name and config, where there is one.
    pub resume_or_start: bool,
    /// Whether to train even if the predicted memory is more than there is.
    pub insist: bool,
    /// What of a run is taken as it is when it is continued.
    pub accepted: Accepted,
    /// Which run of which sweep it is, for the record.
    pub sweep: Option<SweepMembership>,
    pub log: &'a Log,
    pub stop: Stop,
    /// Hears of the run's folder once nothing refuses the work on it any more.
    pub on_folder: Option<&'a dyn Fn(&RunFolder)>,
}

impl<'a> SessionOptions<'a> {
    /// A new run below `runs` that nothing stops, without `insist`.
    pub fn new(runs: &'a Path, log: &'a Log) -> Self {
        let (accepted, stop) = (Accepted::default(), Stop::never());
        Self { runs, resume_or_start: false, insist: false, accepted, sweep: None, log, stop, on_folder: None }
    }

    fn tell(&self, folder: &RunFolder) {
        if let Some(hear) = self.on_folder {
            hear(folder);
        }
    }
}

/// What a session came to. One that was asked to stop is [`Error::Interrupted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEnd {
    /// All epochs were trained.
    Completed,
    /// There was nothing to do: so many epochs were done before, be it that it ended early.
    WasComplete { run: RunFolder, epochs: usize, ended_early: Option<String> },
}

/// Trains to the end and records how it ended.
fn train_to_end<'a>(
    trainer: impl FnOnce() -> Result<Trainer<'a>>,
    checked: &CheckedExperiment,
    device: &Device,
    provenance: &mut Provenance,
    folder: &RunFolder,
    log: &Log,
) -> Result<SessionEnd> {
    let trained = with_memory_explained(device, checked, || {
        let mut trainer = trainer()?;
        let end = trainer.train(&mut EpochBar::new(log))?;
        Ok((end, trainer.best(), trainer.place(), trainer.early_end()))
    });
    let trained = trained.map_err(|error| match folder.path().exists() {
        true => error,
        // Whatever was being done just then, this is why it failed.
        false => Error::Run(format!(
            "{} is gone: the run folder was moved or deleted while the run worked ({error}).",
            folder.path().display()
        )),
    });
    provenance.ended_early = match &trained {
        Ok((TrainingEnd::Completed, .., early)) => early.clone(),
        _ => None,
    };
    provenance.finish(match &trained {
        Ok((TrainingEnd::Completed, ..)) => Outcome::Completed,
        Ok((TrainingEnd::Interrupted(_), ..)) => Outcome::Interrupted,
        Err(error) => Outcome::Failed(error.to_string()),
    });
    let recorded = provenance.save(&folder.provenance());
    // What went wrong in training comes first: a disk that is full refuses the record too.
    let (end, best, place, _) = trained?;
    recorded?;
    let path = folder.path().display();
    if let TrainingEnd::Interrupted(reason) = end {
        info!("stopped by {} {place}, which is saved: `bntt resume {path}` goes on", reason.name());
        return Err(Error::Interrupted(reason));
    }
    if let Some((top1, epoch)) = best {
        let on = checked.experiment.chosen_on().name();
        info!("best top-1 {top1:.2} % after epoch {epoch} (chosen on the {on} images)");
    }
    // Last of all: whatever happens to it, the run is recorded as complete and has the best weights.
    let_go(folder, checked.experiment.training.keep);
    info!("done: {path}");
    Ok(SessionEnd::Completed)
}

/// Lets go of what a complete run keeps no longer. One that cannot be written to keeps all, and is complete all the
/// same.
fn let_go(folder: &RunFolder, keep: KeptCheckpoints) {
    let bytes = match keep {
        KeptCheckpoints::All => 0,
        KeptCheckpoints::Best => checkpoint::bytes_to_let_go(folder),
    };
    if bytes == 0 {
        return;
    }
    match checkpoint::keep_best(folder) {
        Ok(()) => info!("training.keep: all but the best weights was let go, {}", amounts::bytes(bytes as usize)),
        Err(problem) => {
            let path = folder.path().display();
            warn!(
                "training.keep: checkpoints stay that were to be let go; `bntt resume {path}` tries again ({problem})"
            );
        }
    }
}
