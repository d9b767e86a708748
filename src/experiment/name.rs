//! Names of experiments, which become folders.

use crate::error::{Error, Result};

/// A name becomes a folder: letters, digits, `_`, `-` and `.`, at most 100, not starting with a dot.
pub fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let problem = match name {
        "" => "it is empty",
        _ if name.len() > 100 => "it is longer than 100 characters",
        _ if name.starts_with('.') => "it starts with a dot",
        _ if !name.chars().all(allowed) => "only letters (a to z), digits, `_`, `-` and `.` can stand in it",
        _ => return Ok(()),
    };
    Err(Error::Run(format!("{name:?} cannot be the name of a run: {problem}.")))
}
