//! Advice for missing data files: what lies in the folder in their place (packed, nested, capitals, Python versions).
//!
//! Nothing is taken for what it only resembles: a name in capitals, a packed file, a folder further down, a file made
//! for Python are each named.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::download::SETS;
use super::files;
use crate::files::reading;

/// Files and folders that are named one by one.
const MOST_NAMED: usize = 6;

/// Folders further down that are looked into.
const MOST_FOLDERS: usize = 300;

/// What the names of packed files end in.
const PACKINGS: [&str; 7] = ["gz", "bz2", "xz", "zst", "z", "zip", "tar"];

/// What the names of archives of whole folders end in.
const ARCHIVES: [&str; 8] = [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".7z", ".rar"];

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

/// Whether a file whose name ends in `extension`, without the dot, is packed.
pub(super) fn is_packing(extension: &str) -> bool {
    PACKINGS.iter().any(|packing| packing.eq_ignore_ascii_case(extension))
}

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

/// What lies in a folder that is made for other programs.
fn for_others(folder: &Path, parts: &[&Path], key: &str) -> Option<String> {
    let further_down = folders_in(folder);
    let all = || [folder].into_iter().chain(further_down.iter().map(PathBuf::as_path));
    let pictures = || all().find_map(pictures).filter(|_| key != "tiny_imagenet");
    all()
        .find_map(|place| other_version(&pickled(place, parts)))
        .or_else(|| all().find_map(foreign))
        .or_else(|| all().find_map(foreign_archive))
        .or_else(pictures)
}

