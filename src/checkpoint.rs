//! A checkpoint: a folder with the model, the optimizer's state and how far the run has come.
//!
//! A new checkpoint is written beside the old one and then takes its place, so that a run that is killed at any moment can
//! go on from the one or the other. The old one stays as `<folder>.previous`, should the new one ever be damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::durable::{self, beside, sha256_hex};
use crate::error::{Error, Result};
use crate::nesting;
use crate::reading;
use crate::weights;

pub use crate::weights::{load_tensors, matching, save_tensors};

const MODEL: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const PROGRESS: &str = "progress.toml";
const VERSION: u32 = 1;
/// Bytes; a whole one has less than 1,000.
const LARGEST_PROGRESS: u64 = 1 << 16;

/// How far a run has come: `progress.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The file format: 1.
    pub version: u32,
    /// The run's name.
    pub experiment: String,
    /// SHA-256 of the run's config.toml, which the weights belong to.
    pub config_sha256: String,
    /// Epochs completed.
    pub epoch: usize,
    /// Steps done inside the epoch after those.
    pub step: usize,
    /// Steps done since the run began.
    pub global_step: u64,
    /// The best top-1 accuracy on the test split so far, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_top1: Option<f64>,
    /// The epoch, counted from 1, that reached it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_epoch: Option<usize>,
    /// SHA-256 of `model.safetensors`; filled in by [`save`].
    pub model_sha256: String,
    /// SHA-256 of `optimizer.safetensors`; filled in by [`save`].
    pub optimizer_sha256: String,
    /// What the steps after those epochs have seen; absent between two epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
}

/// The sums of an epoch that is not over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partial {
    /// Sum of the losses of all images.
    pub loss_sum: f64,
    /// Images whose label was the likeliest class.
    pub top1: usize,
    /// Images whose label was among the five likeliest.
    pub top5: usize,
    pub images: usize,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Time spent on the epoch.
    pub seconds: f64,
    /// Of every LIF layer, in the network's order.
    pub neurons: Vec<Fired>,
}

/// How often the neurons of a layer fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fired {
    pub layer: String,
    pub spikes: i64,
    /// Neurons x time-steps x images.
    pub chances: u64,
}

impl Progress {
    /// The state of a run that has not done a step.
    pub fn new(experiment: &str, config_sha256: &str) -> Self {
        Self {
            version: VERSION,
            experiment: experiment.into(),
            config_sha256: config_sha256.into(),
            epoch: 0,
            step: 0,
            global_step: 0,
            best_top1: None,
            best_epoch: None,
            model_sha256: String::new(),
            optimizer_sha256: String::new(),
            partial: None,
        }
    }

    /// Reads a checkpoint folder's `progress.toml`.
    ///
    /// # Errors
    /// [`Error::Weights`] when it is missing, malformed or of another version of the format.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(PROGRESS);
        let text = reading::text(&path, LARGEST_PROGRESS)
            .map_err(|e| incomplete(folder, &format!("{PROGRESS} cannot be read ({e})")))?;
        nesting::check(&text).map_err(|(_, e)| incomplete(folder, &format!("{PROGRESS} is malformed: {e}")))?;
        let progress: Self = toml::from_str(&text)
            .map_err(|e| incomplete(folder, &format!("{PROGRESS} is malformed: {}", e.to_string().trim_end())))?;
        if progress.version != VERSION {
            let found = progress.version;
            return Err(incomplete(folder, &format!("it has format {found}, and this program reads format {VERSION}")));
        }
        Ok(progress)
    }
}

/// What a checkpoint folder holds.
#[derive(Debug)]
pub struct Checkpoint {
    /// Parameters and running statistics by name.
    pub model: BTreeMap<String, Tensor>,
    /// The optimizer's state by name.
    pub optimizer: BTreeMap<String, Tensor>,
    pub progress: Progress,
    /// The folder that was read: not always the one asked for, see [`load`].
    pub folder: PathBuf,
}

/// Writes a checkpoint to `folder`, in place of the one there, which becomes `<folder>.previous`. The checksums of `progress` are
/// filled in. `<folder>.new` exists only meanwhile.
///
/// # Errors
/// [`Error::Io`] when a file cannot be written, [`Error::Run`] when the folder around it is gone; the checkpoint that was there is then still
/// whole.
pub fn save(
    folder: &Path,
    model: &BTreeMap<String, Tensor>,
    optimizer: &BTreeMap<String, Tensor>,
    progress: &Progress,
) -> Result<()> {
    put(folder, model, optimizer, progress).map_err(|error| match folder.parent() {
        // Whatever was being done just then, this is why it failed.
        Some(around) if !around.exists() => Error::Run(format!(
            "{} is gone: the run folder was moved or deleted while the run worked, so its checkpoint cannot be written there.",
            around.display()
        )),
        _ => error,
    })
}

