//! Removing unpacked files after a failed or interrupted download. A hundred thousand files can take minutes: that,
//! too, ends when it is asked to.

use std::fs;
use std::io::Result;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::error::Error;
use crate::system::signals::Stop;

/// Who has been asked to stop does so after this time.
const PATIENCE: Duration = Duration::from_millis(200);

/// Removes an unfinished folder after an error. What is not removed in time stays; a later fetch takes it away.
pub fn clear(folder: TempDir, after: &Error, stop: &Stop) {
    let began = Instant::now();
    let interrupted = matches!(after, Error::Interrupted(_));
    let in_time = || if interrupted { began.elapsed() < PATIENCE } else { stop.requested().is_none() };
    match remove_files(folder.path(), &in_time) {
        // Nothing but folders is left.
        Ok(true) => drop(folder),
        _ => drop(folder.keep()),
    }
}

/// Removes the files below a folder as long as there is time; whether all are gone.
fn remove_files(folder: &Path, in_time: &dyn Fn() -> bool) -> Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !in_time() {
            return Ok(false);
        }
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        } else if !remove_files(&entry.path(), in_time)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StopReason;
    use std::cell::Cell;

    fn full(files: usize) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..files {
            let sub = folder.path().join(format!("sub{}", number % 3));
            fs::create_dir_all(&sub).unwrap();
            fs::write(sub.join(number.to_string()), "").unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_is_removed_unless_it_is_asked_to_stop_meanwhile() {
        let disk = Error::Data("the disk is full".into());
        let folder = full(20);
        let path = folder.path().to_path_buf();
        clear(folder, &disk, &Stop::never());
        assert!(!path.exists());

        let folder = full(20);
        let path = folder.path().to_path_buf();
        clear(folder, &disk, &Stop::after(5));
        assert!(path.exists(), "it has stopped");
        fs::remove_dir_all(path).unwrap();

        // Whoever is asked to stop takes some away, too, and leaves the rest.
        let folder = full(20);
        clear(folder, &Error::Interrupted(StopReason::Int), &Stop::after(1));
        let folder = full(20);
        let left = Cell::new(8);
        let counted = || {
            left.set(left.get() - 1);
            left.get() >= 0
        };
        assert!(!remove_files(folder.path(), &counted).unwrap());
        assert!(remove_files(folder.path(), &|| true).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "folders stay");
    }
}
