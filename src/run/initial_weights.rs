//! The file of weights that `training.initial_weights` names.

use super::{CheckpointKind, RunFolder};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

const MODEL: &str = "model.safetensors";

/// `path` itself; of a run folder (or that of its name, for the newest version) the weights of its best checkpoint, of
/// its last where it has no best yet; of a checkpoint's folder those in it.
///
/// # Errors
/// [`Error::Run`] for a folder that is neither, [`Error::Weights`] for a run without a checkpoint.
pub fn file(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let own = path.join(MODEL);
    if own.is_file() {
        return Ok(own);
    }
    let run = RunFolder::open(path)?;
    let files = [CheckpointKind::Best, CheckpointKind::Last].map(|which| run.checkpoint(which).join(MODEL));
    files.into_iter().find(|file| file.is_file()).ok_or_else(|| {
        Error::Weights(format!("{} has no checkpoint whose weights a run could begin with.", run.path().display()))
    })
}
