//! CIFAR-10 and CIFAR-100 in their binary versions: records of labels (one byte or two) and 3,072 pixels.
//!
//! candle-datasets reads CIFAR-10 as well, but takes every file for one of 10,000 records without looking at its
//! length, does not name a file that is too short, and holds both splits as floats, twice while it joins them: 1.3 GB
//! for 184 MB of pixels. So both sets are read here, record by record, and candle's reader is the second opinion in
//! `tests/data/real.rs`.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::{self, Folder};
use super::{DataShape, Dataset, DatasetSpec, Split, SplitValues};
use crate::error::{Error, Result};

/// Where CIFAR-10 lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cifar10Config {
    /// The folder of the binary version's `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`.
    #[schemars(example = "data/cifar10")]
    pub path: PathBuf,
}

/// Where CIFAR-100 lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cifar100Config {
    /// The folder of the binary version's `train.bin` and `test.bin`.
    #[schemars(example = "data/cifar100")]
    pub path: PathBuf,
}

pub(super) const SHAPE_10: DataShape =
    DataShape { channels: 3, height: 32, width: 32, classes: 10, time_steps: None, train: 50_000, test: 10_000 };
pub(super) const SHAPE_100: DataShape = DataShape { classes: 100, ..SHAPE_10 };

const NAMES_10: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const PIXELS: usize = 3 * 32 * 32;

/// What tells the two sets apart.
struct Cifar<'a> {
    /// Of its files, the last is the test split.
    folder: Folder<'a>,
    /// A record's labels, by name and number of classes; the last one counts.
    labels: &'static [(&'static str, u8)],
    shape: DataShape,
}

impl DatasetSpec for Cifar10Config {
    fn load(&self, _: usize) -> Result<Dataset> {
        cifar_10(&self.path).load()
    }

    fn checksums(&self, _: usize) -> Result<BTreeMap<String, String>> {
        cifar_10(&self.path).folder.checksums()
    }

    /// Those of `batches.meta.txt`, which is published with the files, or else what it holds.
    fn class_names(&self) -> Option<Vec<String>> {
        Some(
            files::names(&self.path.join("batches.meta.txt"), NAMES_10.len())
                .unwrap_or(NAMES_10.map(String::from).into()),
        )
    }

    fn shape(&self, _: usize) -> Result<DataShape> {
        Ok(SHAPE_10)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.path]
    }
}

impl Cifar10Config {
    /// [`DataConfig::load`](super::DataConfig::load) for files of `records` records each, as no one publishes them: for
    /// the tests of hostile files, which write a million.
    #[doc(hidden)]
    pub fn load_cut(&self, records: usize) -> Result<Dataset> {
        cifar_10(&self.path).cut(records).load()
    }
}

impl DatasetSpec for Cifar100Config {
    fn load(&self, _: usize) -> Result<Dataset> {
        cifar_100(&self.path).load()
    }

    fn checksums(&self, _: usize) -> Result<BTreeMap<String, String>> {
        cifar_100(&self.path).folder.checksums()
    }

    /// Those of `fine_label_names.txt`, which is published with the files.
    fn class_names(&self) -> Option<Vec<String>> {
        files::names(&self.path.join("fine_label_names.txt"), SHAPE_100.classes)
    }

    fn shape(&self, _: usize) -> Result<DataShape> {
        Ok(SHAPE_100)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.path]
    }
}

impl Cifar100Config {
    /// As [`Cifar10Config::load_cut`].
    #[doc(hidden)]
    pub fn load_cut(&self, records: usize) -> Result<Dataset> {
        cifar_100(&self.path).cut(records).load()
    }
}

const PUBLISHED: &str = "https://www.cs.toronto.edu/~kriz/cifar.html (the binary version)";

fn cifar_10(path: &Path) -> Cifar<'_> {
    let files = &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
        "test_batch.bin",
    ];
    let folder = Folder { path, set: "CIFAR-10", key: "cifar10", files, published: PUBLISHED };
    Cifar { folder, labels: &[("label", 10)], shape: SHAPE_10 }
}

fn cifar_100(path: &Path) -> Cifar<'_> {
    let files = &["train.bin", "test.bin"];
    let folder = Folder { path, set: "CIFAR-100", key: "cifar100", files, published: PUBLISHED };
    Cifar { folder, labels: &[("coarse label", 20), ("fine label", 100)], shape: SHAPE_100 }
}

