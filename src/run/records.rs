//! `records.toml` beside a checkpoint: length and hash of `metrics.jsonl` and `steps.jsonl` when it was saved.
//!
//! A resumed run keeps so many bytes of each and writes the rest again. They must be the very bytes: a line that was
//! lost, cut or changed would otherwise go on as a part of the run.

use std::fs::OpenOptions;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::files::atomic;
use crate::files::reading;
use crate::files::sealed;
use crate::run::RunFolder;
use crate::run::checkpoint::malformed_toml;

pub(crate) const FILE: &str = "records.toml";
/// Bytes; a whole one has less than 500.
const LARGEST: u64 = 1 << 12;

/// The state of both files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// Of `metrics.jsonl`.
    pub metrics: WrittenRecord,
    /// Of `steps.jsonl`.
    pub steps: WrittenRecord,
}

/// The beginning of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenRecord {
    pub bytes: u64,
    /// Of these bytes.
    pub sha256: String,
}

impl WrittenRecord {
    /// Of `bytes` bytes, whose hash is `so_far`.
    pub fn new(bytes: u64, so_far: &Sha256) -> Self {
        Self { bytes, sha256: atomic::hex(&so_far.clone().finalize()) }
    }

    /// Nothing yet.
    pub fn nothing() -> Self {
        Self::new(0, &Sha256::new())
    }

    /// The first `bytes` bytes of a file, or all where there are fewer, and their hash.
    ///
    /// # Errors
    /// [`Error::Io`] when they cannot be read.
    pub fn first_of(path: &Path, bytes: u64) -> Result<(Self, Sha256)> {
        let (mut hash, mut piece, mut count) = (Sha256::new(), vec![0; 1 << 16], 0u64);
        if bytes > 0 {
            let file = reading::own(OpenOptions::new().read(true), path).map_err(Error::io("open", path))?;
            let mut reader = file.take(bytes);
            loop {
                match reader.read(&mut piece).map_err(Error::io("read", path))? {
                    0 => break,
                    length => {
                        hash.update(piece.get(..length).unwrap_or_default());
                        count = count.saturating_add(length as u64);
                    }
                }
            }
        }
        Ok((Self::new(count, &hash), hash))
    }

    /// The hash of the first bytes of a file, to go on with.
    ///
    /// # Errors
    /// [`Error::Run`] when they are not those that were written, [`Error::Io`] when they cannot be read.
    pub fn verify(&self, path: &Path) -> Result<Sha256> {
        let name = path.display();
        if self.bytes == 0 && path.symlink_metadata().is_err() {
            return Ok(Sha256::new());
        }
        let file = reading::own(OpenOptions::new().read(true), path).map_err(Error::io("open", path))?;
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        if length < self.bytes {
            let lost = self.bytes.saturating_sub(length);
            return Err(Error::Run(format!(
                "{name} has lost its last {lost} bytes: it has {length}, and had {} when the checkpoint was saved.",
                self.bytes
            )));
        }
        let (written, hash) = Self::first_of(path, self.bytes)?;
        match written == *self {
            true => Ok(hash),
            false => Err(Error::Run(format!(
                "{name} is damaged: its first {} bytes are not those that it had when the checkpoint was saved.",
                self.bytes
            ))),
        }
    }
}

/// Both files, found to be as they were.
#[derive(Debug, Clone)]
pub struct VerifiedRecords {
    pub records: Records,
    pub metrics: Sha256,
    pub steps: Sha256,
}

impl VerifiedRecords {
    /// Of a run that has not done a step.
    pub fn nothing() -> Self {
        Self { records: Records::nothing(), metrics: Sha256::new(), steps: Sha256::new() }
    }
}

impl Records {
    /// Those of a run that has not done a step.
    pub fn nothing() -> Self {
        Self { metrics: WrittenRecord::nothing(), steps: WrittenRecord::nothing() }
    }

    /// Reads both files of a run as far as they are to be kept; nothing is changed.
    ///
    /// # Errors
    /// As [`WrittenRecord::verify`].
    pub fn verify(&self, run: &RunFolder) -> Result<VerifiedRecords> {
        let (metrics, steps) = (self.metrics.verify(&run.metrics_jsonl())?, self.steps.verify(&run.steps())?);
        Ok(VerifiedRecords { records: self.clone(), metrics, steps })
    }

    /// Those of the checkpoint in `folder`.
    ///
    /// # Errors
    /// What is wrong with the file, as the rest of a sentence.
    pub fn load(folder: &Path) -> Result<Self, String> {
        let text = reading::text(&folder.join(FILE), LARGEST).map_err(|e| format!("{FILE} cannot be read ({e})"))?;
        let malformed = |problem: &str| format!("{FILE} is malformed: {}", problem.trim_end());
        let body = sealed::open(&text).map_err(|problem| malformed(&problem))?;
        toml::from_str(body).map_err(|error| malformed_toml((&text, body), FILE, &error))
    }

    /// The file's text.
    pub(crate) fn to_text(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self).map(|body| sealed::seal(&body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_lost_changed_or_never_had_its_first_bytes_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("steps.jsonl");
        let refused = |written: &WrittenRecord| written.verify(&path).unwrap_err().to_string();
        let written = WrittenRecord::new(3, &Sha256::new_with_prefix(b"abc"));
        assert!(WrittenRecord::nothing().verify(&path).is_ok(), "nothing is to be kept of what is not there");
        assert!(refused(&written).starts_with("cannot open "));
        std::fs::write(&path, "abcd and more").unwrap();
        let hash = written.verify(&path).unwrap();
        assert_eq!(WrittenRecord::new(3, &hash), written);
        for (text, expected) in
            [("ab", "has lost its last 1 bytes: it has 2, and had 3"), ("abd", "is damaged: its first 3")]
        {
            std::fs::write(&path, text).unwrap();
            assert!(refused(&written).contains(expected), "{}", refused(&written));
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(refused(&written).contains("it is a link"), "{}", refused(&written));
    }
}
