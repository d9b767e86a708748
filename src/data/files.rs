//! Finds, measures and hashes data files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use sha2::{Digest, Sha256};

use super::unexpected_files;
use crate::error::{Error, Result};
use crate::files::atomic::hex;
use crate::files::reading;

/// The folder of a data set in its official layout.
pub(super) struct Folder<'a> {
    pub path: &'a Path,
    /// The data set's name for people.
    pub set: &'static str,
    /// Its key in the experiment file.
    pub key: &'static str,
    /// The official names of the files.
    pub files: &'static [&'static str],
    /// Where they are published.
    pub published: &'static str,
}

impl Folder<'_> {
    /// The paths of all files, in the order of `files`.
    ///
    /// # Errors
    /// When the folder or any of the files is missing: names all that are, and what lies there instead.
    pub fn locate(&self) -> Result<Vec<PathBuf>> {
        let Self { path, set, key, files, published } = self;
        match all_there(path, files) {
            Ok(()) => Ok(files.iter().map(|name| path.join(name)).collect()),
            Err(problem) => {
                let holds =
                    format!("The {set} folder holds the official files {}, published at {published}", files.join(", "));
                Err(Error::Data(unexpected_files::missing(&problem, &holds, path, files, key)))
            }
        }
    }

    /// SHA-256 of all files, by name.
    ///
    /// # Errors
    /// As [`Folder::locate`], and for files that cannot be read.
    pub fn checksums(&self) -> Result<BTreeMap<String, String>> {
        let paths = self.locate()?;
        let hashes: Vec<Result<String>> = paths.par_iter().map(|path| checksum(path)).collect();
        self.files.iter().zip(hashes).map(|(name, hash)| Ok((name.to_string(), hash?))).collect()
    }
}

/// Whether all `parts` of a folder, files and folders within it, are there.
///
/// # Errors
/// What is missing, as the start of a sentence.
pub(super) fn all_there(folder: &Path, parts: &[impl AsRef<Path>]) -> Result<(), String> {
    let name = folder.display();
    if !folder.exists() {
        return Err(format!("the folder {name} does not exist"));
    }
    if !folder.is_dir() {
        return Err(format!("{name} is no folder"));
    }
    // Links that lead nowhere are there: opening them tells where they lead.
    let missing = parts.iter().map(AsRef::as_ref).filter(|part| folder.join(part).symlink_metadata().is_err());
    let missing: Vec<String> = missing.map(|part| part.display().to_string()).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!("the folder {name} lacks {}", missing.join(", "))),
    }
}