fn put(
    folder: &Path,
    model: &BTreeMap<String, Tensor>,
    optimizer: &BTreeMap<String, Tensor>,
    progress: &Progress,
) -> Result<()> {
    let [new, previous] = [beside(folder, ".new"), beside(folder, ".previous")];
    finish_interrupted(folder, &new, &previous)?;
    durable::remove_folder(&new)?;
    let written = write(&new, model, optimizer, progress);
    if written.is_err() {
        // On a full disk half a checkpoint is in the way.
        let _ = durable::remove_folder(&new);
    }
    written?;
    durable::replace_folder(&new, folder, &previous)
}

fn write(
    new: &Path,
    model: &BTreeMap<String, Tensor>,
    optimizer: &BTreeMap<String, Tensor>,
    progress: &Progress,
) -> Result<()> {
    fs::create_dir(new).map_err(Error::io("create", new))?;
    let mut progress = progress.clone();
    for (name, tensors, sha256) in
        [(MODEL, model, &mut progress.model_sha256), (OPTIMIZER, optimizer, &mut progress.optimizer_sha256)]
    {
        let path = new.join(name);
        let bytes = weights::to_bytes(&path, tensors)?;
        *sha256 = sha256_hex(&bytes);
        durable::write_and_sync(&path, &bytes)?;
    }
    let path = new.join(PROGRESS);
    let text = toml::to_string(&progress).map_err(|e| Error::Run(format!("cannot write {}: {e}.", path.display())))?;
    durable::write_and_sync(&path, text.as_bytes())?;
    durable::sync_folder(new)
}

/// Puts back what a killed `save` left beside an absent `folder`, before the next one clears it away.
fn finish_interrupted(folder: &Path, new: &Path, previous: &Path) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    match [new, previous].into_iter().find(|left| load_exactly(left, &Device::Cpu).is_ok()) {
        Some(left) => fs::rename(left, folder).map_err(Error::io("rename", left)),
        None => Ok(()),
    }
}

/// Reads a checkpoint and verifies its checksums.
///
/// When `folder` is missing because a run was killed while saving, or damaged, what lies beside it is taken, with a
/// warning: `<folder>.new`, or else `<folder>.previous`.
///
/// # Errors
/// [`Error::Weights`] that says what is wrong with `folder` when none of the three is whole.
pub fn load(folder: &Path, device: &Device) -> Result<Checkpoint> {
    let first = match load_exactly(folder, device) {
        Err(first @ (Error::Weights(_) | Error::Io { .. })) => first,
        other => return other,
    };
    for beside in [beside(folder, ".new"), beside(folder, ".previous")] {
        if let Ok(checkpoint) = load_exactly(&beside, device) {
            tracing::warn!("{first} The checkpoint {} is used instead.", beside.display());
            return Ok(checkpoint);
        }
    }
    Err(first)
}

/// Whether there is anything that [`load`] could read or complain of.
pub fn exists(folder: &Path) -> bool {
    [folder.to_path_buf(), beside(folder, ".new"), beside(folder, ".previous")].iter().any(|place| place.exists())
}

/// [`load`], or nothing where no checkpoint was ever saved whole: the first may have been cut short.
///
/// # Errors
/// As [`load`].
pub fn find(folder: &Path, device: &Device) -> Result<Option<Checkpoint>> {
    if folder.exists() || beside(folder, ".previous").exists() {
        return load(folder, device).map(Some);
    }
    Ok(load_exactly(&beside(folder, ".new"), device).ok())
}

/// Reads `folder` and no other.
pub(crate) fn load_exactly(folder: &Path, device: &Device) -> Result<Checkpoint> {
    if !folder.is_dir() {
        return Err(Error::Weights(format!("there is no checkpoint folder {}.", folder.display())));
    }
    let progress = Progress::load(folder)?;
    let read = |name: &str, sha256: &str| {
        let path = folder.join(name);
        let (tensors, found) = weights::load_with_sha256(&path, device)?;
        if found != sha256 {
            let problem = format!("{name} has the SHA-256 {found}, and {PROGRESS} says {sha256}");
            return Err(incomplete(folder, &problem));
        }
        Ok(tensors)
    };
    let model = read(MODEL, &progress.model_sha256)?;
    let optimizer = read(OPTIMIZER, &progress.optimizer_sha256)?;
    Ok(Checkpoint { model, optimizer, progress, folder: folder.to_path_buf() })
}

fn incomplete(folder: &Path, problem: &str) -> Error {
    Error::Weights(format!("the checkpoint {} cannot be used: {problem}.", folder.display()))
}
