//! Files that are either whole or absent.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Writes `bytes` aside, waits until they are on disk, and puts the file in place of what was there.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let aside = path.with_file_name(format!("{}.new", path.file_name().unwrap_or_default().to_string_lossy()));
    let write = || {
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Error::io("write", &aside))?;
    fs::rename(&aside, path).map_err(Error::io("write", path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Waits until the names in a folder are on disk.
pub fn sync_folder(path: &Path) -> Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", path))
}
