//! The user's own data: safetensors files of labels and images, or of labels and already coded sequences.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::safetensors::TensorFile;
use super::{DataShape, Dataset, DatasetSpec, Split, SplitValues, files, warnings};
use crate::error::{Error, Result};

/// Two safetensors files. Each holds `labels` `[N]` (u8, u32, i32 or i64) and either `images` [N, C, H, W] or already
/// coded `sequences` [N, T, C, H, W]; these are u8, which stand for 0..1, or f32, which are taken as they are.
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

impl DatasetSpec for TensorsConfig {
    /// Reads the headers and labels of both files.
    fn shape(&self, _: usize) -> Result<DataShape> {
        let [train, test] = self.open()?;
        shape_of(&train, &labels_of(&train)?, &labels_of(&test)?)
    }

    fn load(&self, _: usize) -> Result<Dataset> {
        let [train_file, test_file] = self.open()?;
        let [train_labels, test_labels] = [labels_of(&train_file)?, labels_of(&test_file)?];
        let shape = shape_of(&train_file, &train_labels, &test_labels)?;
        let [train, test] = [split(&train_file, train_labels)?, split(&test_file, test_labels)?];
        Ok(Dataset { train, test, shape, checksums: self.checksums(1)? })
    }

    fn checksums(&self, _: usize) -> Result<BTreeMap<String, String>> {
        let files = [("train", &self.train), ("test", &self.test)];
        files.into_iter().map(|(name, path)| Ok((name.into(), files::checksum(path)?))).collect()
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.train, &mut self.test]
    }

    fn is_own(&self) -> bool {
        true
    }

    fn has_own_labels(&self) -> bool {
        true
    }

    fn own_warning(&self) -> Option<String> {
        warnings::of_paths(&self.train, &self.test)
    }
}

