//! Data sets that take long to decode are decoded once, into one file that is mapped into memory from then on.
//!
//! The file lies in `$BNTT_CACHE`, else in `$XDG_CACHE_HOME/bntt/data`, else in `~/.cache/bntt/data`, and may be
//! removed at any time. It is used for as long as its [key](key::Key) agrees: the data set's settings, the version of
//! its decoder, and every source file's length and time of change. Its own SHA-256 is verified whenever it is opened (a
//! second for 1 to 2 GB, with a processor's SHA instructions); a file that is damaged is made anew. Where no file can
//! be written, the decoded data stay in memory.
//!
//! A cache file is never written in place: it is written aside and moved (see [`AtomicFile`]), so that processes that
//! have the old one mapped go on with the old one, and any number of them may decode at once. On network file systems a
//! file that another machine replaces may vanish under a mapping all the same (ESTALE): let `BNTT_CACHE` name a local
//! disk there.

mod decode;
mod file;
mod key;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::{info, warn};

pub(super) use decode::{DecodedItem, Decoding};

use self::decode::{DecodeError, Decoded};
use self::file::CacheMiss;
use self::key::CacheKey;
use super::{Bytes, Split, SplitValues};
use crate::error::{Error, Result};
use crate::files::atomic::AtomicFile;

/// A data set that is decoded file by file.
pub(super) struct DecodeRecipe<'a, T> {
    /// The data set's key in the experiment file.
    pub set: &'static str,
    /// Of the decoder: to be raised whenever it gives other bytes for the same files.
    pub version: u32,
    /// The folder that holds all of the files.
    pub folder: &'a Path,
    /// Whatever else the decoded bytes depend on.
    pub settings: serde_json::Value,
    /// Of one item, `[C, H, W]` or `[T, C, H, W]`.
    pub shape: Vec<usize>,
    /// Labels are below this number.
    pub classes: usize,
    /// The most bytes that a file to decode may have.
    pub longest: u64,
    /// The files of the training and of the test split, in the order of their items.
    pub splits: [Vec<SourceFile<T>>; 2],
    /// Files that are not decoded but tell labels, as paths within `folder`.
    pub beside: Vec<PathBuf>,
}

/// A file to decode.
pub(super) struct SourceFile<T> {
    /// Within the folder.
    pub path: PathBuf,
    /// What its decoder is told of it, such as its label.
    pub about: T,
}

impl<T> DecodeRecipe<'_, T> {
    /// How many bytes an item has.
    fn item_length(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
    }

    /// All files, within the folder.
    fn files(&self) -> impl Iterator<Item = &Path> {
        let decoded = self.splits.iter().flatten().map(|source| &source.path);
        decoded.chain(&self.beside).map(PathBuf::as_path)
    }
}

/// What a set's one checksum is called.
const ALL_FILES: &str = "all files";

/// Files of which something was left out that are named one by one.
const MOST_NAMED: usize = 10;

/// Both splits and the checksum of the source files, as "all files": the SHA-256 of what `sha256sum` prints of the
/// files, sorted by their paths within the folder. What was left out of a source file is warned of, now as when it was
/// decoded.
///
/// `decode` gives the items of a file: from what its [`SourceFile`] tells of it, its path (for messages) and its
/// content.
///
/// # Errors
/// [`Error::Io`] and [`Error::Data`] for source files that are missing or malformed: of several the first in the order
/// of the recipe. What is wrong with the cache is warned of and is no error.
pub(super) fn load<T: Sync>(
    recipe: &DecodeRecipe<'_, T>,
    decode: impl Fn(&T, &Path, &[u8]) -> Result<Decoding> + Sync,
) -> Result<([Split; 2], BTreeMap<String, String>)> {
    load_from(folder().as_deref(), recipe, decode)
}

/// The checksum that [`load`] gives, without decoding anything: out of the cache, or of the source files.
///
/// # Errors
/// [`Error::Io`] for source files that are missing.
pub(super) fn checksums<T>(recipe: &DecodeRecipe<'_, T>) -> Result<BTreeMap<String, String>> {
    checksums_from(folder().as_deref(), recipe)
}

/// [`checksums`] with a cache in a folder of one's own, or without one.
///
/// # Errors
/// As [`checksums`].
pub(super) fn checksums_from<T>(
    cache: Option<&Path>,
    recipe: &DecodeRecipe<'_, T>,
) -> Result<BTreeMap<String, String>> {
    let key = CacheKey::for_recipe(recipe)?;
    let known = cache.and_then(|cache| file::source_checksum(&cache.join(key.file_name()), &key));
    let sha256 = known.map_or_else(|| decode::checksum(recipe), Ok)?;
    Ok(BTreeMap::from([(ALL_FILES.into(), sha256)]))
}

/// Where cache files lie; nowhere for a user without a home.
fn folder() -> Option<PathBuf> {
    folder_by(|name| std::env::var_os(name))
}

