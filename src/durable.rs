//! Files that are whole or absent: written aside, flushed to the disk, then renamed into place.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Writes `bytes` to `path` so that a reader, or a crash at any moment, finds the old content or the new, never a mixture.
///
/// # Errors
/// [`Error::Io`] when the folder is missing or cannot be written to; the old content is then untouched.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut aside = Aside::create(path)?;
    aside.write_all(bytes).map_err(Error::io("write", path))?;
    aside.keep().map(drop)
}

/// A file that is written piece by piece beside its place, and takes it when it is kept. One that is dropped before leaves nothing.
#[derive(Debug)]
pub struct Aside {
    path: PathBuf,
    aside: PathBuf,
    file: File,
    kept: bool,
}

impl Aside {
    /// # Errors
    /// [`Error::Io`] when the folder of `path` is missing or cannot be written to.
    pub fn create(path: &Path) -> Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let aside = beside(path, &format!(".{}-{number}.tmp", std::process::id()));
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&aside);
        let file = opened.map_err(Error::io("create", &aside))?;
        Ok(Self { path: path.into(), aside, file, kept: false })
    }

    /// Waits until the disk has the file, moves it to its place and gives it, open for reading.
    ///
    /// # Errors
    /// [`Error::Io`]; what was in its place is then untouched, but for an error from flushing the folder.
    pub fn keep(mut self) -> Result<File> {
        self.file.sync_all().map_err(Error::io("write", &self.path))?;
        fs::rename(&self.aside, &self.path).map_err(Error::io("write", &self.path))?;
        self.kept = true;
        sync_folder(&parent(&self.path))?;
        self.file.try_clone().map_err(Error::io("open", &self.path))
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.aside);
        }
    }
}

/// Writes a new file and waits until the disk has it. The folder's own entry is not waited for: see [`sync_folder`].
pub fn write_and_sync(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).open(path).map_err(Error::io("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io("write", path))
}

/// Waits until the disk has the folder's entries: what was created, renamed and removed in it.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(Error::io("flush", folder))
}

/// Moves the folder `new` to `folder`, and what was there to `previous`.
///
/// At every moment at least one of the three is whole: a reader that tries `folder`, `new`, `previous` in this order finds it.
pub fn replace_folder(new: &Path, folder: &Path, previous: &Path) -> Result<()> {
    let container = parent(folder);
    if folder.exists() {
        remove_folder(previous)?;
        fs::rename(folder, previous).map_err(Error::io("rename", folder))?;
    }
    fs::rename(new, folder).map_err(Error::io("rename", new))?;
    sync_folder(&container)
}

/// Removes a folder with all it holds; one that is absent is no error.
pub fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", folder)(e)),
        _ => Ok(()),
    }
}

/// `path` with `suffix` added to its last component: `checkpoints/last` and `.new` give `checkpoints/last.new`.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(suffix);
    path.with_file_name(name)
}

/// The SHA-256 of `bytes`, 64 hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as hexadecimal digits, two each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_replaces_the_content_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        write_atomically(&path, b"first").unwrap();
        write_atomically(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_fails_names_the_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        fs::write(taken.join("inside"), b"").unwrap();
        let message = write_atomically(&taken, b"x").unwrap_err().to_string();
        assert!(message.contains("cannot write") && message.contains("taken"), "{message}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_written_aside_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut dropped = Aside::create(&path).unwrap();
        dropped.write_all(b"half").unwrap();
        drop(dropped);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut kept = Aside::create(&path).unwrap();
        kept.write_all(b"one").unwrap();
        kept.write_all(b"two").unwrap();
        assert!(!path.exists());
        assert_eq!(kept.keep().unwrap().metadata().unwrap().len(), 6);
        assert_eq!(fs::read(&path).unwrap(), b"onetwo");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn sha256_agrees_with_the_standard() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_replaced_folder_is_kept_until_the_next_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let [new, folder, previous] = ["a.new", "a", "a.previous"].map(|name| root.path().join(name));
        let contents = ["one", "two", "three"];
        for (i, content) in contents.iter().enumerate() {
            fs::create_dir(&new).unwrap();
            fs::write(new.join("file"), content).unwrap();
            replace_folder(&new, &folder, &previous).unwrap();
            assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), *content);
            assert!(!new.exists());
            let kept = fs::read_to_string(previous.join("file")).ok();
            assert_eq!(kept.as_deref(), i.checked_sub(1).map(|before| contents[before]));
        }
    }
}
