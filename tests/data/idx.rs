//! MNIST and Fashion-MNIST from small idx files.

use std::fs;

use bntt::data::{DataConfig, Dataset, DatasetConfig, FashionMnistConfig, MnistConfig, SplitValues};
use bntt::error::Result;

/// Training images and labels, test images and labels.
const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// An idx file: magic number, dimensions, bytes.
fn idx(magic: u32, dimensions: &[u32], bytes: &[u8]) -> Vec<u8> {
    let numbers = [&[magic], dimensions].concat();
    numbers.iter().flat_map(|number| number.to_be_bytes()).chain(bytes.iter().copied()).collect()
}

/// Two training images, which together hold every byte, and one test image.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes| fs::write(folder.path().join(name), bytes).unwrap();
    put(FILES[0], idx(2051, &[2, 28, 28], &pixels()));
    put(FILES[1], idx(2049, &[2], &[7, 0]));
    put(FILES[2], idx(2051, &[1, 28, 28], &[9; 784]));
    put(FILES[3], idx(2049, &[1], &[9]));
    folder
}

fn pixels() -> Vec<u8> {
    (0..2 * 784).map(|i| (i % 256) as u8).collect()
}

fn load(dataset: DatasetConfig) -> Result<Dataset> {
    DataConfig { dataset, batch_size: 1, augment: None, normalize: None, limit: None, validation: None }.load(1)
}

fn read(folder: &tempfile::TempDir) -> Result<Dataset> {
    load(DatasetConfig::Mnist(MnistConfig { path: folder.path().into() }))
}

/// The error after one file has been replaced.
fn error_with(file: usize, bytes: Vec<u8>) -> String {
    let folder = folder();
    fs::write(folder.path().join(FILES[file]), bytes).unwrap();
    let error = read(&folder).unwrap_err().to_string();
    assert!(error.contains(&folder.path().join(FILES[file]).display().to_string()), "{error}");
    error
}

#[test]
fn pixels_and_labels_are_read_to_the_byte() {
    let dataset = read(&folder()).unwrap();
    assert_eq!(dataset.train.items, SplitValues::Bytes(pixels().into()));
    assert_eq!(dataset.train.labels, [7, 0]);
    assert_eq!(dataset.train.shape, [1, 28, 28]);
    assert_eq!(dataset.test.items, SplitValues::Bytes(vec![9; 784].into()));
    assert_eq!(dataset.test.labels, [9]);
    assert_eq!([dataset.shape.train, dataset.shape.test], [2, 1]);
    assert_eq!(dataset.checksums.len(), 4);
}

#[test]
fn pixels_and_labels_are_those_that_candles_reader_finds() {
    let folder = folder();
    let (own, candles) =
        (read(&folder).unwrap().to_candle().unwrap(), candle_datasets::vision::mnist::load_dir(&folder));
    let candles = candles.unwrap();
    let flat = |images: &candle_core::Tensor| images.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(own.train_images.dims(), [2, 1, 28, 28]);
    assert_eq!(flat(&own.train_images), flat(&candles.train_images));
    assert_eq!(flat(&own.test_images), flat(&candles.test_images));
    let labels =
        |labels: &candle_core::Tensor| labels.to_dtype(candle_core::DType::U32).unwrap().to_vec1::<u32>().unwrap();
    assert_eq!([labels(&own.train_labels), labels(&own.test_labels)], [vec![7, 0], vec![9]]);
    assert_eq!(labels(&candles.train_labels), [7, 0]);
    assert_eq!(own.labels, candles.labels);
}

#[test]
fn a_missing_file_is_named_for_either_set() {
    let folder = folder();
    fs::remove_file(folder.path().join(FILES[2])).unwrap();
    let error = read(&folder).unwrap_err().to_string();
    assert!(error.contains("lacks t10k-images-idx3-ubyte. The MNIST folder holds"), "{error}");
    let error =
        load(DatasetConfig::FashionMnist(FashionMnistConfig { path: folder.path().into() })).unwrap_err().to_string();
    assert!(error.contains("The Fashion-MNIST folder holds the official files train-images-idx3-ubyte,"), "{error}");
    assert!(error.contains("https://github.com/zalandoresearch/fashion-mnist; put them there or correct"), "{error}");
}

