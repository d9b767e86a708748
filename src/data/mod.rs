//! Bytes on disk -> batches.
//!
//! [`DatasetConfig`] is the list of data sets. [`DataConfig::load`] gives the two
//! [`Split`]s, pixels kept as bytes; [`Batches`] decodes, augments and normalises one batch at a time.
//!
//! | file | what it does |
//! |---|---|
//! | `digits.rs` `idx.rs` `cifar.rs` `tiny_imagenet.rs` (on `jpeg.rs`) `tensors.rs` (on `safetensors.rs`) | read a data set |
//! | `events/` | reads recordings of event cameras |
//! | `files.rs` `instead.rs` | finds, lists, measures and hashes data files; what lies there in their place |
//! | `split.rs` `bytes.rs` | images and labels, in memory or mapped from a file |
//! | `limit.rs` | fewer images than there are |
//! | `validation.rs` | training images held out, by which an epoch is chosen |
//! | `warnings.rs` | what is odd about a data set |
//! | `cache/` | data sets that take long to decode are decoded once |
//! | `augment.rs` `affine.rs` `auto_augment/` `normalize.rs` | what happens to a pixel |
//! | `mixup.rs` | what happens to the images of a batch |
//! | `batches.rs` | order, batches, tensors |
//! | `resident.rs` | images on a GPU, of which batches are made there |

mod affine;
mod augment;
mod auto_augment;
mod batches;
mod bytes;
mod cache;
mod cifar;
mod device_dataset;
mod digits;
pub mod download;
mod events;
mod files;
mod idx;
mod jpeg;
mod limit;
mod mixup;
mod normalize;
mod safetensors;
mod split;
mod tensors;
mod tiny_imagenet;
mod unexpected_files;
mod validation;
mod warnings;

#[cfg(test)]
mod captured_warnings;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::warn;

pub use affine::AffineConfig;
pub use augment::AugmentConfig;
pub use auto_augment::AutoAugmentPolicy;
pub use batches::{Batch, Batches, SplitImages};
pub use bytes::Bytes;
pub use cifar::{Cifar10Config, Cifar100Config};
pub use device_dataset::DeviceDataset;
pub use digits::DigitsConfig;
pub use events::{
    DvsCifar10Config, DvsRecordingsConfig, FrameSplit, FrameValues, FramesConfig, NmnistConfig, TestSplit,
};
pub use idx::{FashionMnistConfig, MnistConfig};
pub use limit::LimitConfig;
pub use mixup::Mixture;
pub use normalize::NormalizeConfig;
pub use split::{Dataset, Split, SplitValues};
pub use tensors::{TensorsConfig, read_unlabelled};
pub use tiny_imagenet::TinyImagenetConfig;
pub use validation::{Holdout, ValidationConfig};

use self::warnings::ClassCounts;
use crate::config::registry;
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
    /// Training images that are held out, by which the best epoch is chosen; the test images, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<ValidationConfig>,
}

registry! {
    // A new data set is one file, its `mod` line above, and a line here.
    /// The data sets that can be read.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    DatasetConfig, DatasetKind, dyn DatasetSpec {
        /// 1,797 handwritten digits of 8x8 pixels that come with the program: nothing to download.
        "digits" => Digits(DigitsConfig),
        /// MNIST: 70,000 handwritten digits of 28x28 pixels.
        "mnist" => Mnist(MnistConfig),
        /// Fashion-MNIST: 70,000 pieces of clothing of 28x28 pixels, 10 classes.
        "fashion_mnist" => FashionMnist(FashionMnistConfig),
        /// CIFAR-10: 60,000 colour images of 32x32 pixels, 10 classes.
        "cifar10" => Cifar10(Cifar10Config),
        /// CIFAR-100: 60,000 colour images of 32x32 pixels, 100 (fine) classes.
        "cifar100" => Cifar100(Cifar100Config),
        /// Tiny-ImageNet: 110,000 colour images of 64x64 pixels, 200 classes, or some of its classes.
        "tiny_imagenet" => TinyImagenet(TinyImagenetConfig),
        /// N-MNIST: 70,000 recordings of handwritten digits by an event camera of 34x34 pixels.
        "nmnist" => Nmnist(NmnistConfig),
        /// CIFAR10-DVS: 10,000 recordings of moving images by an event camera of 128x128 pixels.
        "dvs_cifar10" => DvsCifar10(DvsCifar10Config),
        /// Your own long recordings of a DVS128, one a class, session against session.
        "dvs_recordings" => DvsRecordings(DvsRecordingsConfig),
        /// Your own data, as safetensors files.
        "tensors" => Tensors(TensorsConfig),
    }
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
    /// Training images of the whole set (before `limit`). Before loading: the official number, 0 where there is none.
    pub train: usize,
    /// Test images of the whole set (before `limit`). Before loading: the official number, 0 where there is none.
    pub test: usize,
}

