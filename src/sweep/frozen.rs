//! Frozen configs of a sweep: experiments as the files said when the sweep began, whatever has become of
//! them since.

use super::SweepRun;
use crate::error::{Error, Result};
use crate::files::atomic::{create_folders, unfinished_folder, write_atomically};
use crate::files::lock::Lock;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder of a sweep at work, `<runs>/.sweep-<random>`, which goes with it. What a dead one left is taken away by the
/// next.
pub struct FrozenConfigs {
    folder: TempDir,
    _lock: Lock,
}

impl FrozenConfigs {
    /// # Errors
    /// [`Error::Io`] when nothing can be written below `runs`.
    pub fn begin(runs: &Path) -> Result<Self> {
        create_folders(runs)?;
        let runs = std::path::absolute(runs).map_err(Error::io("find", runs))?;
        let (folder, lock) = unfinished_folder(&runs, ".sweep-")?;
        Ok(Self { folder, _lock: lock })
    }

    /// Writes down a run's experiment for the process that trains it.
    ///
    /// # Errors
    /// [`Error::Config`] for values that no file can hold, [`Error::Io`] when it cannot be written.
    pub fn write(&self, run: &SweepRun) -> Result<PathBuf> {
        let path = self.folder.path().join(format!("{}.toml", run.name));
        // On a file system without locks another sweep may have taken it for one that was left.
        create_folders(self.folder.path())?;
        write_atomically(&path, run.checked.experiment.to_toml()?.as_bytes())?;
        run.membership.write_beside(&path)?;
        Ok(path)
    }
}
