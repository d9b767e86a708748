//! A checkpoint: a folder with the model, the optimizer's state and how far the run has come.
//!
//! A new checkpoint is written beside the old one and then takes its place, so that a run that is killed at any moment
//! can go on from the one or the other. Of `last` the old one stays as `last.previous`, should the new one ever be
//! damaged; `best` has none, since that would be another epoch's.
//!
//! A complete run may let go of tensors ([`keep_best`]); `progress.toml` says of a checkpoint which are there.
//!
//! Whoever reads weights to use them reads the very folder that was asked for, or is refused ([`load`]). Only a run
//! that is continued may fall back to what lies beside it ([`candidates`]): it comes to the same end from there.

mod progress;
mod reduced;

pub use progress::{KeptTensors, Partial, TrainingProgress};
pub use reduced::{bytes_to_let_go, keep_best};

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

use crate::error::{Error, Result};
use crate::files::atomic::{self, beside, sha256_hex};
use crate::files::{excerpt, weights};
use crate::ops::finite;
use crate::run::records::{self, Records};

pub use crate::files::weights::{load_tensors, matching, save_tensors};

const MODEL: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";

/// What a checkpoint folder holds.
#[derive(Debug)]
pub struct Checkpoint {
    /// Parameters and running statistics by name.
    pub model: BTreeMap<String, Tensor>,
    /// The optimizer's state by name.
    pub optimizer: BTreeMap<String, Tensor>,
    pub progress: TrainingProgress,
    /// The folder that was read.
    pub folder: PathBuf,
}

/// What is saved.
#[derive(Debug, Clone, Copy)]
pub struct CheckpointContents<'a> {
    pub model: &'a BTreeMap<String, Tensor>,
    pub optimizer: &'a BTreeMap<String, Tensor>,
    /// Its checksums are filled in.
    pub progress: &'a TrainingProgress,
    /// Of a checkpoint that a run may be continued from; the one that it replaces is then kept as `<folder>.previous`.
    pub records: Option<&'a Records>,
}

/// Writes a checkpoint to `folder`, in place of the one there. `<folder>.new` exists only meanwhile.
///
/// # Errors
/// [`Error::Io`] when a file cannot be written; the checkpoint that was there is then still whole.
pub fn save(folder: &Path, contents: CheckpointContents<'_>) -> Result<()> {
    let [new, previous] = [beside(folder, ".new"), beside(folder, ".previous")];
    mend(folder)?;
    atomic::remove_folder(&new)?;
    let written = write(&new, contents);
    if written.is_err() {
        // On a full disk half a checkpoint is in the way.
        let _ = atomic::remove_folder(&new);
    }
    written?;
    atomic::replace_folder(&new, folder, &previous)?;
    if contents.records.is_none() {
        atomic::remove_folder(&previous)?;
    }
    Ok(())
}

/// Writes the files of a checkpoint into the folder `new`, which is made, and waits until the disk has them.
fn write(new: &Path, contents: CheckpointContents<'_>) -> Result<()> {
    let CheckpointContents { model, optimizer, progress, records } = contents;
    fs::create_dir(new).map_err(Error::io("create", new))?;
    let mut progress = progress.clone();
    let [has_model, has_optimizer] = has(progress.kept);
    for (name, tensors, sha256) in [
        has_model.then_some((MODEL, model, &mut progress.model_sha256)),
        has_optimizer.then_some((OPTIMIZER, optimizer, &mut progress.optimizer_sha256)),
    ]
    .into_iter()
    .flatten()
    {
        let path = new.join(name);
        let bytes = weights::to_bytes(&path, tensors)?;
        *sha256 = sha256_hex(&bytes);
        atomic::write_and_sync(&path, &bytes)?;
    }
    let unwritable = |path: &Path, e: toml::ser::Error| Error::Run(format!("cannot write {}: {e}.", path.display()));
    if let Some(records) = records {
        let path = new.join(records::FILE);
        let text = records.to_text().map_err(|e| unwritable(&path, e))?;
        atomic::write_and_sync(&path, text.as_bytes())?;
    }
    let path = new.join(progress::FILE);
    let text = progress.to_text().map_err(|e| unwritable(&path, e))?;
    atomic::write_and_sync(&path, text.as_bytes())?;
    atomic::sync_folder(new)
}

