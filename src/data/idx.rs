//! MNIST and Fashion-MNIST: four files in the idx layout.
//!
//! An idx file starts with big-endian `u32`s: a magic number, the number of records and, for images, rows and columns;
//! bytes follow. The files are checked here, since candle's reader trusts the header and does not say which file is at
//! fault; candle's reader then decodes them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::files::{self, Folder};
use super::{DataShape, Dataset, DatasetSpec, Split, SplitValues};
use crate::error::{Error, Result};

/// Where MNIST lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MnistConfig {
    /// The folder of the four unpacked files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
    /// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`.
    #[schemars(example = "data/mnist")]
    pub path: PathBuf,
}

/// Where Fashion-MNIST lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FashionMnistConfig {
    /// The folder of the four unpacked files, named like those of MNIST.
    #[schemars(example = "data/fashion_mnist")]
    pub path: PathBuf,
}

pub(super) const SHAPE: DataShape =
    DataShape { channels: 1, height: 28, width: 28, classes: 10, time_steps: None, train: 60_000, test: 10_000 };

/// The first number of a file of images and of a file of labels.
const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;

/// Training images and labels, test images and labels.
const FILES: &[&str] =
    &["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

impl DatasetSpec for MnistConfig {
    fn load(&self, _: usize) -> Result<Dataset> {
        load(&self.folder())
    }

    fn checksums(&self, _: usize) -> Result<BTreeMap<String, String>> {
        self.folder().checksums()
    }

    fn shape(&self, _: usize) -> Result<DataShape> {
        Ok(SHAPE)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.path]
    }
}

impl MnistConfig {
    fn folder(&self) -> Folder<'_> {
        let published = "https://yann.lecun.com/exdb/mnist/ (mirror: https://ossci-datasets.s3.amazonaws.com/mnist/)";
        Folder { path: &self.path, set: "MNIST", key: "mnist", files: FILES, published }
    }
}

impl DatasetSpec for FashionMnistConfig {
    fn load(&self, _: usize) -> Result<Dataset> {
        load(&self.folder())
    }

    fn checksums(&self, _: usize) -> Result<BTreeMap<String, String>> {
        self.folder().checksums()
    }

    fn shape(&self, _: usize) -> Result<DataShape> {
        Ok(SHAPE)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.path]
    }

    fn class_names(&self) -> Option<Vec<String>> {
        Some(FASHION.map(String::from).into())
    }
}

impl FashionMnistConfig {
    fn folder(&self) -> Folder<'_> {
        let published = "https://github.com/zalandoresearch/fashion-mnist";
        Folder { path: &self.path, set: "Fashion-MNIST", key: "fashion_mnist", files: FILES, published }
    }
}

/// As the README of Fashion-MNIST lists them.
pub(super) const FASHION: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

fn load(folder: &Folder) -> Result<Dataset> {
    let mut splits = Vec::with_capacity(2);
    for [image_file, label_file] in folder.locate()?.as_chunks().0 {
        let (images, labels) = (read_images(image_file)?, read_labels(label_file)?);
        let pixels = SHAPE.height.saturating_mul(SHAPE.width);
        let count = images.len().checked_div(pixels).unwrap_or_default();
        if count != labels.len() {
            return Err(Error::Data(format!(
                "{} holds {count} images and {} {} labels (both headers, byte 4); expected as many of each; do the \
                 files belong together?",
                image_file.display(),
                label_file.display(),
                labels.len()
            )));
        }
        let labels = labels.into_iter().map(u32::from).collect();
        let shape = vec![SHAPE.channels, SHAPE.height, SHAPE.width];
        splits.push(Split { items: SplitValues::Bytes(images.into()), labels, shape });
    }
    let checksums = folder.checksums()?;
    let (Some(test), Some(train)) = (splits.pop(), splits.pop()) else {
        return Err(Error::Data(format!("{}: expected two files of images.", folder.path.display())));
    };
    let shape = DataShape { train: train.len(), test: test.len(), ..SHAPE };
    Ok(Dataset { train, test, shape, checksums })
}

/// The pixels of a file of images, a byte each, that is as long as its header says.
fn read_images(path: &Path) -> Result<Vec<u8>> {
    let (header, file, length) = header::<4>(path, IMAGES, "images")?;
    let [_, count, rows, columns] = header;
    if [rows as usize, columns as usize] != [SHAPE.height, SHAPE.width] {
        return Err(Error::Data(format!(
            "{} holds images of {rows}x{columns} pixels (header, bytes 8 to 15); expected {}x{}.",
            path.display(),
            SHAPE.height,
            SHAPE.width
        )));
    }
    let expected = u64::from(count).saturating_mul((SHAPE.height * SHAPE.width) as u64).saturating_add(16);
    files::check_length(path, length, expected, &format!("a header of 16 and {count} images of 784"))?;
    rest(file, expected.saturating_sub(16), path)
}

/// The labels of a file of labels, each of which is checked.
fn read_labels(path: &Path) -> Result<Vec<u8>> {
    let (header, file, length) = header::<2>(path, LABELS, "labels")?;
    let [_, count] = header;
    let expected = u64::from(count).saturating_add(8);
    files::check_length(path, length, expected, &format!("a header of 8 and {count} labels of 1"))?;
    let labels = rest(file, count.into(), path)?;
    match labels.iter().enumerate().find(|&(_, &label)| usize::from(label) >= SHAPE.classes) {
        None => Ok(labels),
        Some((i, label)) => Err(Error::Data(format!(
            "{}: the label of record {i} (byte {}) is {label}; expected 0 to {}.",
            path.display(),
            i.saturating_add(8),
            SHAPE.classes - 1
        ))),
    }
}

/// The `count` bytes after a file's header.
fn rest(file: std::fs::File, count: u64, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = files::room(usize::try_from(count).unwrap_or(usize::MAX), path)?;
    file.take(count).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    match bytes.len() as u64 == count {
        true => Ok(bytes),
        false => Err(Error::Data(format!("{} became shorter while it was read.", path.display()))),
    }
}

/// The `N` numbers of a file's header, the file at its first record, and its length.
fn header<const N: usize>(path: &Path, magic: u32, content: &str) -> Result<([u32; N], std::fs::File, u64)> {
    let name = path.display();
    let (mut file, length) = files::open(path)?;
    let mut numbers = [0; N];
    let expected = const { 4 * N };
    if length < expected as u64 {
        let state = if length == 0 { "empty".into() } else { format!("truncated: it ends at byte {length}") };
        return Err(Error::Data(format!(
            "{name} is {state}; expected a header of {expected} bytes and {content}; fetch or unpack it again."
        )));
    }
    for number in &mut numbers {
        let mut bytes = [0; 4];
        file.read_exact(&mut bytes).map_err(Error::io("read", path))?;
        *number = u32::from_be_bytes(bytes);
    }
    let [found, count] = [numbers.first(), numbers.get(1)].map(|number| number.copied().unwrap_or_default());
    if found >> 16 == 0x1f8b {
        return Err(Error::Data(format!(
            "{name} is still packed by gzip; rename it to {name}.gz and unpack it with `gunzip {name}.gz`."
        )));
    }
    if found != magic {
        return Err(Error::Data(format!(
            "{name} is no idx file of {content}: it starts with {found:#010x} at byte 0, expected {magic:#010x}."
        )));
    }
    if count == 0 {
        return Err(Error::Data(format!("{name} holds no records (header, byte 4); expected one or more {content}.")));
    }
    Ok((numbers, file, length))
}