impl Cifar<'_> {
    /// The same layout with files of `records` records.
    fn cut(mut self, records: usize) -> Self {
        self.shape.train = self.folder.files.len().saturating_sub(1).saturating_mul(records);
        self.shape.test = records;
        self
    }

    fn load(&self) -> Result<Dataset> {
        let paths = self.folder.locate()?;
        let DataShape { channels, height, width, train, test, .. } = self.shape;
        let (training, testing) = paths.split_at(paths.len().saturating_sub(1));
        // Nothing in the files says how many records there are: only the official lengths tell a truncated file.
        let parts = [(training, train.checked_div(training.len()).unwrap_or_default()), (testing, test)];
        let size = self.record_length();
        for (path, records) in parts.iter().flat_map(|(paths, records)| paths.iter().map(move |path| (path, records))) {
            let (_, length) = files::open(path)?;
            let content = format!("{records} records of {size}; for fewer images set data.limit");
            files::check_length(path, length, records.saturating_mul(size) as u64, &content)?;
        }
        let mut checksums = BTreeMap::new();
        let [train, test] = parts.map(|(paths, records)| {
            let images = paths.len().saturating_mul(records);
            let mut pixels = Vec::with_capacity(images.saturating_mul(PIXELS));
            let mut labels = Vec::with_capacity(images);
            for path in paths {
                let hash = self.read(path, records, &mut pixels, &mut labels)?;
                checksums.insert(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), hash);
            }
            Ok::<_, Error>(Split {
                items: SplitValues::Bytes(pixels.into()),
                labels,
                shape: vec![channels, height, width],
            })
        });
        Ok(Dataset { train: train?, test: test?, shape: self.shape, checksums })
    }

    fn record_length(&self) -> usize {
        self.labels.len().saturating_add(PIXELS)
    }

    /// Appends a file's pixels and labels and gives its SHA-256.
    fn read(&self, path: &Path, records: usize, pixels: &mut Vec<u8>, labels: &mut Vec<u32>) -> Result<String> {
        let (file, _) = files::open(path)?;
        let mut file = BufReader::with_capacity(1 << 18, file);
        let mut hasher = Sha256::new();
        let mut record = vec![0; self.record_length()];
        for i in 0..records {
            file.read_exact(&mut record).map_err(Error::io("read", path))?;
            hasher.update(&record);
            let (found, image) = record.split_at(self.labels.len());
            for (place, (&label, (name, classes))) in found.iter().zip(self.labels).enumerate() {
                if label >= *classes {
                    return Err(Error::Data(format!(
                        "{}: the {name} of record {i} (byte {}) is {label}; expected 0 to {}; is this a file of {}?",
                        path.display(),
                        i.saturating_mul(record.len()).saturating_add(place),
                        classes.saturating_sub(1),
                        self.folder.set
                    )));
                }
            }
            labels.extend(found.last().map(|&label| u32::from(label)));
            pixels.extend_from_slice(image);
        }
        Ok(files::hexadecimal(hasher))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The same layouts with files of two records.
    fn small(cifar: Cifar<'_>) -> Cifar<'_> {
        cifar.cut(2)
    }

    /// A record whose pixels begin with `first`, so that records can be told apart.
    fn record(labels: &[u8], first: u8) -> Vec<u8> {
        let pixels = (0..PIXELS).map(|i| if i == 0 { first } else { (i % 251) as u8 });
        labels.iter().copied().chain(pixels).collect()
    }

    /// File k of CIFAR-10 holds labels k and k + 1.
    fn folder_10() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (k, name) in cifar_10(Path::new("")).folder.files.iter().enumerate() {
            let k = k as u8;
            let bytes = [record(&[k], 10 * k), record(&[k + 1], 10 * k + 1)].concat();
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    fn folder_100() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let put = |name, records: [_; 2]| fs::write(folder.path().join(name), records.concat()).unwrap();
        put("train.bin", [record(&[19, 99], 1), record(&[0, 5], 2)]);
        put("test.bin", [record(&[3, 42], 3), record(&[4, 0], 4)]);
        folder
    }

    fn pixels(split: &Split) -> Vec<&[u8]> {
        let SplitValues::Bytes(bytes) = &split.items else { panic!("pixels are bytes") };
        bytes.chunks(PIXELS).collect()
    }

    #[test]
    fn cifar_10_is_read_in_the_order_of_its_files() {
        let folder = folder_10();
        let dataset = small(cifar_10(folder.path())).load().unwrap();
        assert_eq!(dataset.train.labels, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]);
        assert_eq!(dataset.test.labels, [5, 6]);
        let firsts: Vec<u8> = pixels(&dataset.train).iter().map(|image| image[0]).collect();
        assert_eq!(firsts, [0, 1, 10, 11, 20, 21, 30, 31, 40, 41]);
        assert_eq!(pixels(&dataset.test)[1], &record(&[6], 51)[1..]);
        assert_eq!(dataset.checksums.len(), 6);
        let path = folder.path().join("test_batch.bin");
        assert_eq!(dataset.checksums["test_batch.bin"], files::checksum(&path).unwrap());
    }

    #[test]
    fn cifar_100_takes_the_fine_label() {
        let folder = folder_100();
        let dataset = small(cifar_100(folder.path())).load().unwrap();
        assert_eq!(dataset.train.labels, [99, 5]);
        assert_eq!(dataset.test.labels, [42, 0]);
        assert_eq!(pixels(&dataset.train)[1], &record(&[0, 5], 2)[2..]);
    }

    #[test]
    fn checksums_are_those_of_loading() {
        let (ten, hundred) = (folder_10(), folder_100());
        let checksums = Cifar10Config { path: ten.path().into() }.checksums(1).unwrap();
        assert_eq!(checksums, small(cifar_10(ten.path())).load().unwrap().checksums);
        let checksums = Cifar100Config { path: hundred.path().into() }.checksums(1).unwrap();
        assert_eq!(checksums, small(cifar_100(hundred.path())).load().unwrap().checksums);
        assert_eq!(checksums.keys().collect::<Vec<_>>(), ["test.bin", "train.bin"]);
    }

    #[test]
    fn what_lies_there_instead_is_named() {
        let root = tempfile::tempdir().unwrap();
        let refused = |path: &Path| {
            let error = Cifar10Config { path: path.into() }.load(1).unwrap_err().to_string();
            error.replace(&root.path().display().to_string(), "ROOT")
        };
        let folder = root.path().join("cifar-10-batches-bin");
        fs::rename(folder_10().keep(), &folder).unwrap();
        let expected =
            "what you need lies in cifar-10-batches-bin/: set data.dataset.cifar10.path to ROOT/cifar-10-batches-bin.";
        assert!(refused(root.path()).ends_with(expected), "{}", refused(root.path()));
        fs::rename(folder.join("test_batch.bin"), folder.join("TEST_BATCH.BIN")).unwrap();
        let text = refused(&folder);
        assert!(
            text.starts_with("the folder ROOT/cifar-10-batches-bin lacks test_batch.bin. The CIFAR-10 folder"),
            "{text}"
        );
        let expected = "; there is ROOT/cifar-10-batches-bin/TEST_BATCH.BIN: rename it to test_batch.bin.";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn classes_are_called_as_in_the_published_list_of_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_path_buf();
        let (ten, hundred) = (Cifar10Config { path: path.clone() }, Cifar100Config { path: path.clone() });
        assert_eq!((ten.class_names().unwrap()[9].as_str(), hundred.class_names()), ("truck", None));
        fs::write(path.join("batches.meta.txt"), "0\n1\n2\n3\n4\n5\n6\n7\n8\nlorry\n\n").unwrap();
        let names: Vec<String> = (0..100).map(|class| format!("fine {class}")).collect();
        fs::write(path.join("fine_label_names.txt"), names.join("\n")).unwrap();
        assert_eq!((ten.class_names().unwrap()[9].as_str(), hundred.class_names()), ("lorry", Some(names)));
    }

    #[test]
    fn a_missing_file_is_named_with_where_the_set_is_published() {
        let folder = folder_10();
        fs::remove_file(folder.path().join("data_batch_4.bin")).unwrap();
        let error = Cifar10Config { path: folder.path().into() }.load(1).unwrap_err().to_string();
        assert!(error.contains("lacks data_batch_4.bin. The CIFAR-10 folder holds the official files data_batch_1"));
        assert!(error.contains("test_batch.bin, published at https://www.cs.toronto.edu/~kriz/cifar.html"), "{error}");
        let error = Cifar100Config { path: "nowhere".into() }.load(1).unwrap_err().to_string();
        assert!(
            error
                .contains("the folder nowhere does not exist. The CIFAR-100 folder holds the official files train.bin")
        );
        assert!(error.contains("correct data.dataset.cifar100.path"), "{error}");
    }

    #[test]
    fn a_file_cut_at_a_record_is_truncated_all_the_same() {
        let folder = folder_10();
        fs::write(folder.path().join("data_batch_2.bin"), record(&[0], 0)).unwrap();
        let error = small(cifar_10(folder.path())).load().unwrap_err().to_string();
        let expected = "data_batch_2.bin is truncated: it ends at byte 3073, 3073 bytes short of the expected 6146 (2 \
                        records of 3073; for fewer images set data.limit); fetch or unpack it again.";
        assert!(error.ends_with(expected), "{error}");
    }

    #[test]
    fn empty_and_oversized_files_are_refused() {
        let folder = folder_100();
        fs::write(folder.path().join("test.bin"), vec![0; 6149]).unwrap();
        let error = small(cifar_100(folder.path())).load().unwrap_err().to_string();
        assert!(error.contains("test.bin is oversized: expected 6148 bytes"), "{error}");
        assert!(error.contains("the 1 bytes from byte 6148 on belong to no record"), "{error}");
        fs::write(folder.path().join("train.bin"), []).unwrap();
        let error = small(cifar_100(folder.path())).load().unwrap_err().to_string();
        assert!(error.contains("train.bin is empty; expected 6148 bytes (2 records of 3074"), "{error}");
    }

    #[test]
    fn a_label_out_of_range_is_named_with_its_byte() {
        let folder = folder_100();
        let path = folder.path().join("test.bin");
        for (labels, expected) in [
            ([3, 100], "the fine label of record 1 (byte 3075) is 100; expected 0 to 99; is this a file of CIFAR-100?"),
            ([20, 9], "the coarse label of record 1 (byte 3074) is 20; expected 0 to 19; is this a file of CIFAR-100?"),
        ] {
            fs::write(&path, [record(&[3, 42], 3), record(&labels, 4)].concat()).unwrap();
            let error = small(cifar_100(folder.path())).load().unwrap_err().to_string();
            assert_eq!(error, format!("{}: {expected}", path.display()));
        }
    }
}