/// Puts back what a killed `save` left beside an absent `folder`.
///
/// # Errors
/// [`Error::Io`] when it cannot be renamed.
pub fn mend(folder: &Path) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let [new, previous] = [beside(folder, ".new"), beside(folder, ".previous")];
    match [new, previous].into_iter().find(|left| load_kept(left, &Device::Cpu).is_ok()) {
        Some(left) => {
            fs::rename(&left, folder).map_err(Error::io("rename", &left))?;
            atomic::sync_folder(folder.parent().unwrap_or(Path::new(".")))
        }
        None => Ok(()),
    }
}

/// Where a checkpoint may lie that a run can go on from, the newest first: a run that was killed while saving leaves it
/// beside `folder`, and one that was damaged has an older one there.
pub fn candidates(folder: &Path) -> [PathBuf; 3] {
    [folder.to_path_buf(), beside(folder, ".new"), beside(folder, ".previous")]
}

/// Reads the weights of the checkpoint in `folder`, and the optimizer's state where it is kept; verifies checksums and
/// that all numbers are finite.
///
/// # Errors
/// [`Error::Weights`] or [`Error::Io`] that says what is wrong with it; [`Error::Weights`] for one whose weights were
/// let go.
pub fn load(folder: &Path, device: &Device) -> Result<Checkpoint> {
    let found = load_kept(folder, device)?;
    match found.progress.kept {
        KeptTensors::Nothing => Err(Error::Weights(format!(
            "the checkpoint {} has no weights any more: training.keep = \"best\" let go of all but the best weights when the run was complete. \
             Use --checkpoint best.",
            folder.display()
        ))),
        _ => Ok(found),
    }
}

/// The same, be there weights or not: what is not kept has no tensors.
///
/// # Errors
/// [`Error::Weights`] or [`Error::Io`] that says what is wrong with it.
pub fn load_kept(folder: &Path, device: &Device) -> Result<Checkpoint> {
    if !folder.is_dir() {
        return Err(Error::Weights(format!("there is no checkpoint folder {}.", folder.display())));
    }
    let progress = TrainingProgress::load(folder)?;
    let read = |name: &str, sha256: &str| {
        let path = folder.join(name);
        let (tensors, found) = weights::load_with_sha256(&path, device)?;
        if found != sha256 {
            let problem = format!("{name} has the SHA-256 {found}, and {} says {sha256}", progress::FILE);
            return Err(incomplete(folder, &problem));
        }
        finite::check_weights(&tensors, &path)?;
        Ok(tensors)
    };
    let if_kept = |kept: bool, name: &str, sha256: &str| if kept { read(name, sha256) } else { Ok(BTreeMap::new()) };
    let [has_model, has_optimizer] = has(progress.kept);
    let model = if_kept(has_model, MODEL, &progress.model_sha256)?;
    let optimizer = if_kept(has_optimizer, OPTIMIZER, &progress.optimizer_sha256)?;
    Ok(Checkpoint { model, optimizer, progress, folder: folder.to_path_buf() })
}

/// Whether there are weights, and the optimizer's state.
fn has(kept: KeptTensors) -> [bool; 2] {
    [kept != KeptTensors::Nothing, kept == KeptTensors::All]
}

fn incomplete(folder: &Path, problem: &str) -> Error {
    Error::Weights(format!("the checkpoint {} cannot be used: {problem}.", folder.display()))
}

/// What is wrong with the `body` of the sealed `text` of a checkpoint's `file`, as the rest of a sentence. Its line is
/// not shown: nobody wrote it.
pub(super) fn malformed_toml(texts: (&str, &str), file: &str, error: &toml::de::Error) -> String {
    format!("{file} is malformed: {}", excerpt::toml_mistake(file, texts, error, str::to_owned))
}
