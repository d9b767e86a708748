//! Source files to items, side by side.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};
use sha2::{Digest, Sha256};
use tracing::info;

use super::{DecodeRecipe, SourceFile};
use crate::data::{Bytes, files};
use crate::error::{Error, Result};
use crate::files::atomic::sha256_hex;
use crate::files::reading;

/// Files that a thread has in hand at once.
const FILES_A_THREAD: usize = 8;

/// How often a long decoding says how far it is.
const BETWEEN_WORDS: Duration = Duration::from_secs(20);

/// What is decoded of a file.
#[derive(Debug)]
pub(in crate::data) struct Decoding {
    /// One or more.
    pub items: Vec<DecodedItem>,
    /// What was left out of it, in words that go on after the file's name.
    pub left_out: Option<String>,
}

impl From<DecodedItem> for Decoding {
    fn from(item: DecodedItem) -> Self {
        Self { items: vec![item], left_out: None }
    }
}

/// One image, or one sequence.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) struct DecodedItem {
    pub label: u32,
    /// As many as the recipe's shape says.
    pub pixels: Vec<u8>,
}

/// The training and the test split. `P` stands for a split's pixels: their number while they are written, or the bytes
/// themselves.
#[derive(Debug)]
pub(super) struct Decoded<P> {
    pub labels: [Vec<u32>; 2],
    pub pixels: [P; 2],
    /// Of the source files.
    pub sha256: String,
    /// What was left out of which file.
    pub left_out: Vec<String>,
}

impl Decoded<usize> {
    /// With the pixels, which `bytes` begins with; `None` where it has too few.
    pub fn with_bytes(self, bytes: &Bytes) -> Option<Decoded<Bytes>> {
        let [train, test] = self.pixels;
        let pixels = [bytes.part(0..train)?, bytes.part(train..train.checked_add(test)?)?];
        Some(Decoded { labels: self.labels, pixels, sha256: self.sha256, left_out: self.left_out })
    }
}

/// Why a data set could not be decoded.
#[derive(Debug)]
pub(super) enum DecodeError {
    /// A source file cannot be used.
    Source(Error),
    /// The place for what is decoded cannot be used.
    Sink(String),
}

impl DecodeError {
    pub fn into_error(self) -> Error {
        match self {
            Self::Source(error) => error,
            Self::Sink(problem) => Error::Data(problem),
        }
    }
}

impl From<Error> for DecodeError {
    fn from(error: Error) -> Self {
        Self::Source(error)
    }
}

/// A file's SHA-256 and what was decoded of it.
type DecodeResult = Result<(String, Decoding)>;

/// Decodes all files of the recipe and writes their pixels to `sink`, in order: at no time are more than a few files in
/// memory.
pub(super) fn all<T: Sync>(
    recipe: &DecodeRecipe<'_, T>,
    decode: &(impl Fn(&T, &Path, &[u8]) -> Result<Decoding> + Sync),
    sink: &mut impl Write,
) -> Result<Decoded<usize>, DecodeError> {
    let (mut hashes, mut all_left_out) = (Vec::new(), Vec::new());
    for path in &recipe.beside {
        hashes.push((path.as_path(), files::checksum(&recipe.folder.join(path))?));
    }
    let (mut labels, mut pixels) = ([Vec::new(), Vec::new()], [0usize; 2]);
    let mut progress = DecodeProgress::new(recipe);
    let group = rayon::current_num_threads().saturating_mul(FILES_A_THREAD).max(1);
    for ((sources, labels), pixels) in recipe.splits.iter().zip(&mut labels).zip(&mut pixels) {
        for sources in sources.chunks(group) {
            let outcomes: Vec<DecodeResult> = sources.par_iter().map(|source| one(recipe, source, decode)).collect();
            // In order, so that of several broken files it is always the first that is named.
            for (source, outcome) in sources.iter().zip(outcomes) {
                let (hash, Decoding { items, left_out }) = outcome?;
                hashes.push((source.path.as_path(), hash));
                all_left_out.extend(left_out.map(|left_out| format!("{}: {left_out}", source.path.display())));
                for DecodedItem { label, pixels: bytes } in items {
                    sink.write_all(&bytes).map_err(|error| DecodeError::Sink(format!("cannot write: {error}")))?;
                    labels.push(label);
                    *pixels = pixels.saturating_add(bytes.len());
                }
            }
            progress.add(sources.len());
        }
    }
    Ok(Decoded { labels, pixels, sha256: combined(hashes), left_out: all_left_out })
}

/// The checksum of the source files, which are hashed side by side and not decoded.
pub(super) fn checksum<T>(recipe: &DecodeRecipe<'_, T>) -> Result<String> {
    let paths: Vec<&Path> = recipe.files().collect();
    let hashes: Vec<_> =
        paths.into_par_iter().map(|path| Ok((path, files::checksum(&recipe.folder.join(path))?))).collect();
    // In order, so that of several missing files it is always the first that is named.
    Ok(combined(hashes.into_iter().collect::<Result<_>>()?))
}

fn one<T>(
    recipe: &DecodeRecipe<'_, T>,
    source: &SourceFile<T>,
    decode: impl Fn(&T, &Path, &[u8]) -> Result<Decoding>,
) -> DecodeResult {
    let path = recipe.folder.join(&source.path);
    let content = reading::bytes(&path, recipe.longest).map_err(Error::io("read", &path))?;
    let decoding = decode(&source.about, &path, &content)?;
    for DecodedItem { label, pixels } in &decoding.items {
        if *label as usize >= recipe.classes {
            let most = recipe.classes.saturating_sub(1);
            return Err(Error::Data(format!("{}: the label is {label}; expected 0 to {most}.", path.display())));
        }
        if Some(pixels.len()) != recipe.item_length() {
            let (length, shape) = (pixels.len(), &recipe.shape);
            return Err(Error::Data(format!("{}: an item of {length} bytes; expected {shape:?}.", path.display())));
        }
    }
    Ok((sha256_hex(&content), decoding))
}

/// The SHA-256 of `sha256sum`'s lines of all files, sorted by path.
fn combined(hashes: Vec<(&Path, String)>) -> String {
    // As text, like `LC_ALL=C sort`: paths compare by their parts.
    let mut lines: Vec<_> = hashes.into_iter().map(|(path, hash)| (path.display().to_string(), hash)).collect();
    lines.sort();
    let mut all = Sha256::new();
    for (path, hash) in lines {
        all.update(format!("{hash}  {path}\n"));
    }
    files::hexadecimal(all)
}

/// How far a long decoding is.
struct DecodeProgress {
    set: &'static str,
    done: usize,
    all: usize,
    said: Instant,
}

impl DecodeProgress {
    fn new<T>(recipe: &DecodeRecipe<'_, T>) -> Self {
        Self { set: recipe.set, done: 0, all: recipe.splits.iter().flatten().count(), said: Instant::now() }
    }

    fn add(&mut self, files: usize) {
        self.done = self.done.saturating_add(files);
        if self.said.elapsed() > BETWEEN_WORDS {
            info!("{}: decoded {} of {} files", self.set, self.done, self.all);
            self.said = Instant::now();
        }
    }
}
