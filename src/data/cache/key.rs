//! What decoded bytes depend on.

use std::path::Path;
use std::time::UNIX_EPOCH;
use std::{fs, io};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::DecodeRecipe;
use crate::data::files::hexadecimal;
use crate::data::unexpected_files;
use crate::error::{Error, Result};
use crate::files::atomic::sha256_hex;

/// What decoded bytes depend on: two that are equal stand for the same bytes.
///
/// A source file is taken for unchanged if its length and its time of change are. To read them all would take as long
/// as decoding does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CacheKey {
    set: String,
    /// Of the decoder.
    version: u32,
    settings: serde_json::Value,
    /// Of one item.
    shape: Vec<usize>,
    /// The absolute path, links resolved.
    folder: String,
    /// The number of source files.
    files: usize,
    /// SHA-256 of their names, lengths and times of change.
    listing: String,
}

impl CacheKey {
    pub fn for_recipe<T>(recipe: &DecodeRecipe<'_, T>) -> Result<Self> {
        let folder = recipe.folder.canonicalize().map_err(Error::io("open", recipe.folder))?;
        let paths: Vec<&Path> = recipe.files().collect();
        // Side by side, since a network's disk takes its time for each.
        let lines: Vec<Result<String>> = paths.into_par_iter().map(|path| line(&folder, path)).collect();
        let (mut files, mut listing) = (0usize, Sha256::new());
        for line in lines {
            listing.update(line?);
            files = files.saturating_add(1);
        }
        Ok(Self {
            set: recipe.set.into(),
            version: recipe.version,
            settings: recipe.settings.clone(),
            shape: recipe.shape.clone(),
            folder: folder.display().to_string(),
            files,
            listing: hexadecimal(listing),
        })
    }

    /// One name for each data set, folder and settings, so that the file of a folder whose files change is replaced.
    pub fn file_name(&self) -> String {
        let Self { set, settings, folder, .. } = self;
        let hash = sha256_hex(format!("{set}\n{folder}\n{settings}").as_bytes());
        format!("{set}-{}.bin", hash.get(..16).unwrap_or_default())
    }

    /// Why decoded bytes of the key `old`, which is another, are not those of this one.
    pub fn change_since(&self, old: &Self) -> String {
        if (self.version, &self.shape) != (old.version, &old.shape) {
            return "the decoder has changed".into();
        }
        if self.files != old.files {
            return format!("{} has changed from {} source files to {}", self.folder, old.files, self.files);
        }
        format!("source files in {} have changed", self.folder)
    }
}

/// A file's name, length and time of change in nanoseconds.
fn line(folder: &Path, path: &Path) -> Result<String> {
    let file = folder.join(path);
    let read = || {
        let about = fs::metadata(&file)?;
        let changed = about.modified()?;
        let nanoseconds = match changed.duration_since(UNIX_EPOCH) {
            Ok(after) => i128::try_from(after.as_nanos()),
            Err(before) => i128::try_from(before.duration().as_nanos()).map(i128::wrapping_neg),
        };
        Ok((about.len(), nanoseconds.unwrap_or_default()))
    };
    let (length, nanoseconds) = read().map_err(|error: io::Error| match unexpected_files::of_file(&file) {
        Some(advice) if error.kind() == io::ErrorKind::NotFound => {
            Error::Data(format!("{} does not exist; {advice}.", file.display()))
        }
        _ => Error::io("open", &file)(error),
    })?;
    Ok(format!("{}\t{length}\t{nanoseconds}\n", path.display()))
}
