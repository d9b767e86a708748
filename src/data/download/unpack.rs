//! Archives to files, inside one folder and never outside it.
//!
//! Only regular files and folders come out of an archive: a path that is absolute or goes up, a link, a device or more
//! than could sensibly have been packed makes the whole archive refused.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::catalogue::{Archive, ArchiveFormat};
use super::failure::refused;
use super::waiting::listen;
use crate::error::Error;
use crate::files::atomic::{hex, sync_folder};
use crate::files::reading;
use crate::system::signals::Stop;
use crate::terminal::progress::ByteBar;

/// No data set packs better: more than so many bytes for one of the archive are taken for a trap.
const MOST_FOR_A_BYTE: u64 = 50;
const ALWAYS_ALLOWED: u64 = 1 << 20;
const MOST_FILES: usize = 1_000_000;

/// What a path is without `.`, if it stays inside: nothing absolute, nothing that goes up.
pub fn inside(path: &Path) -> Option<PathBuf> {
    let mut kept = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => kept.push(name),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(kept)
}

/// Why an archive did not become files.
pub enum UnpackError {
    /// It is malformed, or holds what is refused.
    Archive(Error),
    /// The disk refused, or it was asked to stop.
    Here(Error),
}

impl From<Error> for UnpackError {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

/// Unpacks `archive`, which lies at `path` and is called `name` in messages, into the empty folder `into`: the paths in
/// it with their SHA-256, sorted.
pub fn unpack(
    archive: &Archive,
    (path, name): (&Path, &Path),
    into: &Path,
    bar: &mut ByteBar,
    stop: &Stop,
) -> Result<Vec<(PathBuf, String)>, UnpackError> {
    let (file, packed) = reading::open(path).map_err(refused("open", path))?;
    let most = packed.saturating_mul(MOST_FOR_A_BYTE).saturating_add(ALWAYS_ALLOWED);
    let mut out = UnpackTarget { name, into, left: most, files: Vec::new(), bar, stop };
    let file = BufReader::with_capacity(1 << 18, file);
    match archive.packing {
        ArchiveFormat::Gzip => {
            let name = archive.file.strip_suffix(".gz").unwrap_or(archive.file);
            out.file(Path::new(name), &mut MultiGzDecoder::new(file))?;
        }
        ArchiveFormat::TarGzip { inside } => out.tar(MultiGzDecoder::new(file), inside)?,
        ArchiveFormat::Zip { inside } => out.zip(file, inside)?,
    }
    out.files.sort();
    // Before anything of it is moved, the disk has all of it.
    let folders: BTreeSet<&Path> = out.files.iter().flat_map(|(path, _)| path.ancestors().skip(1)).collect();
    folders.iter().try_for_each(|folder| sync_folder(&into.join(folder)))?;
    Ok(out.files)
}

/// Where an archive's files go.
struct UnpackTarget<'a> {
    name: &'a Path,
    into: &'a Path,
    /// Bytes that may still come.
    left: u64,
    files: Vec<(PathBuf, String)>,
    bar: &'a mut ByteBar,
    stop: &'a Stop,
}

impl UnpackTarget<'_> {
    fn error(&self, problem: &str) -> UnpackError {
        UnpackError::Archive(Error::Data(format!("{}: {problem}", self.name.display())))
    }

    fn broken(&self, cause: impl std::fmt::Display) -> UnpackError {
        self.error(&format!("it cannot be unpacked: {cause}. Remove it and fetch it again."))
    }

    fn tar(&mut self, packed: impl Read, prefix: &str) -> Result<(), UnpackError> {
        let mut archive = tar::Archive::new(packed);
        for entry in archive.entries().map_err(|e| self.broken(e))? {
            let mut entry = entry.map_err(|e| self.broken(e))?;
            let path = entry.path().map_err(|e| self.broken(e))?.into_owned();
            match entry.header().entry_type() {
                tar::EntryType::Regular => {
                    if let Some(path) = self.place(&path, prefix)? {
                        self.file(&path, &mut entry)?;
                    }
                }
                tar::EntryType::Directory => drop(self.place(&path, prefix)?),
                tar::EntryType::XGlobalHeader => {}
                _ => return Err(self.no_file(&path)),
            }
        }
        Ok(())
    }

    fn zip(&mut self, packed: impl Read + io::Seek, prefix: &str) -> Result<(), UnpackError> {
        let mut archive = zip::ZipArchive::new(packed).map_err(|e| self.broken(e))?;
        for number in 0..archive.len() {
            let mut entry = archive.by_index(number).map_err(|e| self.broken(e))?;
            let path = PathBuf::from(entry.name().map_err(|e| self.broken(e))?.as_ref());
            if entry.is_symlink() || !(entry.is_file() || entry.is_dir()) {
                return Err(self.no_file(&path));
            }
            if let Some(path) = self.place(&path, prefix)?.filter(|_| entry.is_file()) {
                self.file(&path, &mut entry)?;
            }
        }
        Ok(())
    }

    fn no_file(&self, path: &Path) -> UnpackError {
        self.error(&format!("{} is a link or a device; nothing was unpacked.", path.display()))
    }

    /// The place of a path of the archive, without `prefix`; nothing for the prefix itself.
    fn place(&self, path: &Path, prefix: &str) -> Result<Option<PathBuf>, UnpackError> {
        let Some(path) = inside(path) else {
            return Err(self.error(&format!(
                "{} would lie outside of the data set's folder; nothing was unpacked.",
                path.display()
            )));
        };
        if path.to_str().is_none_or(|text| text.contains(char::is_control)) {
            let path = path.display();
            return Err(self.error(&format!("{path} is a name that no list of files can hold; nothing was unpacked.")));
        }
        let path = path.strip_prefix(prefix).map(Path::to_path_buf).unwrap_or(path);
        Ok(Some(path).filter(|path| !path.as_os_str().is_empty()))
    }

    /// Writes one file and remembers its checksum.
    fn file(&mut self, place: &Path, content: &mut dyn Read) -> Result<(), UnpackError> {
        if self.files.len() >= MOST_FILES {
            return Err(self.error(&format!("it holds more than {MOST_FILES} files; nothing was unpacked.")));
        }
        let path = self.into.join(place);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(refused("create", folder))?;
        }
        // A file that is there already is a second one of that name in the archive.
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(refused("create", &path))?;
        let mut hasher = Sha256::new();
        let mut piece = vec![0; 1 << 18];
        loop {
            let length = content.read(&mut piece).map_err(|e| self.broken(e))?;
            let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            self.left = self.left.checked_sub(length as u64).ok_or_else(|| {
                self.error("it holds far more than a data set that is packed into so few bytes; nothing was unpacked.")
            })?;
            file.write_all(bytes).map_err(refused("write", &path))?;
            hasher.update(bytes);
            self.bar.add(length as u64);
            listen(self.stop)?;
        }
        file.sync_all().map_err(refused("write", &path))?;
        self.files.push((place.to_path_buf(), hex(&hasher.finalize())));
        Ok(())
    }
}
