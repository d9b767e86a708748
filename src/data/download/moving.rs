//! Moves unpacked files to their place; a move that was interrupted can be repeated.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sha2::Sha256;

use super::checksum::hash;
use super::failure::refused;
use super::waiting::listen;
use crate::error::{Error, Result};
use crate::files::atomic::sync_folder;
use crate::system::signals::Stop;

/// Moves `files`, paths with their SHA-256, from one folder into another. Folders that are there already are gone into,
/// and files that are there already, of the same content, are left.
///
/// # Errors
/// [`Error::Data`] that names what is in the way; nothing is moved then. [`Error::Interrupted`] when asked to stop,
/// which leaves what was moved.
pub fn move_in(from: &Path, to: &Path, files: &[(PathBuf, String)], stop: &Stop) -> Result<()> {
    let mut moves = BTreeSet::new();
    for (file, sum) in files {
        listen(stop)?;
        moves.extend(missing(to, file, sum, stop)?);
    }
    for path in &moves {
        listen(stop)?;
        fs::rename(from.join(path), to.join(path)).map_err(refused("write", to.join(path)))?;
    }
    let changed: BTreeSet<PathBuf> = moves.iter().filter_map(|path| Some(to.join(path.parent()?))).collect();
    changed.iter().try_for_each(|folder| sync_folder(folder))
}

/// The part of the path `file` that is missing in `to`: a folder of it, or all of it; nothing where the file is there.
fn missing(to: &Path, file: &Path, sum: &str, stop: &Stop) -> Result<Option<PathBuf>> {
    let mut path = PathBuf::new();
    let mut names = file.components().peekable();
    while let Some(name) = names.next() {
        path.push(name);
        let place = to.join(&path);
        let found = match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(path)),
            found => found.map_err(refused("read", &place))?,
        };
        // A folder behind a link may be anybody's: nothing is put there.
        let same = match names.peek() {
            Some(_) => found.is_dir(),
            None => place.is_file() && hash::<Sha256>(&place, stop)? == sum,
        };
        if !same {
            return Err(Error::Data(format!(
                "{} is there already and is not what the archive holds; move it away or give another --path.",
                place.display()
            )));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::atomic::sha256_hex;

    const FILES: [&str; 6] = ["a", "sub/b", "sub/c", "sub/deep/d", "sub/deep/e", "z/f"];

    fn listed() -> Vec<(PathBuf, String)> {
        FILES.map(|name| (name.into(), sha256_hex(name.as_bytes()))).to_vec()
    }

    /// A folder with these files, each of which holds its name.
    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        folder
    }

    #[test]
    fn whichever_files_were_moved_before_the_rest_follows() {
        for already in 0..1 << FILES.len() {
            let there: Vec<&str> = (0..FILES.len()).filter(|i| already >> i & 1 == 1).map(|i| FILES[i]).collect();
            let (from, to) = (folder(&FILES), folder(&there));
            move_in(from.path(), to.path(), &listed(), &Stop::never()).unwrap();
            for name in FILES {
                assert_eq!(fs::read_to_string(to.path().join(name)).unwrap(), name, "{there:?} were there");
            }
        }
    }

    #[test]
    fn what_is_in_the_way_is_refused_before_anything_is_moved() {
        let elsewhere = folder(&["b", "deep/d"]);
        type Way = fn(&Path, &Path);
        let ways: [(&str, Way); 5] = [
            ("sub/deep/e", |place, _| fs::write(place, "other").unwrap()),
            ("sub/deep", |place, _| fs::write(place, "a file").unwrap()),
            ("z", |place, elsewhere| std::os::unix::fs::symlink(elsewhere, place).unwrap()),
            ("z/f", |place, _| fs::create_dir(place).unwrap()),
            ("z/f", |place, _| std::os::unix::fs::symlink("nowhere", place).unwrap()),
        ];
        for (name, prepare) in ways {
            let (from, to) = (folder(&FILES), tempfile::tempdir().unwrap());
            let place = to.path().join(name);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            prepare(&place, elsewhere.path());
            let error = move_in(from.path(), to.path(), &listed(), &Stop::never()).unwrap_err().to_string();
            let expected = format!("{} is there already and is not what the archive holds", place.display());
            assert!(error.contains(&expected), "{error}");
            assert!(FILES.iter().all(|name| from.path().join(name).is_file()), "{name}: nothing was moved");
        }
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 2);
    }
}
