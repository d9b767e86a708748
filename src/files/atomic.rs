//! Files that are whole or absent: written aside, flushed to the disk, then renamed into place.
//!
//! Names of what is not finished are random and made exclusively (`O_EXCL`): a process number is no name, since two
//! containers, or two hosts on one file system, have the same. Every unfinished file is locked by its maker, so that
//! what a dead one left can be told and taken away.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempDir};

use crate::error::{Error, Result};
use crate::files::lock::{self, Lock};

/// What lies unfinished and unlocked for so long was left by a dead process. Where locks do not work, time alone tells.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);

/// Writes `bytes` to `path` so that a reader, or a crash at any moment, finds the old content or the new, never a
/// mixture.
///
/// # Errors
/// [`Error::Io`] when the folder is missing or cannot be written to; the old content is then untouched.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut aside = AtomicFile::create(path)?;
    aside.write_all(bytes).map_err(Error::io("write", path))?;
    aside.keep().map(drop)
}

/// A file that is written piece by piece beside its place, and takes it when it is kept. One that is dropped before
/// leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl AtomicFile {
    /// # Errors
    /// [`Error::Io`] when the folder of `path` is missing or cannot be written to.
    pub fn create(path: &Path) -> Result<Self> {
        Self::create_with_mode(path, 0o666)
    }

    /// The same with other permissions than all that the umask leaves.
    ///
    /// # Errors
    /// As [`AtomicFile::create`].
    pub fn create_with_mode(path: &Path, mode: u32) -> Result<Self> {
        let (folder, name) = (parent(path), path.file_name().unwrap_or_default());
        let mut prefix = name.to_os_string();
        prefix.push(".");
        remove_abandoned(&folder, &prefix, OsStr::new(".tmp"));
        let open = |place: &Path| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(mode)
                .custom_flags(libc::O_NOFOLLOW)
                .open(place)
        };
        let made = tempfile::Builder::new().prefix(&prefix).suffix(".tmp").rand_bytes(12).make_in(&folder, open);
        let (file, place) = made.map_err(Error::io("create", path))?.into_parts();
        // On a file system without locks its age tells whether it is still wanted.
        let _ = lock::try_lock(&file);
        Ok(Self { path: path.into(), file: NamedTempFile::from_parts(file, place) })
    }

    /// Sets its permissions, whatever the umask.
    ///
    /// # Errors
    /// The operating system's.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.file.as_file().set_permissions(fs::Permissions::from_mode(mode))
    }

    /// Waits until the disk has the file, moves it to its place and gives it, open for reading.
    ///
    /// # Errors
    /// [`Error::Io`]; what was in its place is then untouched, but for an error from flushing the folder.
    pub fn keep(self) -> Result<File> {
        let Self { path, file } = self;
        file.as_file().sync_all().map_err(Error::io("write", &path))?;
        let file = file.persist(&path).map_err(|refused| Error::io("write", &path)(refused.error))?;
        sync_folder(&parent(&path))?;
        Ok(file)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

/// A new folder in `container` of a name that nobody else has, removed when it is dropped, and its lock.
///
/// # Errors
/// [`Error::Io`] when `container` cannot be written to.
pub fn unfinished_folder(container: &Path, prefix: &str) -> Result<(TempDir, Lock)> {
    remove_abandoned(container, OsStr::new(prefix), OsStr::new(""));
    let made = tempfile::Builder::new()
        .prefix(prefix)
        .rand_bytes(12)
        .permissions(fs::Permissions::from_mode(0o777))
        .tempdir_in(container)
        .map_err(Error::io("create a folder in", container))?;
    let lock = Lock::take(&made.path().join(lock::NAME), made.path())?;
    Ok((made, lock))
}

/// Removes what dead processes left in a folder: files, and folders with a `lock`, of names that begin and end so,
/// which nobody has written to for an hour and nobody holds.
pub fn remove_abandoned(folder: &Path, prefix: &OsStr, suffix: &OsStr) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let (name, prefix, suffix) = (name.as_encoded_bytes(), prefix.as_encoded_bytes(), suffix.as_encoded_bytes());
        if name.len() <= prefix.len().saturating_add(suffix.len())
            || !name.starts_with(prefix)
            || !name.ends_with(suffix)
        {
            continue;
        }
        let Ok(about) = entry.metadata() else { continue };
        let age = about.modified().ok().and_then(|written| SystemTime::now().duration_since(written).ok());
        let lock = if about.is_dir() { entry.path().join(lock::NAME) } else { entry.path() };
        if age.is_none_or(|age| age < ABANDONED_AFTER) || about.is_symlink() || lock::is_held(&lock) {
            continue;
        }
        let _ = if about.is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
    }
}

/// Makes a folder with all around it that is missing, and waits until the disk has them.
///
/// # Errors
/// [`Error::Io`] naming the folder that cannot be made.
pub fn create_folders(folder: &Path) -> Result<()> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    missing.into_iter().try_for_each(|made| sync_folder(&parent(made)))
}

/// Writes a new file and waits until the disk has it. The folder's own entry is not waited for: see [`sync_folder`].
pub fn write_and_sync(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(Error::io("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io("write", path))
}

/// Waits until the disk has the folder's entries: what was created, renamed and removed in it.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(Error::io("flush", folder))
}

/// Moves the folder `new` to `folder`, and what was there to `previous`.
///
/// At every moment at least one of the three is whole: a reader that tries `folder`, `new`, `previous` in this order
/// finds it.
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
        let mut dropped = AtomicFile::create(&path).unwrap();
        dropped.write_all(b"half").unwrap();
        drop(dropped);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut kept = AtomicFile::create(&path).unwrap();
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
