//! Advice for missing data files: what lies in the folder in their place (packed, nested, capitals, Python versions).
//!
//! Nothing is taken for what it only resembles: a name in capitals, a packed file, a folder further down, a file made
//! for Python are each named.

mod foreign;
mod renamed;
#[cfg(test)]
mod tests;

pub(super) use foreign::made_elsewhere;
pub(super) use renamed::is_packing;

use foreign::for_others;
use renamed::{archive, beside};
use std::path::{Path, PathBuf};

use super::download::SETS;
use super::files;

/// Files and folders that are named one by one.
const MOST_NAMED: usize = 6;

/// Folders further down that are looked into.
const MOST_FOLDERS: usize = 300;

/// What to do about a data set's folder that lacks some of `parts`, files and folders within it: that is the
/// `problem`. `holds` says what should be there, `key` is the data set's in the experiment file. Where nothing that is
/// there could take their place, the command that fetches them comes first.
pub(super) fn missing(problem: &str, holds: &str, folder: &Path, parts: &[impl AsRef<Path>], key: &str) -> String {
    let WhatLiesThere { advice, is_enough } = find(folder, parts, key);
    let fetch = match SETS.iter().find(|set| set.name == key && !is_enough) {
        Some(set) if is_usual(folder, set.name) => format!("`bntt data {key}` fetches it: "),
        Some(_) => format!("`bntt data {key} --path {}` fetches it: ", folder.display()),
        None => String::new(),
    };
    format!("{fetch}{problem}. {holds}; {advice}.")
}

/// Whether `bntt data` puts the set there by itself.
fn is_usual(folder: &Path, set: &str) -> bool {
    let usual = Path::new("data").join(set);
    std::path::absolute(folder).ok() == std::path::absolute(usual).ok()
}

/// What lies in the place of what is missing.
struct WhatLiesThere {
    /// What to do, as the end of a sentence.
    advice: String,
    /// Whether nothing else is needed.
    is_enough: bool,
}

fn find(folder: &Path, parts: &[impl AsRef<Path>], key: &str) -> WhatLiesThere {
    let parts: Vec<&Path> = parts.iter().map(AsRef::as_ref).collect();
    let here = match folder.is_dir() {
        true => in_folder(folder, &parts, key),
        false => of_file(folder),
    };
    if let Some(advice) = here {
        return WhatLiesThere { advice, is_enough: true };
    }
    let instead = || for_others(folder, &parts, key);
    let advice = Some(folder).filter(|folder| folder.is_dir()).and_then(|_| instead());
    let nothing = || format!("put them there or correct data.dataset.{key}.path");
    WhatLiesThere { advice: advice.unwrap_or_else(nothing), is_enough: false }
}

/// What lies in place of a file or folder that is missing, and what to do about it, as the end of a sentence.
pub(super) fn of_file(path: &Path) -> Option<String> {
    beside(&parent(path), &[Path::new(path.file_name()?)])
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).into()
}

fn in_folder(folder: &Path, parts: &[&Path], key: &str) -> Option<String> {
    let further_down = folders_in(folder);
    let complete = |place: &Path| parts.iter().all(|part| place.join(part).exists());
    let elsewhere = || {
        let below = further_down.iter().find(|place| complete(place));
        let place = below.cloned().or_else(|| Some(parent(folder)).filter(|place| complete(place)))?;
        let shown = match place.strip_prefix(folder) {
            Ok(below) => format!("in {}/", below.display()),
            Err(_) => "in the folder around it".into(),
        };
        Some(format!("what you need lies {shown}: set data.dataset.{key}.path to {}", place.display()))
    };
    let all = || [folder].into_iter().chain(further_down.iter().map(PathBuf::as_path));
    beside(folder, parts)
        .or_else(elsewhere)
        .or_else(|| further_down.iter().find_map(|place| beside(place, parts)))
        .or_else(|| all().find_map(archive))
}

/// Folders in `folder`, and in those.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let within = |folder: &Path| -> Vec<PathBuf> {
        let paths = files::visible(folder).unwrap_or_default().into_iter().map(|name| folder.join(name));
        paths.filter(|path| path.is_dir()).take(MOST_FOLDERS).collect()
    };
    let first = within(folder);
    let second: Vec<PathBuf> = first.iter().flat_map(|folder| within(folder)).take(MOST_FOLDERS).collect();
    [first, second].concat()
}

fn stem_and_extension(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty())
}

/// The first few, and how many more.
fn listed(names: impl IntoIterator<Item = String>) -> String {
    let mut names: Vec<String> = names.into_iter().collect();
    let more = names.len().saturating_sub(MOST_NAMED);
    names.truncate(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.join(", ") + &more
}
