//! The user's own data: safetensors files of labels and images, or of labels and already coded sequences.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::safetensors::TensorFile;
use super::{DataShape, Dataset, Split, files};
use crate::error::{Error, Result};

/// Two safetensors files. Each holds `labels` [N] (u8, u32, i32 or i64) and either `images` [N, C, H, W] or already coded
/// `sequences` [N, T, C, H, W]; these are u8, which stand for 0..1, or f32, which are taken as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TensorsConfig {
    /// The file of training data.
    pub train: PathBuf,
    /// The file of test data.
    pub test: PathBuf,
}

/// More classes than this are taken for a mistake in the labels.
const MOST_CLASSES: u32 = 1 << 16;

impl TensorsConfig {
    /// Reads the headers and labels of both files.
    pub(super) fn shape(&self) -> Result<DataShape> {
        let [train, test] = self.open()?;
        shape_of(&train, &labels_of(&train)?, &labels_of(&test)?)
    }

    pub(super) fn load(&self) -> Result<Dataset> {
        let [train_file, test_file] = self.open()?;
        let [train_labels, test_labels] = [labels_of(&train_file)?, labels_of(&test_file)?];
        let shape = shape_of(&train_file, &train_labels, &test_labels)?;
        let [train, test] = [split(&train_file, train_labels)?, split(&test_file, test_labels)?];
        Ok(Dataset { train, test, shape, checksums: self.checksums()? })
    }

    pub(super) fn checksums(&self) -> Result<BTreeMap<String, String>> {
        let files = [("train", &self.train), ("test", &self.test)];
        files.into_iter().map(|(name, path)| Ok((name.into(), files::checksum(path)?))).collect()
    }

    /// Opens both files, whose items must be of one name, type and shape.
    fn open(&self) -> Result<[TensorFile<'_>; 2]> {
        let train = TensorFile::open(&self.train, "data.dataset.tensors.train")?;
        let test = TensorFile::open(&self.test, "data.dataset.tensors.test")?;
        let [first, second] = [&train.items, &test.items];
        if (first.name, first.info.dtype, first.shape()) != (second.name, second.info.dtype, second.shape()) {
            return Err(Error::Data(format!(
                "{} holds {first} and {} {second}; expected the same name, type and (but for the first number) shape in \
                 both.",
                train.path.display(),
                test.path.display()
            )));
        }
        Ok([train, test])
    }
}

/// Reads the `images` or `sequences` of a file that may lack `labels`; where it has some, they are not read. All labels of
/// the split are 0.
///
/// # Errors
/// [`Error::Data`] or [`Error::Io`] for a file that is missing or malformed; `key` is the setting the error names.
pub fn read_unlabelled(path: &Path, key: &str) -> Result<Split> {
    let file = TensorFile::open_unlabelled(path, key)?;
    let labels = vec![0; file.items.count()];
    split(&file, labels)
}

fn split(file: &TensorFile, labels: Vec<u32>) -> Result<Split> {
    Ok(Split { items: file.read_items()?, labels, shape: file.items.shape().to_vec() })
}

fn shape_of(file: &TensorFile, train: &[u32], test: &[u32]) -> Result<DataShape> {
    let most = train.iter().chain(test).max().copied().unwrap_or(0);
    let (time_steps, image) = match *file.items.shape() {
        [channels, height, width] => (None, [channels, height, width]),
        [time_steps, channels, height, width] => (Some(time_steps), [channels, height, width]),
        _ => return Err(file.error(format!("the tensor {} has neither 4 nor 5 dimensions.", file.items))),
    };
    let [channels, height, width] = image;
    let classes = (most as usize).saturating_add(1);
    Ok(DataShape { channels, height, width, classes, time_steps, train: train.len(), test: test.len() })
}

/// The labels, each a class number.
fn labels_of(file: &TensorFile) -> Result<Vec<u32>> {
    let labels = file.read_labels()?;
    let valid = |label: &i64| (0..i64::from(MOST_CLASSES)).contains(label);
    match labels.iter().enumerate().find(|(_, label)| !valid(label)) {
        None => Ok(labels.into_iter().map(|label| label as u32).collect()),
        Some((i, label)) => {
            Err(file.error(format!("labels[{i}] is {label}; expected a class number, 0 to {}.", MOST_CLASSES - 1)))
        }
    }
}
