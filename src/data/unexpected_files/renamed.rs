//! The files that are missing, under a name in other letters, packed, or in an archive.

use super::{foreign, listed, stem_and_extension};
use crate::data::files;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the names of packed files end in.
const PACKINGS: [&str; 7] = ["gz", "bz2", "xz", "zst", "z", "zip", "tar"];

/// What the names of archives of whole folders end in.
pub(super) const ARCHIVES: [&str; 8] = [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".7z", ".rar"];

/// Whether a file whose name ends in `extension`, without the dot, is packed.
pub(in crate::data) fn is_packing(extension: &str) -> bool {
    PACKINGS.iter().any(|packing| packing.eq_ignore_ascii_case(extension))
}

/// What lies where `parts` of `folder` should: the same name in other letters, or the same file packed.
pub(super) fn beside(folder: &Path, parts: &[&Path]) -> Option<String> {
    let found = |is: &dyn Fn(&str, &str) -> bool| in_place(folder, parts, &|_, name, there| is(name, there));
    let in_other_letters = found(&|name, there| plain(there) == plain(name));
    let packed = || {
        found(&|name, there| {
            stem_and_extension(there)
                .is_some_and(|(stem, extension)| stem.eq_ignore_ascii_case(name) && is_packing(extension))
        })
    };
    renaming(&in_other_letters).or_else(|| unpacking(&packed()))
}

/// What lies where the `parts` of `folder` that are missing should, as long as it `is` what is looked for: of a folder,
/// a missing name in it and one that is there.
pub(super) fn in_place(
    folder: &Path,
    parts: &[&Path],
    is: &dyn Fn(&Path, &str, &str) -> bool,
) -> Vec<(PathBuf, String)> {
    let missing: BTreeSet<(PathBuf, String)> = parts.iter().filter_map(|part| first_missing(folder, part)).collect();
    let there = |(place, name): &(PathBuf, String)| {
        let there = files::visible(place).unwrap_or_default().into_iter().filter(|there| is(place, name, there));
        there.map(|there| (place.join(there), name.clone())).collect::<Vec<_>>()
    };
    missing.iter().flat_map(there).collect()
}

/// The name in small letters, and with one sign for what different copies of a set put between words:
/// `train-images.idx3-ubyte`.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.', ' '], "-")
}

/// The folder, and the name in it, at which the way to `part` ends.
fn first_missing(folder: &Path, part: &Path) -> Option<(PathBuf, String)> {
    let mut place = folder.to_path_buf();
    for name in part.components() {
        let next = place.join(name);
        if next.symlink_metadata().is_err() {
            return Some((place, name.as_os_str().to_string_lossy().into_owned()));
        }
        place = next;
    }
    None
}

fn renaming(found: &[(PathBuf, String)]) -> Option<String> {
    match found {
        [] => None,
        [(path, name)] => Some(format!("there is {}: rename it to {name}", path.display())),
        many => {
            let pair = |(path, name): &(PathBuf, String)| format!("{} to {name}", path.display());
            Some(format!("rename what is there: {}", listed(many.iter().map(pair))))
        }
    }
}

fn unpacking(found: &[(PathBuf, String)]) -> Option<String> {
    let (first, _) = found.first()?;
    let extension = |path: &Path| path.extension().unwrap_or_default().to_ascii_lowercase();
    let alike = found.iter().filter(|(path, _)| extension(path) == extension(first));
    let paths: Vec<String> = alike.map(|(path, _)| path.display().to_string()).collect();
    match extension(first) == "gz" {
        true => Some(format!("unpack what is there with `gunzip {}`", paths.join(" "))),
        false => Some(format!("unpack what is there: {}", listed(paths))),
    }
}

pub(super) fn archive(folder: &Path) -> Option<String> {
    let is_archive = |name: &String| {
        let lower = name.to_ascii_lowercase();
        ARCHIVES.iter().any(|ending| lower.ends_with(ending)) && foreign::version(name).is_none()
    };
    let archives = files::visible(folder).ok()?.into_iter().filter(is_archive);
    let archives: Vec<String> = archives.map(|name| folder.join(name).display().to_string()).collect();
    (!archives.is_empty()).then(|| format!("unpack what is there: {}", listed(archives)))
}