#[test]
fn what_lies_there_instead_is_named() {
    let folder = folder();
    let refused = || {
        let error = read(&folder).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "FOLDER")
    };
    let rename = |from: &str, to: &str| {
        fs::create_dir_all(folder.path().join(to).parent().unwrap()).unwrap();
        fs::rename(folder.path().join(from), folder.path().join(to)).unwrap();
    };
    rename(FILES[0], "train-images-idx3-ubyte.GZ");
    let text = refused();
    assert!(text.starts_with("the folder FOLDER lacks train-images-idx3-ubyte. The MNIST folder holds"), "{text}");
    assert!(text.ends_with("; unpack what is there with `gunzip FOLDER/train-images-idx3-ubyte.GZ`."), "{text}");
    // As torchvision lays them.
    rename("train-images-idx3-ubyte.GZ", "MNIST/raw/train-images-idx3-ubyte");
    FILES[1..].iter().for_each(|name| rename(name, &format!("MNIST/raw/{name}")));
    let expected = "; what you need lies in MNIST/raw/: set data.dataset.mnist.path to FOLDER/MNIST/raw.";
    assert!(refused().ends_with(expected), "{}", refused());
    fs::remove_dir_all(folder.path().join("MNIST")).unwrap();
    fs::write(folder.path().join("mnist.npz"), b"PK\x03\x04").unwrap();
    let expected = "; there is FOLDER/mnist.npz, arrays of numpy (.npz), which is not read: fetch the official files.";
    assert!(refused().ends_with(expected), "{}", refused());
}

#[test]
fn an_empty_file_is_refused() {
    let error = error_with(0, Vec::new());
    assert!(error.ends_with("is empty; expected a header of 16 bytes and images; fetch or unpack it again."));
}

#[test]
fn a_truncated_header_is_refused() {
    let error = error_with(1, vec![0, 0, 8]);
    assert!(error.contains("is truncated: it ends at byte 3; expected a header of 8 bytes and labels"), "{error}");
}

#[test]
fn a_packed_file_is_to_be_unpacked() {
    let error = error_with(0, [vec![0x1f, 0x8b], vec![8; 100]].concat());
    assert!(error.contains("is still packed by gzip; rename it to"), "{error}");
}

#[test]
fn labels_in_place_of_images_are_refused() {
    let error = error_with(0, idx(2049, &[2, 28, 28], &[0; 2 * 784]));
    assert!(error.ends_with("starts with 0x00000801 at byte 0, expected 0x00000803."), "{error}");
}

#[test]
fn images_of_another_size_are_refused() {
    let error = error_with(0, idx(2051, &[2, 32, 28], &[0; 2 * 32 * 28]));
    assert!(error.ends_with("images of 32x28 pixels (header, bytes 8 to 15); expected 28x28."), "{error}");
}

#[test]
fn truncated_images_are_refused_before_memory_is_taken_for_what_the_header_claims() {
    let error = error_with(0, idx(2051, &[u32::MAX, 28, 28], &[0; 100]));
    let expected = "is truncated: it ends at byte 116, 3367254359180 bytes short of the expected 3367254359296 \
                    (a header of 16 and 4294967295 images of 784); fetch or unpack it again.";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn oversized_labels_are_refused() {
    let error = error_with(3, idx(2049, &[1], &[9, 9, 9]));
    let expected = "is oversized: expected 9 bytes (a header of 8 and 1 labels of 1), found 11; the 2 bytes from \
                    byte 9 on belong to no record; fetch or unpack it again.";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn no_records_are_refused() {
    let error = error_with(3, idx(2049, &[0], &[]));
    assert!(error.ends_with("holds no records (header, byte 4); expected one or more labels."), "{error}");
}

#[test]
fn a_label_out_of_range_is_named_with_its_byte() {
    let error = error_with(1, idx(2049, &[2], &[3, 10]));
    assert!(error.ends_with("the label of record 1 (byte 9) is 10; expected 0 to 9."), "{error}");
}

#[test]
fn images_and_labels_are_equally_many() {
    let error = error_with(1, idx(2049, &[3], &[3, 1, 2]));
    assert!(error.contains("holds 2 images and "), "{error}");
    assert!(error.contains(" 3 labels (both headers, byte 4); expected as many of each"), "{error}");
}