/// What a data set does: the one thing to write for a new one. `time_steps` are those of a network: recordings become
/// as many frames; images do not depend on it.
pub trait DatasetSpec {
    /// The data set's shape. Known without any file but for `tensors`, where headers and labels are read, and
    /// `tiny_imagenet`, whose list of classes is, where there is one.
    ///
    /// # Errors
    /// [`Error::Data`] when a `tensors` file is missing or malformed, or a list of classes malformed.
    fn shape(&self, time_steps: usize) -> Result<DataShape>;

    /// The files and folders it reads.
    fn paths(&mut self) -> Vec<&mut PathBuf>;

    /// Both splits, whole.
    ///
    /// # Errors
    /// [`Error::Data`] or [`Error::Io`] for files that are missing, malformed or hold labels out of range.
    fn load(&self, time_steps: usize) -> Result<Dataset>;

    /// The checksums of [`Dataset`], by the same names, without reading images into memory: two configs whose checksums
    /// are equal read the same files, wherever these lie. Where recordings or images have been decoded before and their
    /// files have not changed since, it takes no reading.
    ///
    /// # Errors
    /// [`Error::Data`] or [`Error::Io`] for files that are missing. What they hold is not looked at.
    fn checksums(&self, time_steps: usize) -> Result<BTreeMap<String, String>>;

    /// Mistakes that need more than one value to be seen, as (dotted key, problem).
    fn mistakes(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// What the classes are called, in the order of the labels; `None` where they are numbers, or where the files that
    /// name them lack.
    fn class_names(&self) -> Option<Vec<String>> {
        None
    }

    /// Whether it is of the user's own making, with images in whatever order.
    fn is_own(&self) -> bool {
        false
    }

    /// Whether its labels are numbers of the user's own, so that there can be too many of them.
    fn has_own_labels(&self) -> bool {
        false
    }

    /// What is odd about its files, as a sentence that takes the place of a look for images in both splits.
    fn own_warning(&self) -> Option<String> {
        None
    }
}

impl DatasetConfig {
    /// What is odd about the images that are used; `whole` are the numbers of images before `limit`.
    fn warnings(&self, whole: &ClassCounts, used: &Dataset) -> Vec<String> {
        let (spec, counts) = (self.spec(), ClassCounts::from_dataset(used));
        let mut sentences = warnings::of_classes(whole, &counts, spec.class_names().as_deref(), spec.has_own_labels());
        sentences.extend(spec.own_warning().or_else(|| {
            let (shared, test) = (warnings::shared(&used.train, &used.test), used.test.len());
            warnings::of_shared(shared, test, spec.is_own())
        }));
        sentences
    }
}

impl DataConfig {
    /// The training images that there are at most: of the data set, where its size is known, and of the limit;
    /// validation images are among them.
    pub fn most_training_images(&self, shape: Option<&DataShape>) -> Option<usize> {
        let limit = self.limit.as_ref().and_then(|limit| limit.train);
        let known = shape.map(|shape| shape.train).filter(|&images| images > 0);
        [limit, known].into_iter().flatten().min()
    }

