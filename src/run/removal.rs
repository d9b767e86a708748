//! Removing run folders for good.
//!
//! A run is renamed first, to a name that nothing takes for a run, and then removed: a program that is killed meanwhile
//! leaves the whole run, or a leftover that the next removal clears away.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files::atomic;
use crate::files::lock::{self, Lock};
use crate::run::archive::RunPlace;
use crate::run::listing::{self, RunSummary};
use crate::run::{RunFolder, archive};

/// What the folder of a run that is being removed is called, before its version.
const LEFTOVER: &str = ".removed-";

/// A run that can be removed, locked until it is or is let go.
pub struct RemovableRun {
    pub folder: RunFolder,
    pub place: RunPlace,
    pub summary: RunSummary,
    /// Of all files in the folder.
    pub bytes: u64,
    _lock: Lock,
}

impl RemovableRun {
    /// The run in `path`, whole or damaged, which no process works on.
    ///
    /// # Errors
    /// [`Error::Run`] for what is no version of a run, or a link to one; [`Error::Busy`] for a run at work.
    pub fn find(path: &Path) -> Result<Self> {
        let place = RunPlace::find(path)?;
        let folder = RunFolder::at(path.to_path_buf());
        let is_run = path.is_dir() && [folder.config(), folder.provenance()].iter().any(|file| file.is_file());
        if !is_run {
            let found = if path.exists() { "what has neither config.toml nor provenance.json" } else { "nothing" };
            return Err(Error::Run(format!("{}: expected a run folder, found {found}.", path.display())));
        }
        let lock = folder.take_lock()?;
        let summary = listing::summarize(&folder);
        Ok(Self { bytes: bytes(path), summary, place, folder, _lock: lock })
    }

    /// Removes it with all that is in its folder. Links in it are removed, not what they name.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be renamed: it is as it was then; or when something in it cannot be removed.
    pub fn remove(self) -> Result<()> {
        let path = self.folder.path();
        let leftover = rename_away(path)?;
        atomic::sync_folder(path.parent().unwrap_or(Path::new(".")))?;
        clear(&leftover)
    }
}

/// Renames a run's folder to one that nothing takes for a run.
fn rename_away(path: &Path) -> Result<PathBuf> {
    let version = path.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 0u32;
    loop {
        let leftover = path.with_file_name(format!("{LEFTOVER}{version}-{number}"));
        let is_taken = leftover.symlink_metadata().is_ok();
        let renamed = if is_taken { Err(ErrorKind::AlreadyExists.into()) } else { fs::rename(path, &leftover) };
        match renamed {
            Ok(()) => return Ok(leftover),
            Err(e) if matches!(e.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty) => {
                number = number.saturating_add(1);
            }
            Err(e) => return Err(Error::io("remove", path)(e)),
        }
    }
}

/// Removes a leftover. Another process may do so at the same time.
fn clear(leftover: &Path) -> Result<()> {
    match fs::remove_dir_all(leftover) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", leftover)(e)),
        _ => Ok(()),
    }
}

/// Removes what removals that were killed left below `root`, its archive too; how many they were.
///
/// # Errors
/// [`Error::Io`] when one cannot be removed.
pub fn clear_leftovers(root: &Path) -> Result<usize> {
    let below = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_folder = |path: &PathBuf| path.symlink_metadata().is_ok_and(|about| about.is_dir());
    let is_leftover = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(LEFTOVER) && is_folder(path) && !lock::is_held(&RunFolder::at(path.clone()).lock())
    };
    let names = below(root).chain(below(&archive::folder(root))).filter(is_folder);
    let leftovers: Vec<PathBuf> = names.flat_map(|name| below(&name)).filter(is_leftover).collect();
    leftovers.iter().try_for_each(|leftover| clear(leftover))?;
    Ok(leftovers.len())
}

/// The bytes of all files in a folder; of links, those of their own names.
pub fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => bytes(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    });
    sizes.fold(0, u64::saturating_add)
}
