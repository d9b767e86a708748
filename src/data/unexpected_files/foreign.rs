//! Files that were made for other programs, which are named as that and not read.

use super::renamed::{ARCHIVES, in_place};
use super::{folders_in, stem_and_extension};
use crate::data::files;
use crate::files::reading;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What files end in that other programs read their data sets from, and what they are.
const FOREIGN: [(&str, &str); 12] = [
    ("npz", "arrays of numpy (.npz)"),
    ("npy", "an array of numpy (.npy)"),
    ("pt", "tensors of PyTorch (.pt)"),
    ("pth", "tensors of PyTorch (.pth)"),
    ("pkl", "a pickle of Python"),
    ("pickle", "a pickle of Python"),
    ("mat", "arrays of MATLAB (.mat)"),
    ("parquet", "a Parquet file"),
    ("arrow", "an Arrow file"),
    ("h5", "an HDF5 file"),
    ("hdf5", "an HDF5 file"),
    ("tfrecord", "records of TensorFlow"),
];

/// What the names of pictures end in.
const PICTURES: [&str; 8] = ["png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff", "webp"];

/// Archives of a set's versions for other programs, by what their names hold.
const OTHER_VERSIONS: [(&str, &str); 2] =
    [("-python", "the version for Python"), ("-matlab", "the version for MATLAB")];

/// What lies in a folder that is made for other programs.
pub(super) fn for_others(folder: &Path, parts: &[&Path], key: &str) -> Option<String> {
    let further_down = folders_in(folder);
    let all = || [folder].into_iter().chain(further_down.iter().map(PathBuf::as_path));
    let pictures = || all().find_map(pictures).filter(|_| key != "tiny_imagenet");
    all()
        .find_map(|place| other_version(&pickled(place, parts)))
        .or_else(|| all().find_map(foreign))
        .or_else(|| all().find_map(foreign_archive))
        .or_else(pictures)
}

/// What lies where `parts` of `folder` should, by the same name without its ending, and is made for Python.
fn pickled(folder: &Path, parts: &[&Path]) -> Vec<(PathBuf, String)> {
    in_place(folder, parts, &|place, name, there| {
        stem_and_extension(name).is_some_and(|(stem, _)| stem == there) && made_elsewhere(&place.join(there)).is_some()
    })
}

fn other_version(found: &[(PathBuf, String)]) -> Option<String> {
    let (first, name) = found.first()?;
    let what = made_elsewhere(first)?;
    let more = match found.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Some(format!(
        "there is {}{more}, which is {what}: that is the version for Python, and the one with {name} is read",
        first.display()
    ))
}

/// A file that other programs read their data sets from.
fn foreign(folder: &Path) -> Option<String> {
    let (name, what) = files::visible(folder).ok()?.into_iter().find_map(|name| {
        let (_, extension) = stem_and_extension(&name)?;
        let (_, what) = FOREIGN.iter().find(|(foreign, _)| foreign.eq_ignore_ascii_case(extension))?;
        Some((name, *what))
    })?;
    Some(format!("there is {}, {what}, which is not read: fetch the official files", folder.join(name).display()))
}

/// An archive of a version for other programs.
fn foreign_archive(folder: &Path) -> Option<String> {
    let (what, name) = files::visible(folder).ok()?.into_iter().find_map(|name| Some((version(&name)?, name)))?;
    let path = folder.join(name);
    Some(format!("there is {}, {what}, which is not read: fetch the official files", path.display()))
}

/// Of which other version an archive is.
pub(super) fn version(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let is_archive = ARCHIVES.iter().any(|ending| name.ends_with(ending));
    OTHER_VERSIONS.iter().find(|(part, _)| is_archive && name.contains(part)).map(|(_, what)| *what)
}

fn pictures(folder: &Path) -> Option<String> {
    let is_picture = |name: &String| {
        stem_and_extension(name).is_some_and(|(_, found)| PICTURES.iter().any(|end| end.eq_ignore_ascii_case(found)))
    };
    let name = files::visible(folder).ok()?.into_iter().find(is_picture)?;
    let path = folder.join(name);
    Some(format!(
        "there are pictures such as {}, which are not read: fetch the official files, or store your own pictures as \
         safetensors",
        path.display()
    ))
}

/// What a file is that another program made, by how it begins.
pub(in crate::data) fn made_elsewhere(path: &Path) -> Option<&'static str> {
    let mut start = Vec::new();
    let (file, _): (File, u64) = reading::open(path).ok()?;
    file.take(8).read_to_end(&mut start).ok()?;
    match start.as_slice() {
        [0x80, 2..=5, ..] => Some("a pickle of Python"),
        [b'P', b'K', 3, 4, ..] => Some("a zip archive, as numpy's .npz and PyTorch's .pt are"),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some("an array of numpy (.npy)"),
        [0x89, b'H', b'D', b'F', ..] => Some("an HDF5 file"),
        [b'P', b'A', b'R', b'1', ..] => Some("a Parquet file"),
        [0x1f, 0x8b, ..] => Some("packed by gzip"),
        _ => None,
    }
}