    /// Mistakes that need more than one value to be seen, as (dotted key from the top of the file, problem). `shape` is
    /// the data set's, where it is known.
    pub fn mistakes(&self, shape: Option<&DataShape>) -> Vec<(String, String)> {
        let mut mistakes = self.mistakes_in_evaluation(shape);
        let limit = self.limit.as_ref().and_then(|limit| limit.train);
        if let Some(images) = self.most_training_images(shape).filter(|&images| self.batch_size > images) {
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
        if self.batch_size == 1 && self.augment.as_ref().is_some_and(|augment| augment.mixup > 0.0) {
            let problem = "a batch of 1 image has none to mix it with: use a data.batch_size of 2 or more".into();
            mistakes.push(("data.augment.mixup".into(), problem));
        }
        mistakes
    }

    /// Those that matter where nothing is trained: the last batch of an evaluation need not be full.
    pub fn mistakes_in_evaluation(&self, shape: Option<&DataShape>) -> Vec<(String, String)> {
        let mut mistakes = self.dataset.spec().mistakes();
        if let Some(normalize) = &self.normalize {
            mistakes.extend(normalize.mistakes(shape.map(|shape| shape.channels)));
        }
        if let (Some(augment), Some(shape)) = (&self.augment, shape) {
            mistakes.extend(augment.mistakes(shape));
        }
        mistakes
    }

    /// Reads the data set, checks every file and applies `limit`. Events become sequences of `time_steps` frames. What
    /// is odd about the data, such as a class without a training image, is warned of.
    ///
    /// # Errors
    /// [`Error::Data`] or [`Error::Io`] for files that are missing, malformed or hold labels out of range, and
    /// [`Error::Config`] for settings that do not fit `tensors` files.
    pub fn load(&self, time_steps: usize) -> Result<Dataset> {
        self.load_unless(|config, shape| config.mistakes(Some(shape)), time_steps)
    }

    /// The same where nothing is trained.
    ///
    /// # Errors
    /// As [`DataConfig::load`], but any `batch_size` will do.
    pub fn load_to_evaluate(&self, time_steps: usize) -> Result<Dataset> {
        self.load_unless(|config, shape| config.mistakes_in_evaluation(Some(shape)), time_steps)
    }

    /// Which of the training images are trained on, and which held out; nothing where `validation` is absent. By
    /// `seed` alone: a resumed run has the same.
    ///
    /// # Errors
    /// [`Error::Data`] for a class too small for the share, or fewer images left to train on than a batch has.
    pub fn holdout(&self, train: &Split, seed: u64) -> Result<Option<Holdout>> {
        let Some(validation) = &self.validation else { return Ok(None) };
        let holdout = validation.draw(train, seed)?;
        let (batch, left) = (self.batch_size, holdout.training.len());
        if batch > left {
            return Err(Error::Data(format!(
                "data.batch_size: a batch of {batch} is larger than the {left} training images that data.validation leaves, so \
                 that no batch would be full; use a batch_size of at most {left}."
            )));
        }
        Ok(Some(holdout))
    }

    fn load_unless(
        &self,
        mistakes: impl FnOnce(&Self, &DataShape) -> Vec<(String, String)>,
        time_steps: usize,
    ) -> Result<Dataset> {
        let mut dataset = self.dataset.spec().load(time_steps)?;
        let mut mistakes = mistakes(self, &dataset.shape);
        if mistakes.is_empty() {
            mistakes.extend(self.augment.as_ref().and_then(|augment| augment.unfit(&dataset.train)));
        }
        if !mistakes.is_empty() {
            let mistake = |(key, problem)| Mistake { key, problem, ..Mistake::default() };
            return Err(Error::of_mistakes(mistakes.into_iter().map(mistake).collect()));
        }
        let whole = ClassCounts::from_dataset(&dataset);
        if let Some(limit) = &self.limit {
            limit.apply(&mut dataset, self.dataset.spec().is_own())?;
        }
        for sentence in self.dataset.warnings(&whole, &dataset) {
            warn!("{sentence}");
        }
        Ok(dataset)
    }
}