/// What lies where `parts` of `folder` should: the same name in other letters, or the same file packed.
fn beside(folder: &Path, parts: &[&Path]) -> Option<String> {
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

/// What lies where `parts` of `folder` should, by the same name without its ending, and is made for Python.
fn pickled(folder: &Path, parts: &[&Path]) -> Vec<(PathBuf, String)> {
    in_place(folder, parts, &|place, name, there| {
        stem_and_extension(name).is_some_and(|(stem, _)| stem == there) && made_elsewhere(&place.join(there)).is_some()
    })
}

/// What lies where the `parts` of `folder` that are missing should, as long as it `is` what is looked for: of a folder,
/// a missing name in it and one that is there.
fn in_place(folder: &Path, parts: &[&Path], is: &dyn Fn(&Path, &str, &str) -> bool) -> Vec<(PathBuf, String)> {
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
fn version(name: &str) -> Option<&'static str> {
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

fn archive(folder: &Path) -> Option<String> {
    let is_archive = |name: &String| {
        let lower = name.to_ascii_lowercase();
        ARCHIVES.iter().any(|ending| lower.ends_with(ending)) && version(name).is_none()
    };
    let archives = files::visible(folder).ok()?.into_iter().filter(is_archive);
    let archives: Vec<String> = archives.map(|name| folder.join(name).display().to_string()).collect();
    (!archives.is_empty()).then(|| format!("unpack what is there: {}", listed(archives)))
}

/// What a file is that another program made, by how it begins.
pub(super) fn made_elsewhere(path: &Path) -> Option<&'static str> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// What is advised about a folder of `there`, which lacks some of `parts`; FOLDER stands for it.
    fn advised(there: &[(&str, &[u8])], parts: &[&str]) -> String {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("set");
        fs::create_dir(&folder).unwrap();
        for (name, content) in there {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        find(&folder, parts, "example").advice.replace(&folder.display().to_string(), "FOLDER")
    }

    const NOTHING: &str = "put them there or correct data.dataset.example.path";

    #[test]
    fn the_same_name_in_other_letters_is_to_be_renamed() {
        let expected = "there is FOLDER/TEST_BATCH.BIN: rename it to test_batch.bin";
        assert_eq!(advised(&[("TEST_BATCH.BIN", b""), ("a.bin", b"")], &["a.bin", "test_batch.bin"]), expected);
        let expected = "rename what is there: FOLDER/A.bin to a.bin, FOLDER/b.BIN to b.bin";
        assert_eq!(advised(&[("A.bin", b""), ("b.BIN", b"")], &["a.bin", "b.bin", "c.bin"]), expected);
        let expected = "there is FOLDER/train-images.idx3-ubyte: rename it to train-images-idx3-ubyte";
        assert_eq!(advised(&[("train-images.idx3-ubyte", b"")], &["train-images-idx3-ubyte"]), expected);
        // Of a folder it is the first part that differs.
        let expected = "there is FOLDER/train: rename it to Train";
        assert_eq!(advised(&[("train/0/1.bin", b""), ("train/1/1.bin", b"")], &["Train/0", "Train/1"]), expected);
        assert_eq!(advised(&[("._a.bin", b""), (".A.bin", b"")], &["a.bin"]), NOTHING);
    }

    #[test]
    fn many_files_are_named_in_part() {
        let names: Vec<String> = (0..9).map(|i| format!("a{i}")).collect();
        let there: Vec<String> = names.iter().map(|name| name.to_uppercase()).collect();
        let there: Vec<(&str, &[u8])> = there.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let text = advised(&there, &names.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(text.ends_with(", FOLDER/A5 to a5 and 3 more"), "{text}");
    }

    #[test]
    fn packed_files_and_archives_are_to_be_unpacked() {
        let there: &[(&str, &[u8])] = &[("one.GZ", b""), ("two.gz", b"")];
        assert_eq!(advised(there, &["one", "two"]), "unpack what is there with `gunzip FOLDER/one.GZ FOLDER/two.gz`");
        assert_eq!(advised(&[("Train.zip", b"")], &["Train/0", "Train/1"]), "unpack what is there: FOLDER/Train.zip");
        let expected = "unpack what is there: FOLDER/cifar-10-binary.tar.gz";
        assert_eq!(advised(&[("cifar-10-binary.tar.gz", b"")], &["test_batch.bin"]), expected);
    }

    #[test]
    fn a_folder_further_down_or_above_is_named() {
        let there: &[(&str, &[u8])] = &[("cifar-10-batches-bin/a.bin", b""), ("cifar-10-batches-bin/b.bin", b"")];
        let expected = "what you need lies in cifar-10-batches-bin/: set data.dataset.example.path to \
                        FOLDER/cifar-10-batches-bin";
        assert_eq!(advised(there, &["a.bin", "b.bin"]), expected);
        let expected = "what you need lies in MNIST/raw/: set data.dataset.example.path to FOLDER/MNIST/raw";
        assert_eq!(advised(&[("MNIST/raw/one", b""), ("MNIST/raw/one.gz", b"")], &["one"]), expected);
        let expected = "unpack what is there with `gunzip FOLDER/MNIST/raw/one.gz`";
        assert_eq!(advised(&[("MNIST/raw/one.gz", b"")], &["one"]), expected);
        // Half of it is not what is needed.
        assert_eq!(advised(there, &["a.bin", "c.bin"]), NOTHING);

        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("Train/0")).unwrap();
        let folder = root.path().join("Train");
        let expected = format!(
            "what you need lies in the folder around it: set data.dataset.example.path to {}",
            root.path().display()
        );
        assert_eq!(find(&folder, &["Train/0"], "example").advice, expected);
    }

    #[test]
    fn what_other_programs_read_is_named_as_that() {
        let pickle: &[u8] = b"\x80\x02}q\x01(U\x0bbatch_label";
        let there = &[("cifar-10-batches-py/a", pickle), ("cifar-10-batches-py/b", pickle)];
        let expected = "there is FOLDER/cifar-10-batches-py/a (and 1 more), which is a pickle of Python: that is the \
                        version for Python, and the one with a.bin is read";
        assert_eq!(advised(there, &["a.bin", "b.bin"]), expected);
        // A folder of that name is none.
        assert_eq!(advised(&[("train/n01/a", b"")], &["train.bin"]), NOTHING);
        for (name, content, expected) in [
            ("mnist.npz", &b"PK\x03\x04"[..], "arrays of numpy (.npz)"),
            ("processed/training.pt", b"\x80\x02\x8a", "tensors of PyTorch (.pt)"),
            ("weights.pth", b"PK\x03\x04", "tensors of PyTorch (.pth)"),
            ("cifar-10-python.tar.gz", b"\x1f\x8b", "the version for Python"),
            ("cifar-10-matlab.tar.gz", b"\x1f\x8b", "the version for MATLAB"),
            ("train-00000-of-00001.parquet", b"PAR1", "a Parquet file"),
            ("a.NPY", b"\x93NUMPY", "an array of numpy (.npy)"),
            ("a.h5", b"\x89HDF", "an HDF5 file"),
            ("a.mat", b"MATLAB", "arrays of MATLAB (.mat)"),
        ] {
            let expected = format!("there is FOLDER/{name}, {expected}, which is not read: fetch the official files");
            assert_eq!(advised(&[(name, content)], &["train.bin"]), expected);
        }
    }

    #[test]
    fn pictures_are_named_as_that() {
        let there: &[(&str, &[u8])] = &[("train/cat/1.PNG", b""), ("train/dog/1.jpg", b"")];
        let expected = "there are pictures such as FOLDER/train/cat/1.PNG, which are not read: fetch the official files, or store \
                        your own pictures as safetensors";
        assert_eq!(advised(there, &["data_batch_1.bin"]), expected);
    }

    #[test]
    fn the_command_that_fetches_what_is_missing_comes_first_unless_what_is_there_will_do() {
        let root = tempfile::tempdir().unwrap();
        let told = |folder: &Path, key: &str| missing("it lacks a.bin", "It holds a.bin", folder, &["a.bin"], key);
        let nothing = "it lacks a.bin. It holds a.bin; put them there or correct data.dataset.cifar10.path.";
        let path = root.path().display();
        assert_eq!(told(root.path(), "cifar10"), format!("`bntt data cifar10 --path {path}` fetches it: {nothing}"));
        assert_eq!(told(Path::new("data/cifar10"), "cifar10"), format!("`bntt data cifar10` fetches it: {nothing}"));
        // What no address has cannot be fetched.
        assert!(told(root.path(), "dvs_recordings").starts_with("it lacks a.bin. "));
        fs::write(root.path().join("A.bin"), "").unwrap();
        let expected = format!("it lacks a.bin. It holds a.bin; there is {path}/A.bin: rename it to a.bin.");
        assert_eq!(told(root.path(), "cifar10"), expected);
    }

    #[test]
    fn a_folder_or_file_of_another_name_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("CIFAR10")).unwrap();
        fs::write(root.path().join("train.safetensors.gz"), "").unwrap();
        let expected = format!("there is {}: rename it to cifar10", root.path().join("CIFAR10").display());
        assert_eq!(find(&root.path().join("cifar10"), &["a.bin"], "example").advice, expected);
        let expected =
            format!("unpack what is there with `gunzip {}`", root.path().join("train.safetensors.gz").display());
        assert_eq!(of_file(&root.path().join("train.safetensors")), Some(expected));
        assert_eq!(of_file(&root.path().join("test.safetensors")), None);
    }
}