/// The names in a folder, sorted. Hidden ones are left out: what a system or a file manager keeps there for itself,
/// such as `._a.bin` beside `a.bin`.
///
/// # Errors
/// The operating system's, when the folder cannot be read.
pub(super) fn visible(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in folder.read_dir().map_err(Error::io("open", folder))? {
        let name = entry.map_err(Error::io("read", folder))?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The text of a list, without the byte order mark that some editors put first. Its lines may end as on Windows.
///
/// # Errors
/// As [`reading::text`].
pub(super) fn list(path: &Path, most: u64) -> io::Result<String> {
    let text = reading::text(path, most)?;
    Ok(text.strip_prefix('\u{feff}').map(String::from).unwrap_or(text))
}

/// Opens a regular file and tells its length in bytes.
pub(super) fn open(path: &Path) -> Result<(File, u64)> {
    reading::open(path).map_err(Error::io("open", path))
}

/// Compares a file's length with what it should hold, `content` in words.
pub(super) fn check_length(path: &Path, length: u64, expected: u64, content: &str) -> Result<()> {
    let name = path.display();
    let again = "fetch or unpack it again";
    if length == 0 {
        return Err(Error::Data(format!("{name} is empty; expected {expected} bytes ({content}); {again}.")));
    }
    if length < expected {
        return Err(Error::Data(format!(
            "{name} is truncated: it ends at byte {length}, {} bytes short of the expected {expected} ({content}); {again}.",
            expected.saturating_sub(length)
        )));
    }
    if length > expected {
        return Err(Error::Data(format!(
            "{name} is oversized: expected {expected} bytes ({content}), found {length}; the {} bytes from byte {expected} \
             on belong to no record; {again}.",
            length.saturating_sub(expected)
        )));
    }
    Ok(())
}

/// An empty list with room for the `count` values that `path` holds.
///
/// # Errors
/// When there is no memory for so many.
pub(super) fn room<T>(count: usize, path: &Path) -> Result<Vec<T>> {
    let mut values = Vec::new();
    match values.try_reserve_exact(count) {
        Ok(()) => Ok(values),
        Err(_) => Err(Error::Data(format!(
            "{} holds {count} values of {} bytes, and there is no memory for so many.",
            path.display(),
            size_of::<T>()
        ))),
    }
}

/// The `count` names of a file of one a line; `None` of a file that is absent or holds another number of them.
pub(super) fn names(path: &Path, count: usize) -> Option<Vec<String>> {
    const LONGEST: u64 = 1 << 16;
    let text = list(path, LONGEST).ok()?;
    let names: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect();
    (names.len() == count).then_some(names)
}

/// SHA-256 of a file, in hexadecimal, read piece by piece.
pub(super) fn checksum(path: &Path) -> Result<String> {
    struct Hasher(Sha256);
    impl Write for Hasher {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (file, _) = open(path)?;
    let mut hasher = Hasher(Sha256::new());
    io::copy(&mut io::BufReader::with_capacity(1 << 18, file), &mut hasher).map_err(Error::io("read", path))?;
    Ok(hexadecimal(hasher.0))
}

/// The finished hash as 64 hexadecimal digits.
pub(super) fn hexadecimal(hasher: Sha256) -> String {
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_checksum_is_the_one_published_for_abc() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, "abc").unwrap();
        // FIPS 180-4, example B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(checksum(&path).unwrap(), expected);
    }

    fn digits(path: &Path) -> Folder<'_> {
        Folder { path, set: "Example", key: "example", files: &["one", "two"], published: "https://example.org" }
    }

    #[test]
    fn a_missing_folder_names_the_files_and_where_they_are_published() {
        let error = digits(Path::new("no/such/folder")).locate().unwrap_err().to_string();
        assert_eq!(
            error,
            "the folder no/such/folder does not exist. The Example folder holds the official files one, two, published \
             at https://example.org; put them there or correct data.dataset.example.path."
        );
    }

    #[test]
    fn a_path_to_a_file_in_place_of_a_folder_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = digits(file.path()).locate().unwrap_err().to_string();
        assert!(error.contains("is no folder. The Example folder holds"), "{error}");
    }

    #[test]
    fn packed_files_are_to_be_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one"), "1").unwrap();
        fs::write(folder.path().join("two.gz"), "2").unwrap();
        let error = digits(folder.path()).locate().unwrap_err().to_string();
        assert!(error.contains("lacks two. The Example folder"), "{error}");
        assert!(error.contains("two.gz`"), "{error}");
        assert!(error.contains("`gunzip "), "{error}");
    }

    #[test]
    fn a_folder_in_place_of_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with(": it is a folder, and a regular file was expected"), "{error}");
    }

    #[test]
    fn a_folder_is_listed_in_order_and_without_what_is_hidden() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "a.bin", "._a.bin", ".DS_Store", "B"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(visible(folder.path()).unwrap(), ["B", "a.bin", "b"]);
        let text = visible(&folder.path().join("none")).unwrap_err().to_string();
        assert!(
            text.starts_with(&format!("cannot open {}: No such file", folder.path().join("none").display())),
            "{text}"
        );
    }

    #[test]
    fn the_checksums_of_a_folder_are_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one"), "abc").unwrap();
        fs::write(folder.path().join("two"), "").unwrap();
        // FIPS 180-4, example B.1, and of nothing.
        let expected = [
            ("one", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("two", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ];
        let expected = expected.map(|(name, hash)| (name.to_string(), hash.to_string()));
        assert_eq!(digits(folder.path()).checksums().unwrap(), expected.into());
    }

    #[test]
    fn names_are_as_many_as_there_are_classes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.txt");
        assert_eq!(names(&path, 2), None);
        fs::write(&path, "\u{feff}apple\r\naquarium_fish\r\n\r\n").unwrap();
        assert_eq!(names(&path, 2).unwrap(), ["apple", "aquarium_fish"]);
        assert_eq!(names(&path, 3), None);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_there_but_cannot_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one"), "1").unwrap();
        std::os::unix::fs::symlink("gone", folder.path().join("two")).unwrap();
        let paths = digits(folder.path()).locate().unwrap();
        let error = open(&paths[1]).unwrap_err().to_string();
        assert_eq!(error, format!("cannot open {}: it is a link to gone, which does not exist", paths[1].display()));
    }

    #[test]
    fn there_is_no_memory_for_2_to_the_60_values() {
        let error = room::<f32>(1 << 60, Path::new("a")).unwrap_err().to_string();
        assert_eq!(error, "a holds 1152921504606846976 values of 4 bytes, and there is no memory for so many.");
    }
}
