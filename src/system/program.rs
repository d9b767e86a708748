//! This program, to be started once more, and what it then says.

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

/// The last error in what a process of it has said, in all its lines.
pub fn last_error(said: &str) -> Option<String> {
    let begins = |(place, _): &(usize, &str)| *place == 0 || said.as_bytes().get(place.wrapping_sub(1)) == Some(&b'\n');
    let (place, label) = said.rmatch_indices("error: ").find(begins)?;
    Some(said.get(place.saturating_add(label.len())..)?.trim_end().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_lines_from_the_last_that_begins_with_the_word() {
        let error = |said: &str| last_error(said);
        assert_eq!(
            error("reading\nerror: first\nerror: a.toml:1:2: x\nb.toml: error: y\n").as_deref(),
            Some("a.toml:1:2: x\nb.toml: error: y")
        );
        assert_eq!(error("error: alone").as_deref(), Some("alone"));
        assert_eq!(error("warning: data/error: x"), None);
        assert_eq!(error(""), None);
    }
}
