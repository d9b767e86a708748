//! Bytes on disk -> batches.
//!
//! [`DatasetConfig`] is the registry: one variant and one file a data set. [`DataConfig::load`] gives the two [`Split`]s,
//! pixels kept as bytes; [`Batches`] decodes, augments and normalises one batch at a time.
//!
//! | file | what it does |
//! |---|---|
//! | `digits.rs` `idx.rs` `cifar.rs` `tensors.rs` (on `safetensors.rs`) | read a data set |
//! | `files.rs` | finds, measures and hashes data files |
//! | `split.rs` | images and labels in memory |
//! | `augment.rs` `affine.rs` `normalize.rs` | what happens to a pixel |
//! | `batches.rs` | order, batches, tensors |
//! | `resident.rs` | images on a GPU, of which batches are made there |

mod affine;
mod augment;
mod batches;
mod cifar;
mod digits;
mod files;
mod idx;
mod normalize;
mod resident;
mod safetensors;
mod split;
mod tensors;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use affine::AffineConfig;
pub use augment::AugmentConfig;
pub use batches::{Batch, Batches};
pub use cifar::{Cifar10Config, Cifar100Config};
pub use digits::DigitsConfig;
pub use idx::{FashionMnistConfig, MnistConfig};
pub use normalize::NormalizeConfig;
pub use resident::Resident;
pub use split::{Dataset, Items, Split};
pub use tensors::{TensorsConfig, read_unlabelled};

use crate::error::{Error, Mistake, Result};

/// Which data to train on, and how images become the network's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set: `"digits"` or, with a folder, `{ cifar10 = { path = "data/cifar10" } }`.
    pub dataset: DatasetConfig,
    /// Images in a batch. In training a last batch with fewer images is dropped; in evaluation it is kept.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// Random changes to training images; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augment: Option<AugmentConfig>,
    /// Shift and scale of every channel; pixels stay in 0..1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<NormalizeConfig>,
    /// Use fewer images than there are, for trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitConfig>,
}

/// The most images to use of each split: its first ones, in file order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitConfig {
    /// The most training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub train: Option<usize>,
    /// The most test images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub test: Option<usize>,
}

/// The data sets that can be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatasetConfig {
    /// 1,797 handwritten digits of 8x8 pixels that come with the program: nothing to download.
    Digits(DigitsConfig),
    /// MNIST: 70,000 handwritten digits of 28x28 pixels.
    Mnist(MnistConfig),
    /// Fashion-MNIST: 70,000 pieces of clothing of 28x28 pixels, 10 classes.
    FashionMnist(FashionMnistConfig),
    /// CIFAR-10: 60,000 colour images of 32x32 pixels, 10 classes.
    Cifar10(Cifar10Config),
    /// CIFAR-100: 60,000 colour images of 32x32 pixels, 100 (fine) classes.
    Cifar100(Cifar100Config),
    /// Your own data, as safetensors files.
    Tensors(TensorsConfig),
}

/// What a network needs to know of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataShape {
    pub channels: usize,
    /// In pixels.
    pub height: usize,
    /// In pixels.
    pub width: usize,
    /// Labels are below this number.
    pub classes: usize,
    /// The number of time-steps of already coded sequences; `None` for images.
    pub time_steps: Option<usize>,
    /// Training images of the whole set (before `limit`). Before loading: the official number.
    pub train: usize,
    /// Test images of the whole set (before `limit`). Before loading: the official number.
    pub test: usize,
}

impl DatasetConfig {
    /// The data set's shape. Known without any file but for `tensors`, where headers and labels are read.
    ///
    /// # Errors
    /// [`Error::Data`] when a `tensors` file is missing or malformed.
    pub fn shape(&self) -> Result<DataShape> {
        match self {
            Self::Digits(_) => Ok(digits::SHAPE),
            Self::Mnist(_) | Self::FashionMnist(_) => Ok(idx::SHAPE),
            Self::Cifar10(_) => Ok(cifar::SHAPE_10),
            Self::Cifar100(_) => Ok(cifar::SHAPE_100),
            Self::Tensors(config) => config.shape(),
        }
    }

    /// The files and folders it reads.
    pub fn paths(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Digits(_) => Vec::new(),
            Self::Mnist(config) => vec![&mut config.path],
            Self::FashionMnist(config) => vec![&mut config.path],
            Self::Cifar10(config) => vec![&mut config.path],
            Self::Cifar100(config) => vec![&mut config.path],
            Self::Tensors(config) => vec![&mut config.train, &mut config.test],
        }
    }

    /// Both splits, whole.
    ///
    /// # Errors
    /// [`Error::Data`] or [`Error::Io`] for files that are missing, malformed or hold labels out of range.
    pub fn load(&self) -> Result<Dataset> {
        match self {
            Self::Digits(_) => digits::load(),
            Self::Mnist(config) => config.load(),
            Self::FashionMnist(config) => config.load(),
            Self::Cifar10(config) => config.load(),
            Self::Cifar100(config) => config.load(),
            Self::Tensors(config) => config.load(),
        }
    }
}

impl DataConfig {
    /// Mistakes that need more than one value to be seen, as (dotted key from the top of the file, problem). No file is
    /// read: what depends on the shape of `tensors` files is left to [`DataConfig::load`].
    pub fn mistakes(&self) -> Vec<(String, String)> {
        let shape = match &self.dataset {
            DatasetConfig::Tensors(_) => None,
            dataset => dataset.shape().ok(),
        };
        self.mistakes_given(shape)
    }

    fn mistakes_given(&self, shape: Option<DataShape>) -> Vec<(String, String)> {
        let mut mistakes = Vec::new();
        if let Some(normalize) = &self.normalize {
            mistakes.extend(normalize.mistakes(shape.map(|shape| shape.channels)));
        }
        if let (Some(augment), Some(shape)) = (&self.augment, shape) {
            mistakes.extend(augment.mistakes(&shape));
        }
        let limit = self.limit.as_ref().and_then(|limit| limit.train);
        let images = [limit, shape.map(|shape| shape.train)].into_iter().flatten().min();
        if let Some(images) = images.filter(|&images| self.batch_size > images) {
            let cause = if Some(images) == limit { " that data.limit.train leaves" } else { "" };
            mistakes.push((
                "data.batch_size".into(),
                format!(
                    "a batch of {} is larger than the {images} training images{cause}, so that no batch would be \
                     full; use a batch_size of at most {images}",
                    self.batch_size
                ),
            ));
        }
        mistakes
    }

    /// Reads the data set, checks every file and applies `limit`.
    ///
    /// # Errors
    /// [`Error::Data`] or [`Error::Io`] for files that are missing, malformed or hold labels out of range, and
    /// [`Error::Config`] for settings that do not fit `tensors` files.
    pub fn load(&self) -> Result<Dataset> {
        let mut dataset = self.dataset.load()?;
        let mistakes = self.mistakes_given(Some(dataset.shape));
        if !mistakes.is_empty() {
            let place = String::new();
            let mistake = |(key, problem)| Mistake { place: place.clone(), key, problem };
            return Err(Error::Config(mistakes.into_iter().map(mistake).collect()));
        }
        if let Some(limit) = &self.limit {
            dataset.train.truncate(limit.train.unwrap_or(usize::MAX));
            dataset.test.truncate(limit.test.unwrap_or(usize::MAX));
        }
        Ok(dataset)
    }
}
