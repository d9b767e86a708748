//! This program, to be started once more.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// This program even after its file was replaced, so that what it began goes on with the same one.
const ITSELF: &str = "/proc/self/exe";

/// What starts this program.
///
/// # Errors
/// [`Error::Run`] where the system does not tell.
pub fn itself() -> Result<PathBuf> {
    if Path::new(ITSELF).exists() {
        return Ok(ITSELF.into());
    }
    std::env::current_exe().map_err(|e| Error::Run(format!("cannot find this program to start it again: {e}.")))
}
