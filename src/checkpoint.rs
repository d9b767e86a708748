//! Checkpoints: `model.safetensors`, `optimizer.safetensors` and `progress.toml` in a folder that is either whole or absent.

mod tensors;

pub use tensors::{load_tensors, matching, save_tensors};

use crate::error::{Error, Result};
use crate::run::{sync_folder, write_atomically};
use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The format's number; a program refuses what it does not know.
const VERSION: u32 = 1;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    pub version: u32,
    /// The experiment's name.
    pub experiment: String,
    /// Of the resolved config: a checkpoint continues the run that wrote it and no other.
    pub config_sha256: String,
    /// Epochs completed.
    pub epoch: usize,
    /// Steps taken in all epochs.
    pub global_step: u64,
    /// Highest top-1 accuracy on the test images so far, in percent.
    pub best_top1: Option<f64>,
    /// Its epoch, counted from 1.
    pub best_epoch: Option<usize>,
    #[serde(default)]
    pub model_sha256: String,
    #[serde(default)]
    pub optimizer_sha256: String,
}

impl Progress {
    /// The beginning of the run whose resolved config is `config`.
    pub fn start(experiment: &str, config: &str) -> Self {
        Self {
            version: VERSION,
            experiment: experiment.into(),
            config_sha256: sha256(config.as_bytes()),
            epoch: 0,
            global_step: 0,
            best_top1: None,
            best_epoch: None,
            model_sha256: String::new(),
            optimizer_sha256: String::new(),
        }
    }

    /// Errors when the checkpoint in `folder` was written under another config.
    pub fn belongs_to(&self, config: &str, folder: &Path) -> Result<()> {
        if self.config_sha256 == sha256(config.as_bytes()) {
            return Ok(());
        }
        Err(Error::Weights(format!(
            "{}: the checkpoint belongs to another config than the config.toml beside it, which has been changed since: restore it, or \
             start a new run with training.initial_weights",
            folder.display()
        )))
    }
}

/// A loaded checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    pub model: BTreeMap<String, Tensor>,
    pub optimizer: BTreeMap<String, Tensor>,
    pub progress: Progress,
}

/// Writes a checkpoint aside, waits until it is on disk, and puts it in the place of `folder`. At every moment `folder` or
/// `<folder>.previous` is whole.
pub fn save(
    folder: &Path,
    model: &BTreeMap<String, Tensor>,
    optimizer: &BTreeMap<String, Tensor>,
    progress: &Progress,
) -> Result<()> {
    let (new, previous) = (beside(folder, "new"), beside(folder, "previous"));
    remove(&new)?;
    fs::create_dir_all(&new).map_err(Error::io("create", &new))?;
    let (model, optimizer) = (tensors::bytes(model)?, tensors::bytes(optimizer)?);
    let progress = Progress { model_sha256: sha256(&model), optimizer_sha256: sha256(&optimizer), ..progress.clone() };
    let text = toml::to_string(&progress).map_err(|e| Error::Run(format!("cannot write progress.toml: {e}")))?;
    write_atomically(&new.join("model.safetensors"), &model)?;
    write_atomically(&new.join("optimizer.safetensors"), &optimizer)?;
    write_atomically(&new.join("progress.toml"), text.as_bytes())?;
    if folder.exists() {
        remove(&previous)?;
        fs::rename(folder, &previous).map_err(Error::io("move", folder))?;
    }
    fs::rename(&new, folder).map_err(Error::io("move", &new))?;
    folder.parent().map_or(Ok(()), sync_folder)?;
    remove(&previous)
}

/// Loads the checkpoint in `folder`, or the one before where that is missing or damaged.
pub fn load(folder: &Path, device: &Device) -> Result<Checkpoint> {
    let problem = match load_from(folder, device) {
        Ok(checkpoint) => return Ok(checkpoint),
        Err(problem) => problem,
    };
    let previous = beside(folder, "previous");
    if !previous.exists() {
        return Err(problem);
    }
    tracing::warn!("{problem}; falling back on the checkpoint before it, {}", previous.display());
    load_from(&previous, device)
}

fn load_from(folder: &Path, device: &Device) -> Result<Checkpoint> {
    let path = folder.join("progress.toml");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Run(format!("{}: there is no checkpoint here", folder.display())));
        }
        Err(e) => return Err(Error::io("read", &path)(e)),
    };
    let malformed = |e: toml::de::Error| Error::Weights(format!("{}: {}", path.display(), e.message()));
    let progress: Progress = toml::from_str(&text).map_err(malformed)?;
    if progress.version != VERSION {
        let (path, found) = (path.display(), progress.version);
        return Err(Error::Weights(format!("{path}: expected checkpoint version {VERSION}, found {found}")));
    }
    let read = |name: &str, expected: &str| {
        let path = folder.join(name);
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        let found = sha256(&bytes);
        if found != expected {
            let path = path.display();
            return Err(Error::Weights(format!(
                "{path}: damaged: its SHA-256 is {found}, progress.toml says {expected}"
            )));
        }
        tensors::parse(&bytes, &path, device)
    };
    let model = read("model.safetensors", &progress.model_sha256)?;
    let optimizer = read("optimizer.safetensors", &progress.optimizer_sha256)?;
    Ok(Checkpoint { model, optimizer, progress })
}

/// The SHA-256 of `bytes` in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn beside(folder: &Path, suffix: &str) -> PathBuf {
    folder.with_file_name(format!("{}.{suffix}", folder.file_name().unwrap_or_default().to_string_lossy()))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", folder)(e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: f32) -> BTreeMap<String, Tensor> {
        BTreeMap::from([("w".to_string(), Tensor::new(&[value, 2.0], &Device::Cpu).expect("a tensor"))])
    }

    fn value(checkpoint: &Checkpoint) -> f32 {
        checkpoint.model["w"].to_vec1::<f32>().expect("floats")[0]
    }

    #[test]
    fn a_checkpoint_reads_back_and_a_damaged_one_falls_back_on_the_one_before() -> Result<()> {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("last");
        let progress = Progress { epoch: 3, best_top1: Some(97.5), ..Progress::start("a", "config") };
        save(&folder, &one(1.0), &one(10.0), &progress)?;
        save(&folder, &one(2.0), &one(20.0), &progress)?;
        assert!(!beside(&folder, "previous").exists() && !beside(&folder, "new").exists());
        let loaded = load(&folder, &Device::Cpu)?;
        assert_eq!((value(&loaded), loaded.progress.epoch, loaded.progress.best_top1), (2.0, 3, Some(97.5)));

        let model = folder.join("model.safetensors");
        let mut bytes = fs::read(&model).expect("a file");
        *bytes.last_mut().expect("a byte") ^= 1;
        fs::write(&model, bytes).expect("a file");
        let error = load(&folder, &Device::Cpu).expect_err("damaged").to_string();
        assert!(error.contains("model.safetensors: damaged: its SHA-256 is"), "{error}");
        save(&beside(&folder, "previous"), &one(1.0), &one(10.0), &progress)?;
        assert_eq!(value(&load(&folder, &Device::Cpu)?), 1.0);
        Ok(())
    }

    #[test]
    fn a_checkpoint_of_another_config_is_refused() {
        let progress = Progress::start("a", "config");
        assert!(progress.belongs_to("config", Path::new("last")).is_ok());
        let error = progress.belongs_to("other", Path::new("last")).expect_err("another").to_string();
        assert!(error.starts_with("last: the checkpoint belongs to another config"), "{error}");
    }

    #[test]
    fn sha256_gives_the_published_digest_of_abc() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
