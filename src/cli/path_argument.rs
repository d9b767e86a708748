//! Path arguments: `~` that the shell has not expanded is refused.

use crate::files::tilde;
use clap::builder::{PathBufValueParser, TypedValueParser};
use std::path::PathBuf;

/// Takes any path but those that begin with `~`.
pub fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match tilde::mistake(&path) {
        Some(problem) => Err(format!("{problem}.")),
        None => Ok(path),
    })
}
