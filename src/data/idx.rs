//! MNIST and Fashion-MNIST: four files in the idx layout.
//!
//! An idx file starts with big-endian `u32`s: a magic number, the number of records and, for images, rows and columns;
//! bytes follow. The files are checked here, since candle's reader trusts the header and does not say which file is at
//! fault; candle's reader then decodes them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::{Storage, Tensor};
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
    pub path: PathBuf,
}

/// Where Fashion-MNIST lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FashionMnistConfig {
    /// The folder of the four unpacked files, named like those of MNIST.
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
    let paths = folder.locate()?;
    for [image_file, label_file] in paths.as_chunks().0 {
        let [images, labels] = [check_images(image_file)?, check_labels(label_file)?];
        if images != labels {
            return Err(Error::Data(format!(
                "{} holds {images} images and {} {labels} labels (both headers, byte 4); expected as many of each; do the \
                 files belong together?",
                image_file.display(),
                label_file.display()
            )));
        }
    }
    let checksums = folder.checksums()?;
    let decoded = candle_datasets::vision::mnist::load_dir(folder.path)
        .map_err(|source| Error::Data(format!("cannot decode the files of {}: {source}.", folder.path.display())))?;
    let train = split(decoded.train_images, &decoded.train_labels)?;
    let test = split(decoded.test_images, &decoded.test_labels)?;
    let shape = DataShape { train: train.len(), test: test.len(), ..SHAPE };
    Ok(Dataset { train, test, shape, checksums })
}

/// candle divides the pixels by 255; four times the memory, so they become bytes again, exactly.
fn split(images: Tensor, labels: &Tensor) -> Result<Split> {
    let images = images.contiguous()?;
    let (storage, layout) = images.storage_and_layout();
    let bytes = match &*storage {
        Storage::Cpu(values) => {
            let values = values.as_slice::<f32>()?.get(layout.start_offset()..).unwrap_or_default();
            values.iter().map(|value| (value * 255.0).round() as u8).collect()
        }
        _ => return Err(Error::Data("candle decoded the images to another device than the CPU.".into())),
    };
    let labels = labels.to_vec1::<u8>()?.into_iter().map(u32::from).collect();
    Ok(Split { items: SplitValues::Bytes(bytes), labels, shape: vec![SHAPE.channels, SHAPE.height, SHAPE.width] })
}

/// Checks a file of images against its header and tells how many it holds.
fn check_images(path: &Path) -> Result<u32> {
    let (header, _, length) = header::<4>(path, IMAGES, "images")?;
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
    Ok(count)
}

/// Checks a file of labels against its header, and every label, and tells how many it holds.
fn check_labels(path: &Path) -> Result<u32> {
    let (header, mut file, length) = header::<2>(path, LABELS, "labels")?;
    let [_, count] = header;
    files::check_length(
        path,
        length,
        u64::from(count).saturating_add(8),
        &format!("a header of 8 and {count} labels of 1"),
    )?;
    let mut labels = Vec::new();
    file.by_ref().take(count.into()).read_to_end(&mut labels).map_err(Error::io("read", path))?;
    match labels.iter().enumerate().find(|&(_, &label)| usize::from(label) >= SHAPE.classes) {
        None => Ok(count),
        Some((i, label)) => Err(Error::Data(format!(
            "{}: the label of record {i} (byte {}) is {label}; expected 0 to {}.",
            path.display(),
            i.saturating_add(8),
            SHAPE.classes - 1
        ))),
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
