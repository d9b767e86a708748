//! `SHA256SUMS` beside the data: what was unpacked from which archive, in the form that `sha256sum -c` reads.

use std::path::{Path, PathBuf};

use sha2::Sha256;

use super::checksum::hash;
use super::failure::explained;
use super::unpack::inside;
use crate::error::{Error, Result};
use crate::files::atomic::write_atomically;
use crate::files::reading;
use crate::system::signals::Stop;

pub const NAME: &str = "SHA256SUMS";

/// A longer file is no list of this program's.
const LONGEST: u64 = 1 << 27;

/// The files of a folder by archive.
#[derive(Debug)]
pub struct ArchiveFiles {
    folder: PathBuf,
    sections: Vec<Section>,
}

/// A comment `# ARCHIVE: about` and lines `sha256  path` after it. What stands before the first comment belongs to no
/// archive.
#[derive(Debug, Default)]
struct Section {
    archive: String,
    about: String,
    files: Vec<(PathBuf, String)>,
}

impl ArchiveFiles {
    /// The list of a folder; empty where it has none.
    ///
    /// # Errors
    /// [`Error::Data`] for a line that is none of such a list, [`Error::Io`] when it cannot be read.
    pub fn load(folder: &Path) -> Result<Self> {
        let mut sums = Self { folder: folder.to_path_buf(), sections: Vec::new() };
        let path = sums.path();
        if path.symlink_metadata().is_err() {
            return Ok(sums);
        }
        let text = reading::text(&path, LONGEST).map_err(Error::io("read", &path))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            if let Some(comment) = line.strip_prefix('#') {
                let (archive, about) = comment.split_once(": ").unwrap_or((comment, ""));
                let (archive, about) = (archive.trim().to_string(), about.trim().to_string());
                sums.sections.push(Section { archive, about, files: Vec::new() });
                continue;
            }
            let Some(file) = entry(line) else {
                return Err(Error::Data(format!(
                    "{}:{number}: expected 64 hexadecimal digits, two spaces and a path inside the folder; correct or remove the file.",
                    path.display()
                )));
            };
            if sums.sections.is_empty() {
                sums.sections.push(Section::default());
            }
            if let Some(section) = sums.sections.last_mut() {
                section.files.push(file);
            }
        }
        Ok(sums)
    }

    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// How many files it lists.
    pub fn len(&self) -> usize {
        self.sections.iter().map(|section| section.files.len()).sum()
    }

    /// Whether it lists an archive's files.
    pub fn holds(&self, archive: &str) -> bool {
        self.sections.iter().any(|section| section.archive == archive)
    }

    /// Compares an archive's files with the list.
    ///
    /// # Errors
    /// [`Error::Data`] that names the files that are missing or differ, [`Error::Interrupted`] when asked to stop.
    pub fn check(&self, archive: &str, stop: &Stop) -> Result<()> {
        self.compare(self.sections.iter().filter(|section| section.archive == archive), stop)
    }

    /// Compares all files with the list.
    ///
    /// # Errors
    /// As [`ArchiveFiles::check`].
    pub fn check_all(&self, stop: &Stop) -> Result<()> {
        self.compare(self.sections.iter(), stop)
    }

    fn compare<'a>(&'a self, sections: impl Iterator<Item = &'a Section>, stop: &Stop) -> Result<()> {
        let mut wrong = Vec::new();
        for (file, expected) in sections.flat_map(|section| &section.files) {
            let path = self.folder.join(file);
            if path.symlink_metadata().is_err() {
                wrong.push(format!("{} is missing", file.display()));
            } else if hash::<Sha256>(&path, stop)? != *expected {
                wrong.push(format!("{} has changed", file.display()));
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let (more, shown) =
            (wrong.len().saturating_sub(8), wrong.iter().take(8).cloned().collect::<Vec<_>>().join(", "));
        let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
        Err(Error::Data(format!(
            "{} does not hold what {} lists: {shown}{rest}. Move the folder away and fetch the data set again.",
            self.folder.display(),
            self.path().display()
        )))
    }

    /// Adds an archive's files and writes the list.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Data`] when it cannot be written.
    pub fn record(&mut self, archive: &str, about: &str, files: Vec<(PathBuf, String)>) -> Result<()> {
        self.sections.push(Section { archive: archive.to_string(), about: about.to_string(), files });
        let mut text = String::new();
        for Section { archive, about, files } in &self.sections {
            if !archive.is_empty() {
                text.push_str(&format!("# {archive}: {about}\n"));
            }
            files.iter().for_each(|(path, sum)| text.push_str(&format!("{sum}  {}\n", path.display())));
        }
        write_atomically(&self.path(), text.as_bytes()).map_err(explained)
    }
}

/// The path and the checksum of a line.
fn entry(line: &str) -> Option<(PathBuf, String)> {
    // A star stands before the path where `sha256sum` was told that files are binary.
    let (sum, path) = line.split_once("  ").or_else(|| line.split_once(" *"))?;
    let valid = sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit());
    let path = inside(Path::new(path)).filter(|path| valid && !path.as_os_str().is_empty())?;
    Some((path, sum.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_was_recorded_is_read_checked_and_found_changed_or_missing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("sub/abc"), "abc").unwrap();
        let mut sums = ArchiveFiles::load(folder.path()).unwrap();
        assert!(!sums.holds("a.zip"));
        sums.record("a.zip", "no checksum is published from http://x", vec![("sub/abc".into(), ABC.into())]).unwrap();
        let sums = ArchiveFiles::load(folder.path()).unwrap();
        assert!(sums.holds("a.zip") && sums.len() == 1);
        sums.check("a.zip", &Stop::never()).unwrap();
        let text = fs::read_to_string(sums.path()).unwrap();
        assert_eq!(text, format!("# a.zip: no checksum is published from http://x\n{ABC}  sub/abc\n"));

        fs::write(folder.path().join("sub/abc"), "abd").unwrap();
        assert!(sums.check_all(&Stop::never()).unwrap_err().to_string().contains("lists: sub/abc has changed."));
        fs::remove_file(folder.path().join("sub/abc")).unwrap();
        assert!(sums.check_all(&Stop::never()).unwrap_err().to_string().contains("lists: sub/abc is missing."));
    }

    #[test]
    fn lists_from_other_systems_and_in_binary_mode_are_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("abc"), "abc").unwrap();
        let text = format!("\u{feff}# a.zip: by hand\r\n{ABC}  abc\r\n{} *abc\r\n", ABC.to_uppercase());
        fs::write(folder.path().join(NAME), text).unwrap();
        let sums = ArchiveFiles::load(folder.path()).unwrap();
        assert!(sums.holds("a.zip") && sums.len() == 2);
        sums.check_all(&Stop::never()).unwrap();
        // A mark alone is an empty list.
        fs::write(folder.path().join(NAME), "\u{feff}\r\n").unwrap();
        assert_eq!(ArchiveFiles::load(folder.path()).unwrap().len(), 0);
    }

    #[test]
    fn lines_that_leave_the_folder_or_are_no_checksums_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for line in [format!("{ABC}  ../x"), format!("{ABC}  /etc/passwd"), "abc  x".into(), format!("{ABC} x")] {
            fs::write(folder.path().join("SHA256SUMS"), format!("\n{line}\n")).unwrap();
            let error = ArchiveFiles::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains("SHA256SUMS:2: expected 64 hexadecimal digits"), "{error}");
        }
    }
}
