//! What a user wrote about a run: a note and tags, in the run folder's `labels.toml`.
//!
//! Nothing that is computed, resumed or told apart hangs on it. It is replaced as a whole, by one process at a time,
//! while the run may be at work.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::atomic::{self, write_atomically};
use crate::files::{excerpt, reading};
use crate::run::RunFolder;

/// Bytes of the file, and of a note.
const LARGEST: u64 = 1 << 16;
const LONGEST_NOTE: usize = 1 << 14;
/// Of one run, and letters of each.
const MOST_TAGS: usize = 100;
const LONGEST_TAG: usize = 50;

/// A run's note and tags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// In the alphabet's order.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
}

impl Labels {
    /// Those of a run; none where nothing was written.
    ///
    /// # Errors
    /// [`Error::Config`] for a file that is malformed, [`Error::Io`] for one that cannot be read.
    pub fn load(run: &RunFolder) -> Result<Self> {
        let path = run.labels();
        let text = match reading::text(&path, LARGEST) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(Error::io("read", &path))?,
        };
        toml::from_str(&text).map_err(|error| {
            let told = |problem: &str| {
                format!(
                    "expected note and tags as bntt note and bntt tag write them, found what cannot be read: {problem}. Mend \
                     it, or remove it."
                )
            };
            let name = path.display().to_string();
            Error::Config(vec![excerpt::toml_mistake(&name, (&text, &text), &error, told)])
        })
    }

    /// Changes those of a run and gives the new ones.
    ///
    /// # Errors
    /// Those of [`Labels::load`] and of `change`; nothing is changed then.
    pub fn change(run: &RunFolder, change: impl FnOnce(&mut Self) -> Result<()>) -> Result<Self> {
        let folder = File::open(run.path()).map_err(Error::io("open", run.path()))?;
        // Held until the folder is closed. On a file system without locks two at once may lose a word of each other.
        let _ = folder.lock();
        let mut labels = Self::load(run)?;
        change(&mut labels)?;
        let path = run.labels();
        if labels == Self::default() {
            match fs::remove_file(&path) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(Error::io("remove", &path)(e)),
                _ => atomic::sync_folder(run.path())?,
            }
        } else {
            let text =
                toml::to_string(&labels).map_err(|e| Error::Run(format!("cannot write {}: {e}.", path.display())))?;
            write_atomically(&path, text.as_bytes())?;
        }
        Ok(labels)
    }

    /// Replaces the note; one without letters takes it away.
    ///
    /// # Errors
    /// [`Error::Run`] for one that is too long.
    pub fn set_note(&mut self, note: &str) -> Result<()> {
        let note = note.trim();
        if note.len() > LONGEST_NOTE {
            return Err(Error::Run(format!("a note: expected at most {LONGEST_NOTE} bytes, found {}.", note.len())));
        }
        self.note = (!note.is_empty()).then(|| note.to_string());
        Ok(())
    }

    /// Adds `name` or `+name`, takes `-name` away; one that is there, or is not, stays so.
    ///
    /// # Errors
    /// [`Error::Run`] for what is no name of a tag, and for more tags than a run may have.
    pub fn change_tag(&mut self, change: &str) -> Result<()> {
        match change.strip_prefix('-') {
            Some(name) => {
                check_tag(name, change)?;
                self.tags.remove(name);
            }
            None => {
                let name = change.strip_prefix('+').unwrap_or(change);
                check_tag(name, change)?;
                self.tags.insert(name.to_string());
            }
        }
        match self.tags.len() {
            0..=MOST_TAGS => Ok(()),
            found => Err(Error::Run(format!("tags: expected at most {MOST_TAGS} of a run, found {found}."))),
        }
    }
}

/// Tags are written on command lines: letters, digits, `_`, `-` and `.`, beginning with a letter or digit.
fn check_tag(name: &str, written: &str) -> Result<()> {
    let allowed = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let begins = name.starts_with(char::is_alphanumeric);
    if begins && name.chars().all(allowed) && name.chars().count() <= LONGEST_TAG {
        return Ok(());
    }
    Err(Error::Run(format!(
        "{written:?}: expected a tag of at most {LONGEST_TAG} letters, digits, `_`, `-` and `.` that begins with a letter or digit, after \
         `+` (or nothing) to add it or `-` to take it away."
    )))
}
