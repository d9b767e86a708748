//! Folders that a user asked a command to fill with files.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files::{atomic, output};

/// A folder of a command line, named by `option`, into which nothing is written that the command reads.
#[derive(Debug, Clone, Copy)]
pub struct OutputFolder<'a> {
    /// `--pytorch`.
    pub option: &'a str,
    pub path: &'a Path,
    /// What no file may be written over: a run's own files and folders.
    pub own: &'a [PathBuf],
}

impl OutputFolder<'_> {
    /// What [`OutputFolder::write`] would refuse at once: to be asked before a long computation.
    ///
    /// # Errors
    /// [`Error::Run`] for a file, and for a folder of, or in, `own`.
    pub fn check(&self) -> Result<()> {
        let Self { option, path, own } = self;
        if path.exists() && !path.is_dir() {
            let path = path.display();
            return Err(Error::Run(format!("{option} {path}: expected a folder, found a file. Name another.")));
        }
        let whole = |path: &Path| path.canonicalize().ok().filter(|path| path.is_dir());
        let inside = |own: &PathBuf| whole(path).zip(whole(own)).is_some_and(|(path, own)| path.starts_with(own));
        if own.iter().any(inside) {
            let path = path.display();
            return Err(Error::Run(format!("{option} {path}: these are the run's checkpoints. Name another folder.")));
        }
        Ok(())
    }

    /// Makes the folder where there is none, and writes files into it by their names in place of those there: none
    /// where one of them cannot be.
    ///
    /// # Errors
    /// As [`OutputFolder::check`], and those of [`output::write()`].
    pub fn write(&self, files: &[(&str, Vec<u8>)]) -> Result<()> {
        self.check()?;
        atomic::create_folders(self.path)?;
        files.iter().try_for_each(|(name, _)| output::check(&self.path.join(name), self.own))?;
        files.iter().try_for_each(|(name, bytes)| output::write(&self.path.join(name), bytes, self.own))
    }
}