impl TensorsConfig {
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

/// Reads the `images` or `sequences` of a file that may lack `labels`; where it has some, they are not read. All labels
/// of the split are 0. Values that look as if they were meant otherwise are warned of.
///
/// # Errors
/// [`Error::Data`] or [`Error::Io`] for a file that is missing or malformed; `key` is the setting the error names.
pub fn read_unlabelled(path: &Path, key: &str) -> Result<Split> {
    let file = TensorFile::open_unlabelled(path, key)?;
    let labels = vec![0; file.items.count()];
    split(&file, labels)
}

fn split(file: &TensorFile, labels: Vec<u32>) -> Result<Split> {
    let split = Split { items: file.read_items()?, labels, shape: file.items.shape().to_vec() };
    let name = file.items.name;
    for problem in out_of_scale(&split.items, name).into_iter().chain(nothing_to_see(&split, name)) {
        warn!("{}: {problem}", file.path.display());
    }
    Ok(split)
}

/// How many items hold nothing but zeros, where any do; `name` is what the file calls them.
fn nothing_to_see(split: &Split, name: &str) -> Option<String> {
    let length = split.item_length().max(1);
    let blank: Vec<usize> = match &split.items {
        SplitValues::Bytes(bytes) | SplitValues::Counts(bytes) => {
            places(bytes.chunks(length), |item| item.iter().all(|&byte| byte == 0))
        }
        SplitValues::Floats(floats) => places(floats.chunks(length), |item| item.iter().all(|&value| value == 0.0)),
    };
    let (first, count) = (blank.first()?, blank.len());
    let (hold, such) = if count == 1 { ("holds", "it is") } else { ("hold", "the first is") };
    Some(format!("{count} of {} {name} {hold} nothing but zeros; {such} {name}[{first}]", split.len()))
}

fn places<T>(items: impl Iterator<Item = T>, is: impl Fn(T) -> bool) -> Vec<usize> {
    items.enumerate().filter_map(|(place, item)| is(item).then_some(place)).collect()
}

/// Beyond this, values of `f32` images that are nowhere below 0 are taken for pixels of 0 to 255.
const BRIGHTEST: f32 = 1.5;

/// Where no `u8` is above this, they are taken for numbers of something: spikes, or the digits of scikit-learn, which
/// reach 16.
const DARKEST: u8 = 16;

/// What is wrong with values that seem to be of another scale than they are taken for; `name` is what the file calls
/// them. Sequences of floats may be numbers of events, and are as they are.
fn out_of_scale(items: &SplitValues, name: &str) -> Option<String> {
    match items {
        SplitValues::Floats(floats) if name == "images" => {
            let [least, most] =
                floats.iter().fold([f32::MAX, f32::MIN], |[least, most], value| [least.min(*value), most.max(*value)]);
            (least >= 0.0 && most > BRIGHTEST).then(|| {
                format!(
                    "the f32 images have values from {least} to {most}, and are taken as they are: only u8 stand for 0 to 1; if 255 is \
                     white, divide them by 255 or store them as u8"
                )
            })
        }
        SplitValues::Bytes(bytes) => {
            let most = bytes.iter().max().copied().filter(|most| (1..=DARKEST).contains(most))?;
            let seen = f32::from(most) / 255.0;
            Some(format!(
                "the u8 {name} have values of at most {most}, and stand for 0 to 1: {most} is taken for {seen:.3}; if it is a number of \
                 something, store it as f32"
            ))
        }
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of_floats(values: &[f32], name: &str) -> Option<String> {
        out_of_scale(&SplitValues::Floats(values.to_vec()), name)
    }

    #[test]
    fn floats_of_0_to_255_are_told_from_those_of_0_to_1_and_from_normalised_ones() {
        let expected = "the f32 images have values from 0 to 255, and are taken as they are: only u8 stand for 0 to 1; if 255 is white, \
                        divide them by 255 or store them as u8";
        assert_eq!(of_floats(&[0.0, 17.0, 255.0], "images").unwrap(), expected);
        assert!(of_floats(&[0.25, 1.75], "images").unwrap().contains("from 0.25 to 1.75,"));
        for fine in [&[0.0, 1.0][..], &[0.0, 1.5], &[-0.4242, 2.8215], &[-128.0, 127.0]] {
            assert_eq!(of_floats(fine, "images"), None);
        }
        assert_eq!(of_floats(&[0.0, 17.0, 255.0], "sequences"), None);
    }

    #[test]
    fn bytes_that_are_spikes_or_counts_are_told_from_pixels() {
        let of_bytes = |bytes: &[u8], name| out_of_scale(&SplitValues::Bytes(bytes.to_vec().into()), name);
        let expected = "the u8 sequences have values of at most 1, and stand for 0 to 1: 1 is taken for 0.004; if it is a number of \
                        something, store it as f32";
        assert_eq!(of_bytes(&[0, 1, 1], "sequences").unwrap(), expected);
        assert!(of_bytes(&[0, 16], "images").unwrap().contains("16 is taken for 0.063"));
        for fine in [&[0, 17][..], &[0, 0]] {
            assert_eq!(of_bytes(fine, "images"), None);
        }
        assert_eq!(of_bytes(&[0, 255], "sequences"), None);
    }

    #[test]
    fn items_of_nothing_are_counted() {
        let blank = |items, name| nothing_to_see(&Split { items, labels: vec![0; 3], shape: vec![1, 1, 2] }, name);
        let floats = |values: [f32; 6]| SplitValues::Floats(values.to_vec());
        let expected = "2 of 3 sequences hold nothing but zeros; the first is sequences[1]";
        assert_eq!(blank(floats([0.0, 0.1, 0.0, -0.0, 0.0, 0.0]), "sequences").unwrap(), expected);
        let expected = "1 of 3 images holds nothing but zeros; it is images[2]";
        assert_eq!(blank(SplitValues::Bytes(vec![1, 0, 0, 1, 0, 0].into()), "images").unwrap(), expected);
        assert_eq!(blank(SplitValues::Bytes(vec![1, 0, 0, 1, 2, 0].into()), "images"), None);
    }
}
