//! A cache file:
//!
//! ```text
//! magic (16 bytes) | pixels of train, of test | labels of train, of test (u32) | about (JSON) | its length (u64) | SHA-256 of all before
//! ```
//!
//! Numbers are little-endian. What is known last stands last, so that pixels are written as they are decoded. What
//! stands about them has a checksum of its own, so that the checksum of the source files can be had without reading all
//! that was decoded of them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::DecodeRecipe;
use super::decode::Decoded;
use super::key::CacheKey;
use crate::data::Bytes;
use crate::files::atomic::{AtomicFile, sha256_hex};
use crate::files::reading;

/// What a cache file begins with. The digit is the layout's version.
const MAGIC: &[u8; 16] = b"bntt data set 1\n";

#[derive(Serialize, Deserialize)]
struct CacheHeader {
    key: CacheKey,
    /// In the training and the test split.
    items: [usize; 2],
    /// Of the source files.
    sha256: String,
    /// What was left out of which source file.
    #[serde(default)]
    left_out: Vec<String>,
    /// [`CacheHeader::sum`] of all above.
    #[serde(default)]
    about_sha256: String,
}

/// Why a cache file is not used.
#[derive(Debug, PartialEq)]
pub(super) enum CacheMiss {
    Absent,
    /// What has changed since it was written.
    Changed(String),
    /// What is wrong with it.
    Damaged(String),
}

/// A cache file in the making.
pub(super) struct Writer {
    file: BufWriter<AtomicFile>,
    sha256: Sha256,
}

impl Writer {
    pub fn new(aside: AtomicFile) -> io::Result<Self> {
        let mut writer = Self { file: BufWriter::with_capacity(1 << 18, aside), sha256: Sha256::new() };
        writer.write_all(MAGIC)?;
        Ok(writer)
    }

    /// Writes what follows the pixels.
    pub fn finish(mut self, key: &CacheKey, decoded: &Decoded<usize>) -> io::Result<AtomicFile> {
        for label in decoded.labels.iter().flatten() {
            self.write_all(&label.to_le_bytes())?;
        }
        let items = decoded.labels.each_ref().map(Vec::len);
        let (sha256, left_out) = (decoded.sha256.clone(), decoded.left_out.clone());
        let mut about = CacheHeader { key: key.clone(), items, sha256, left_out, about_sha256: String::new() };
        about.about_sha256 = about.sum()?;
        let about = serde_json::to_vec(&about)?;
        self.write_all(&about)?;
        self.write_all(&(about.len() as u64).to_le_bytes())?;
        let sha256 = std::mem::take(&mut self.sha256).finalize();
        self.write_all(&sha256)?;
        self.file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.sha256.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Maps a cache file that this process has just written.
pub(super) fn mapped(file: &File, decoded: Decoded<usize>) -> io::Result<Decoded<Bytes>> {
    let shorter = || io::Error::other("it is shorter than what was written");
    let bytes = map(file)?;
    let pixels = bytes.part(MAGIC.len()..bytes.len()).ok_or_else(shorter)?;
    decoded.with_bytes(&pixels).ok_or_else(shorter)
}

fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: cache files are written under another name, by one process, and only then moved to their place, after
    // which nobody opens them for writing: they are replaced by another file or removed, and then live on for as long
    // as they are mapped.
    unsafe { Bytes::map(file) }
}

/// The content of the cache file at `place`, if it was made for `key` and is whole.
pub(super) fn open<T>(place: &Path, key: &CacheKey, recipe: &DecodeRecipe<'_, T>) -> Result<Decoded<Bytes>, CacheMiss> {
    let (file, _) = reading::open(place).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => CacheMiss::Absent,
        _ => CacheMiss::Damaged(format!("cannot be opened: {error}")),
    })?;
    let bytes = map(&file).map_err(|error| CacheMiss::Damaged(format!("cannot be mapped: {error}")))?;
    let damaged = |problem: &str| CacheMiss::Damaged(problem.into());
    let content = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("is of another version, or of another program"))?;
    let (about, values) =
        about(content).ok_or_else(|| damaged("is truncated or damaged: its end does not describe it"))?;
    if about.key != *key {
        return Err(CacheMiss::Changed(key.change_since(&about.key)));
    }
    if !is_intact(&bytes) {
        return Err(damaged("is damaged: its content has another SHA-256 than it says"));
    }
    about
        .content(values, &bytes, recipe)
        .ok_or_else(|| damaged("holds other numbers of pixels and labels than it says"))
}

/// The checksum of the source files that the cache file at `place` was made from, if it was made for `key`; `None` also
/// where what says so is damaged. What was decoded is not read.
pub(super) fn source_checksum(place: &Path, key: &CacheKey) -> Option<String> {
    let (file, _) = reading::open(place).ok()?;
    let bytes = map(&file).ok()?;
    let (about, _) = about(bytes.strip_prefix(MAGIC)?)?;
    let holds = about.key == *key && about.sum().ok()? == about.about_sha256;
    holds.then_some(about.sha256)
}

/// Splits what follows the magic into what describes it, and pixels and labels.
fn about(content: &[u8]) -> Option<(CacheHeader, &[u8])> {
    let (rest, _) = content.split_last_chunk::<32>()?;
    let (rest, length) = rest.split_last_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (values, about) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
    Some((serde_json::from_slice(about).ok()?, values))
}

fn is_intact(file: &[u8]) -> bool {
    file.split_last_chunk::<32>().is_some_and(|(content, sha256)| *Sha256::digest(content) == *sha256)
}

impl CacheHeader {
    /// SHA-256 of all but itself.
    fn sum(&self) -> serde_json::Result<String> {
        let Self { key, items, sha256, left_out, about_sha256: _ } = self;
        Ok(sha256_hex(&serde_json::to_vec(&(key, items, sha256, left_out))?))
    }

    /// Pixels and labels out of `values`, which stand in `file` after the magic.
    fn content<T>(self, values: &[u8], file: &Bytes, recipe: &DecodeRecipe<'_, T>) -> Option<Decoded<Bytes>> {
        let [train, test] = self.items;
        let item = recipe.item_length()?;
        let pixels = [train.checked_mul(item)?, test.checked_mul(item)?];
        let (_, labels) = values.split_at_checked(pixels[0].checked_add(pixels[1])?)?;
        let (labels, []) = labels.as_chunks() else { return None };
        let labels: Vec<u32> = labels.iter().map(|&label| u32::from_le_bytes(label)).collect();
        let in_range = labels.iter().all(|&label| (label as usize) < recipe.classes);
        if labels.len() != train.checked_add(test)? || !in_range {
            return None;
        }
        let (train_labels, test_labels) = labels.split_at_checked(train)?;
        let labels = [train_labels.to_vec(), test_labels.to_vec()];
        let decoded = Decoded { labels, pixels, sha256: self.sha256, left_out: self.left_out };
        decoded.with_bytes(&file.part(MAGIC.len()..file.len())?)
    }
}