fn folder_by(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // A relative path in XDG_CACHE_HOME is to be ignored, says the XDG Base Directory Specification.
    named("BNTT_CACHE")
        .or_else(|| named("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("bntt/data")))
        .or_else(|| named("HOME").map(|path| path.join(".cache/bntt/data")))
}

/// [`load`] with a cache in a folder of one's own, or without one.
///
/// # Errors
/// As [`load`].
pub(super) fn load_from<T: Sync>(
    cache: Option<&Path>,
    recipe: &DecodeRecipe<'_, T>,
    decode: impl Fn(&T, &Path, &[u8]) -> Result<Decoding> + Sync,
) -> Result<([Split; 2], BTreeMap<String, String>)> {
    let key = CacheKey::for_recipe(recipe)?;
    let place = cache.map(|cache| cache.join(key.file_name()));
    let found = place.as_deref().map(|place| found(place, &key, recipe)).transpose()?.flatten();
    let decoded = match found {
        Some(decoded) => decoded,
        None => made(place.as_deref(), &key, recipe, &decode)?,
    };
    let Decoded { labels, pixels, sha256, left_out } = decoded;
    for problem in named(left_out) {
        warn!("{}: {problem}", recipe.set);
    }
    let split = |labels, pixels| Split { items: SplitValues::Bytes(pixels), labels, shape: recipe.shape.clone() };
    let ([train, test], [train_pixels, test_pixels]) = (labels, pixels);
    let checksums = BTreeMap::from([(ALL_FILES.into(), sha256)]);
    Ok(([split(train, train_pixels), split(test, test_pixels)], checksums))
}

/// The first of what was left out, and how much more there is.
fn named(mut left_out: Vec<String>) -> Vec<String> {
    let more = left_out.len().saturating_sub(MOST_NAMED);
    left_out.truncate(MOST_NAMED);
    if more > 0 {
        left_out.push(format!("something was left out of {more} more files"));
    }
    left_out
}

/// What the cache holds, if it is what the key asks for.
fn found<T>(place: &Path, key: &CacheKey, recipe: &DecodeRecipe<'_, T>) -> Result<Option<Decoded<Bytes>>> {
    let start = Instant::now();
    let (set, path) = (recipe.set, place.display());
    match file::open(place, key, recipe) {
        Ok(decoded) => {
            info!("{set}: decoded before, read from {path}, verified in {}", seconds(start.elapsed()));
            return Ok(Some(decoded));
        }
        Err(CacheMiss::Absent) => {}
        Err(CacheMiss::Changed(what)) => info!("{set}: {what} since {path} was written; decoding again"),
        Err(CacheMiss::Damaged(problem)) => warn!("{set}: the cache file {path} {problem}; decoding again"),
    }
    Ok(None)
}

/// Decodes into the cache or, where that cannot be, into memory.
fn made<T: Sync>(
    place: Option<&Path>,
    key: &CacheKey,
    recipe: &DecodeRecipe<'_, T>,
    decode: &(impl Fn(&T, &Path, &[u8]) -> Result<Decoding> + Sync),
) -> Result<Decoded<Bytes>> {
    let start = Instant::now();
    let (set, folder, files) = (recipe.set, recipe.folder.display(), recipe.splits.iter().flatten().count());
    info!("{set}: decoding the {files} files of {folder}");
    let written = match place {
        Some(place) => into_file(place, key, recipe, decode),
        None => Err(DecodeError::Sink("there is no folder for it: neither BNTT_CACHE nor HOME is set".into())),
    };
    match (written, place) {
        (Ok(decoded), place) => {
            let path = place.unwrap_or(Path::new("")).display();
            info!("{set}: decoded in {}; kept in {path}", seconds(start.elapsed()));
            Ok(decoded)
        }
        (Err(DecodeError::Source(error)), _) => Err(error),
        (Err(DecodeError::Sink(problem)), _) => {
            warn!(
                "{set}: no cache file, so that the next run decodes again: {problem}; BNTT_CACHE may name another folder"
            );
            let mut bytes = Vec::new();
            let decoded = decode::all(recipe, decode, &mut bytes).map_err(DecodeError::into_error)?;
            info!("{set}: decoded in {}", seconds(start.elapsed()));
            decoded
                .with_bytes(&bytes.into())
                .ok_or_else(|| Error::Data(format!("{set}: fewer bytes than were decoded.")))
        }
    }
}

fn into_file<T: Sync>(
    place: &Path,
    key: &CacheKey,
    recipe: &DecodeRecipe<'_, T>,
    decode: &(impl Fn(&T, &Path, &[u8]) -> Result<Decoding> + Sync),
) -> Result<Decoded<Bytes>, DecodeError> {
    let refused = |error: Error| DecodeError::Sink(error.to_string());
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Error::io("create", folder)).map_err(refused)?;
    let aside = AtomicFile::create(place).map_err(refused)?;
    let mut writer = file::Writer::new(aside).map_err(|error| refused(Error::io("write", place)(error)))?;
    let decoded = decode::all(recipe, decode, &mut writer)?;
    let aside = writer.finish(key, &decoded).map_err(|error| refused(Error::io("write", place)(error)))?;
    let file = aside.keep().map_err(refused)?;
    file::mapped(&file, decoded).map_err(|error| refused(Error::io("map", place)(error)))
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests;
