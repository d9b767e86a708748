//! Whether a data set's folder holds what was published or recorded.

use std::path::Path;

use super::catalogue::PublishedDataset;
use super::sums::ArchiveFiles;
use super::waiting::Chunks;
use crate::data::DatasetConfig;
use crate::error::{Error, Result};
use crate::system::signals::Stop;

/// What was found to be right.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct VerifiedDataset {
    /// Files that have the checksums that are published for them.
    pub published: usize,
    /// Files that are as `SHA256SUMS` lists them.
    pub recorded: usize,
    /// Training and test images, where a reader of this program has read them all.
    pub images: Option<[usize; 2]>,
}

/// Compares the files with published checksums and with `SHA256SUMS`, and reads the whole set.
///
/// # Errors
/// [`Error::Data`] or [`Error::Io`] for what is missing, differs or cannot be read. [`Error::Interrupted`] when asked
/// to stop; a thread that reads the set is left behind then.
pub fn verify(set: &PublishedDataset, folder: &Path, stop: &Stop) -> Result<VerifiedDataset> {
    if !folder.is_dir() {
        let name = set.name;
        let folder = folder.display();
        return Err(Error::Data(format!(
            "{folder} is no folder; `bntt data {name} --path {folder}` fetches {name} into it."
        )));
    }
    let mut wrong = Vec::new();
    for (file, checksum) in set.files {
        let path = folder.join(file);
        if path.symlink_metadata().is_err() {
            wrong.push(format!("{file} is missing"));
        } else if let Err(problem) = checksum.check(&path, stop)? {
            wrong.push(format!("{file}: {problem}"));
        }
    }
    if !wrong.is_empty() {
        return Err(Error::Data(format!("{} is not what was published: {}.", folder.display(), wrong.join("; "))));
    }
    let sums = ArchiveFiles::load(folder)?;
    sums.check_all(stop)?;
    let images = match reader(set, folder) {
        Some(dataset) => Some(read(dataset, folder, stop)?),
        None => None,
    };
    Ok(VerifiedDataset { published: set.files.len(), recorded: sums.len(), images })
}

/// Reads the whole set: the numbers of its images.
fn read(dataset: DatasetConfig, folder: &Path, stop: &Stop) -> Result<[usize; 2]> {
    let images = Chunks::begin(move |to| {
        // Of recordings one frame will do: every event of every file is read for it.
        let images = dataset.spec().load(1).map(|dataset| [dataset.train.len(), dataset.test.len()]);
        let _ = to.send(images);
    })?;
    let lost = || Err(Error::Data(format!("{}: reading it ended without a word.", folder.display())));
    images.next(stop)?.unwrap_or_else(lost)
}

/// The set as an experiment names it; nothing where it takes more than a folder to read it.
fn reader(set: &PublishedDataset, folder: &Path) -> Option<DatasetConfig> {
    let path = toml::Value::String(folder.to_str()?.to_string());
    let table = toml::Table::from_iter([("path".to_string(), path)]);
    toml::Table::from_iter([(set.name.to_string(), toml::Value::Table(table))]).try_into().ok()
}
