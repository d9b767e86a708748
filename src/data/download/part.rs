//! An archive that is fetched: `NAME.part`, which stays until its files are recorded, and `NAME.part.from`, which says
//! what it is of.
//!
//! The note has the address, the server's word for the file's version (`ETag` or `Last-Modified`), and `whole` once the
//! checksum is right. `NAME` without an ending is never written while a data set is fetched: an archive of that name
//! was put there by hand.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::failure::{explained, refused};
use crate::error::{Error, Result};
use crate::files::atomic::{beside, sync_folder, write_atomically};
use crate::files::reading;

/// A longer note is none.
const LONGEST_NOTE: u64 = 1 << 16;
const WHOLE: &str = "whole";

/// Where an archive called `NAME` is fetched to.
pub struct PartialFile {
    pub path: PathBuf,
    note: PathBuf,
    archive: PathBuf,
}

#[derive(Default)]
struct PartialFileNote {
    url: String,
    /// Empty where the server gave none that can be trusted.
    version: String,
    whole: bool,
}

impl PartialFile {
    pub fn for_archive(archive: &Path) -> Self {
        let path = beside(archive, ".part");
        Self { note: beside(archive, ".part.from"), path, archive: archive.to_path_buf() }
    }

    /// Whether there is anything of it.
    pub fn is_there(&self) -> bool {
        [&self.path, &self.note].into_iter().any(|path| path.symlink_metadata().is_ok())
    }

    pub fn length(&self) -> u64 {
        fs::symlink_metadata(&self.path).map_or(0, |about| if about.is_file() { about.len() } else { 0 })
    }

    /// How much of `url` is there, and the version that it is of; nothing where that is not known.
    pub fn progress(&self, url: &str) -> (u64, Option<String>) {
        let PartialFileNote { url: of, version, .. } = self.read();
        match self.length() {
            length @ 1.. if of == url && !version.is_empty() => (length, Some(version)),
            _ => (0, None),
        }
    }

    /// The address that it came from, if all of it has come and was what was published.
    pub fn whole_from(&self) -> Option<String> {
        Some(self.read()).filter(|note| note.whole && self.length() > 0).map(|note| note.url)
    }

    /// Opens it to write from byte `done` on; from the first, it is of `version` of `url` from now on.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Data`] for a link, for a pipe, for a file that has another name too, and when the disk
    /// refuses.
    pub fn open(&self, done: u64, url: &str, version: &str) -> Result<File> {
        let mut options = OpenOptions::new();
        let file = reading::own(options.write(true).create(true).truncate(false).mode(0o666), &self.path);
        let mut file = file.map_err(refused("open", &self.path))?;
        if file.metadata().map_err(refused("read", &self.path))?.nlink() > 1 {
            // What the other name stands for would be written over.
            let path = self.path.display();
            return Err(Error::Data(format!("{path} is a file that has another name too (a hard link). Remove it.")));
        }
        file.set_len(done).and_then(|()| file.seek(SeekFrom::Start(done))).map_err(refused("write", &self.path))?;
        // Afterwards: bytes of an old version never lie under a new one's name.
        if done == 0 {
            self.write(&PartialFileNote { url: url.into(), version: version.into(), whole: false })?;
        }
        Ok(file)
    }

    /// Remembers that all of it is there and is what was published.
    pub fn is_whole(&self) -> Result<()> {
        self.write(&PartialFileNote { whole: true, ..self.read() })
    }

    /// Leaves it under the archive's own name, as one that was put there by hand.
    pub fn give_up(&self) -> Result<()> {
        fs::rename(&self.path, &self.archive).map_err(refused("rename", &self.path))?;
        self.remove()
    }

    /// The note goes first: without it the rest is nothing.
    pub fn remove(&self) -> Result<()> {
        let mut gone = false;
        for path in [&self.note, &self.path] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused("remove", path)(error)),
                removed => gone |= removed.is_ok(),
            }
        }
        match self.archive.parent().filter(|folder| gone && !folder.as_os_str().is_empty()) {
            Some(folder) => sync_folder(folder),
            None => Ok(()),
        }
    }

    fn read(&self) -> PartialFileNote {
        let mut text = String::new();
        // What cannot be read says nothing: it is fetched from the first byte then.
        let _ = reading::own(OpenOptions::new().read(true), &self.note)
            .and_then(|file| file.take(LONGEST_NOTE).read_to_string(&mut text));
        let mut lines = text.lines().map(str::trim);
        let (url, version) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        PartialFileNote { url: url.into(), version: version.into(), whole: lines.next() == Some(WHOLE) }
    }

    fn write(&self, note: &PartialFileNote) -> Result<()> {
        let PartialFileNote { url, version, whole } = note;
        let whole = if *whole { "whole\n" } else { "" };
        write_atomically(&self.note, format!("{url}\n{version}\n{whole}").as_bytes()).map_err(explained)
    }
}
