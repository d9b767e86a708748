//! Keeps damaged files that the user accepted beside their replacements, as `<its name>.damaged`.

use crate::error::{Error, Result};
use crate::files::atomic::beside;
use crate::run::checkpoint;
use crate::run::{CheckpointKind, RunFolder};
use candle_core::Device;
use std::fs;
use std::path::{Path, PathBuf};
use tracing::warn;

/// Copies of the records before they are cut, and the best checkpoint if it is none.
pub(super) fn keep_what_is_damaged(folder: &RunFolder, losses: &[String]) -> Result<()> {
    losses.iter().for_each(|loss| warn!("accepted: {loss}"));
    for path in [folder.metrics_jsonl(), folder.steps()] {
        if path.symlink_metadata().is_ok_and(|about| about.is_file()) {
            let copy = unused(&path);
            fs::copy(&path, &copy).map_err(Error::io("copy", &path))?;
        } else if path.symlink_metadata().is_ok() {
            put_aside(&path)?;
        }
    }
    let best = folder.checkpoint(CheckpointKind::Best);
    if best.exists() && checkpoint::load(&best, &Device::Cpu).is_err() {
        put_aside(&best)?;
    }
    Ok(())
}

/// Renames a file or folder to `<its name>.damaged`.
pub(super) fn put_aside(path: &Path) -> Result<PathBuf> {
    let aside = unused(path);
    if path.symlink_metadata().is_ok() {
        fs::rename(path, &aside).map_err(Error::io("rename", path))?;
    }
    Ok(aside)
}

/// The first of `<path>.damaged`, `<path>.damaged2` and so on that nothing has.
fn unused(path: &Path) -> PathBuf {
    let names = (1u32..).map(|number| match number {
        1 => beside(path, ".damaged"),
        number => beside(path, &format!(".damaged{number}")),
    });
    names.into_iter().find(|name| name.symlink_metadata().is_err()).unwrap_or_else(|| beside(path, ".damaged"))
}
