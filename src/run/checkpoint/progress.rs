//! How far a run has come.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{incomplete, malformed_toml};
use crate::error::Result;
use crate::files::nesting;
use crate::files::reading;
use crate::files::sealed;
use crate::network::SpikeCount;

pub(super) const FILE: &str = "progress.toml";
/// The format that is written, with a checksum of its own and one of the data.
const VERSION: u32 = 2;
/// Without them: read for its weights, but not resumed.
const WITHOUT_CHECKSUMS: u32 = 1;
/// Bytes; a whole one has less than 1,000 and 100 a layer.
const LARGEST: u64 = 1 << 16;

/// How far a run has come: `progress.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingProgress {
    /// The file format: 2.
    pub version: u32,
    /// The run's name.
    pub experiment: String,
    /// SHA-256 of the run's config.toml, which the weights belong to.
    pub config_sha256: String,
    /// SHA-256 of the checksums of all data files ([`crate::run::identity::data_sha256`]); absent in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
    /// Epochs completed.
    pub epoch: usize,
    /// Steps done inside the epoch after those.
    pub step: usize,
    /// Steps done since the run began.
    pub global_step: u64,
    /// The best top-1 accuracy so far, in percent, on the images by which the best epoch is chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_top1: Option<f64>,
    /// The epoch, counted from 1, that reached it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_epoch: Option<usize>,
    /// Whether the test images have been read at the end of a run with validation images: nothing is left to do.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub tested: bool,
    /// Which tensors are in the folder.
    #[serde(default, skip_serializing_if = "crate::config::is_default")]
    pub kept: KeptTensors,
    /// SHA-256 of `model.safetensors`; filled in by [`super::save`].
    pub model_sha256: String,
    /// SHA-256 of `optimizer.safetensors`; filled in by [`super::save`].
    pub optimizer_sha256: String,
    /// What the steps after those epochs have seen; absent between two epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
}

/// What is there of a checkpoint. A run that is complete may let go of what it needs no more (`training.keep`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptTensors {
    /// The weights, and the optimizer's state: a run can go on from it.
    #[default]
    All,
    /// The weights.
    Model,
    /// None: how far the run came, and the checksums of what was there.
    Nothing,
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
    pub neurons: Vec<SpikeCount>,
}

impl TrainingProgress {
    /// The state of a run that has not done a step.
    pub fn new(experiment: &str, config_sha256: &str, data_sha256: &str) -> Self {
        Self {
            version: VERSION,
            experiment: experiment.into(),
            config_sha256: config_sha256.into(),
            data_sha256: Some(data_sha256.into()),
            epoch: 0,
            step: 0,
            global_step: 0,
            best_top1: None,
            best_epoch: None,
            tested: false,
            kept: KeptTensors::All,
            model_sha256: String::new(),
            optimizer_sha256: String::new(),
            partial: None,
        }
    }

    /// Reads a checkpoint folder's `progress.toml`.
    ///
    /// # Errors
    /// [`crate::error::Error::Weights`] when it is missing, malformed, of another version of the format, or has another
    /// SHA-256 than it says.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text =
            reading::text(&path, LARGEST).map_err(|e| incomplete(folder, &format!("{FILE} cannot be read ({e})")))?;
        let malformed = |problem: &str| incomplete(folder, &format!("{FILE} is malformed: {}", problem.trim_end()));
        let old = text.starts_with("version = 1\n");
        let body = if old { text.as_str() } else { sealed::open(&text).map_err(|problem| malformed(&problem))? };
        nesting::check(body).map_err(|(_, problem)| malformed(&problem))?;
        let progress: Self =
            toml::from_str(body).map_err(|error| incomplete(folder, &malformed_toml((&text, body), FILE, &error)))?;
        let expected = if old { WITHOUT_CHECKSUMS } else { VERSION };
        if progress.version != expected {
            let found = progress.version;
            return Err(incomplete(folder, &format!("it has format {found}, and this program reads format {VERSION}")));
        }
        Ok(progress)
    }

    /// The file's text.
    pub(super) fn to_text(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self).map(|body| sealed::seal(&body))
    }

    /// Whether the numbers are those of a run of `epochs` epochs of `steps` steps of `batch` images each: no step is
    /// left out or done twice.
    ///
    /// # Errors
    /// What cannot be, as the rest of a sentence.
    pub fn check(&self, epochs: usize, steps: usize, batch: usize) -> Result<(), String> {
        let Self { epoch, step, global_step, best_epoch, partial, .. } = self;
        let done = epoch.checked_mul(steps).and_then(|done| done.checked_add(*step));
        let images = partial.as_ref().map_or(0, |partial| partial.images);
        let problem = match () {
            () if *epoch > epochs => format!("it has done {epoch} of {epochs} epochs"),
            () if *step > steps || (*epoch == epochs && *step > 0) => {
                format!("it has done {step} of {steps} steps of epoch {}", epoch.saturating_add(1))
            }
            () if done.map(|done| done as u64) != Some(*global_step) => {
                format!("it counts {global_step} steps, and {epoch} epochs of {steps} and {step} more are others")
            }
            () if Some(images) != step.checked_mul(batch) => {
                format!("the sums of its epoch are of {images} images, and {step} batches of {batch} are others")
            }
            () if best_epoch.is_some_and(|best| best > *epoch) => "its best epoch is still to come".into(),
            () => return Ok(()),
        };
        Err(problem)
    }
}
