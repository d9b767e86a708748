//! What a complete run keeps of its checkpoints with `training.keep = "best"`: the weights of `best`, and of `last` how
//! far the run came and how long its records were, by which it is known to be complete.
//!
//! Each checkpoint is replaced as a whole, as it is by any save, and only while the weights of `best` are whole: a
//! program that is killed at any moment leaves a complete run, and does the rest when it is started again.

use std::path::Path;

use candle_core::Device;

use super::{CheckpointContents, KeptTensors, TrainingProgress, load, load_kept, save};
use crate::error::{Error, Result};
use crate::files::atomic::{self, beside};
use crate::run::records::Records;
use crate::run::{CheckpointKind, RunFolder, removal};

/// Lets go of all tensors of a complete run but the best weights; what was let go before stays so.
///
/// # Errors
/// [`Error::Weights`] when there are no best weights: all is kept then. [`Error::Io`] when a checkpoint cannot be
/// written or removed: the one that was there is whole then.
pub fn keep_best(run: &RunFolder) -> Result<()> {
    let [last, best] = [CheckpointKind::Last, CheckpointKind::Best].map(|which| run.checkpoint(which));
    load(&best, &Device::Cpu)?;
    // First what frees room.
    reduce(&last, KeptTensors::Nothing)?;
    reduce(&best, KeptTensors::Model)
}

/// Bytes of the checkpoints that [`keep_best`] would let go; 0 once it has.
pub fn bytes_to_let_go(run: &RunFolder) -> u64 {
    let [last, best] = [CheckpointKind::Last, CheckpointKind::Best].map(|which| run.checkpoint(which));
    let file = |folder: &Path, name: &str| folder.join(name).metadata().map_or(0, |about| about.len());
    let optimizers = [&last, &best].map(|folder| file(folder, super::OPTIMIZER));
    let before = [&last, &best].map(|folder| removal::bytes(&beside(folder, ".previous")));
    optimizers.into_iter().chain(before).fold(file(&last, super::MODEL), u64::saturating_add)
}

/// Replaces the checkpoint in `folder` by one of no more than `kept`, and removes the one before.
fn reduce(folder: &Path, kept: KeptTensors) -> Result<()> {
    if TrainingProgress::load(folder)?.kept != kept {
        let found = load_kept(folder, &Device::Cpu)?;
        let refuse = |problem| Error::Weights(format!("{}: {problem}.", folder.display()));
        let records = match kept {
            KeptTensors::Nothing => Some(Records::load(folder).map_err(refuse)?),
            _ => None,
        };
        let progress = TrainingProgress { kept, ..found.progress };
        let (model, optimizer) = (&found.model, &found.optimizer);
        save(folder, CheckpointContents { model, optimizer, progress: &progress, records: records.as_ref() })?;
    }
    atomic::remove_folder(&beside(folder, ".previous"))
}
