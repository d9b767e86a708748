//! Files that a user asked a command to write, which may be anything: a file, a link to one, a pipe, a device.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files::atomic::AtomicFile;

/// More links than this in a chain are a circle.
const LONGEST_CHAIN: usize = 40;

/// Writes `bytes` to what `path` names. A file is replaced, with its permissions, whole or not at all; where a link
/// leads to one it is that file, and the link stays. Pipes and devices get the bytes one after another.
///
/// # Errors
/// [`Error::Run`] for a folder, and for a file that is, or lies in, one of `inputs`, which the command reads;
/// [`Error::Io`] when it cannot be written.
pub fn write(path: &Path, bytes: &[u8], inputs: &[PathBuf]) -> Result<()> {
    check(path, inputs)?;
    let found = fs::metadata(path).ok();
    if path.starts_with("/dev") || path.starts_with("/proc") || found.as_ref().is_some_and(|found| !found.is_file()) {
        // At its end, should it be a file that standard output was sent to.
        return in_place(path, OpenOptions::new().append(true), bytes);
    }
    let target = behind_links(path);
    match (replace(&target, found.as_ref().map(fs::Metadata::permissions), bytes), found) {
        // A file that can be written to but not replaced: a mount of its own, or in a folder of somebody else's.
        (Err(Error::Io { source, .. }), Some(_))
            if matches!(source.kind(), ErrorKind::ResourceBusy | ErrorKind::PermissionDenied) =>
        {
            in_place(&target, OpenOptions::new().write(true).truncate(true), bytes)
        }
        (written, _) => written,
    }
}

/// What [`write()`] would refuse at once: to be asked before a long computation.
///
/// # Errors
/// [`Error::Run`] as [`write()`], and where there is no folder to write into.
pub fn check(path: &Path, inputs: &[PathBuf]) -> Result<()> {
    let refuse = |problem: String| Err(Error::Run(format!("{} cannot be written: {problem}.", path.display())));
    if path.is_dir() {
        return refuse("it is a folder, and a file was expected".into());
    }
    let target = behind_links(path);
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return refuse(format!("there is no folder {}. Make it first", folder.display()));
    }
    let Ok(found) = fs::metadata(&target) else { return Ok(()) };
    let same = |other: &PathBuf| {
        fs::metadata(other).is_ok_and(|other| (other.dev(), other.ino()) == (found.dev(), found.ino()))
    };
    let whole = fs::canonicalize(&target).unwrap_or(target);
    let inside =
        |other: &PathBuf| other.is_dir() && fs::canonicalize(other).is_ok_and(|folder| whole.starts_with(folder));
    match inputs.iter().find(|input| same(input) || inside(input)) {
        Some(input) => refuse(format!("the command reads {}. Name another file", input.display())),
        None => Ok(()),
    }
}

fn replace(target: &Path, permissions: Option<Permissions>, bytes: &[u8]) -> Result<()> {
    let mut aside = AtomicFile::create(target)?;
    aside.write_all(bytes).map_err(Error::io("write", target))?;
    if let Some(permissions) = permissions {
        // Its bits alone: whose file it is cannot be kept.
        aside.set_mode(permissions.mode() & 0o777).map_err(Error::io("write", target))?;
    }
    aside.keep().map(drop)
}

fn in_place(path: &Path, options: &mut OpenOptions, bytes: &[u8]) -> Result<()> {
    let mut file: File = options.open(path).map_err(Error::io("open", path))?;
    file.write_all(bytes).and_then(|()| file.flush()).map_err(Error::io("write", path))
}

/// Where a chain of links leads, be there something or not; the path itself where it is none.
fn behind_links(path: &Path) -> PathBuf {
    let mut place = path.to_path_buf();
    for _ in 0..LONGEST_CHAIN {
        match fs::read_link(&place) {
            Ok(next) => place = place.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => break,
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    fn written(path: &Path, text: &str) {
        write(path, text.as_bytes(), &[]).unwrap();
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_written_with_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, chain, dangling] = ["file", "link", "chain", "dangling"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        symlink(&link, &chain).unwrap();
        symlink("new", &dangling).unwrap();
        for path in [&file, &link, &chain] {
            written(path, &path.display().to_string());
            assert_eq!(fs::read_to_string(&file).unwrap(), path.display().to_string());
            assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
        }
        written(&dangling, "made");
        assert_eq!(fs::read_to_string(folder.path().join("new")).unwrap(), "made");
        for path in [&link, &chain, &dangling] {
            assert!(path.is_symlink(), "{}", path.display());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "nothing is left beside them");
    }

    #[test]
    fn pipes_and_devices_get_the_bytes_and_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let [pipe, null] = ["pipe", "null"].map(|name| folder.path().join(name));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || {
                let mut text = String::new();
                File::open(pipe).unwrap().read_to_string(&mut text).map(|_| text)
            }
        });
        written(&pipe, "through");
        assert_eq!(reader.join().unwrap().unwrap(), "through");
        symlink("/dev/null", &null).unwrap();
        written(&null, "nowhere");
        written(Path::new("/dev/null"), "nowhere");
        use std::os::unix::fs::FileTypeExt;
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device() && null.is_symlink());
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        let full = write(Path::new("/dev/full"), b"x", &[]).unwrap_err().to_string();
        assert!(full.starts_with("cannot write /dev/full: No space left"), "{full}");
    }

    #[test]
    fn what_the_command_reads_is_never_written_however_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let [input, link, hard, run] = ["input", "link", "hard", "run"].map(|name| folder.path().join(name));
        fs::write(&input, "precious").unwrap();
        symlink(&input, &link).unwrap();
        fs::hard_link(&input, &hard).unwrap();
        fs::create_dir_all(run.join("checkpoints/last")).unwrap();
        fs::write(run.join("checkpoints/last/model"), "precious").unwrap();
        let inputs = [input.clone(), run.join("checkpoints")];
        let odd = folder.path().join("run/../input");
        for path in [input.clone(), link, hard, odd, run.join("checkpoints/last/model")] {
            let error = write(&path, b"x", &inputs).unwrap_err().to_string();
            assert!(error.contains("cannot be written: the command reads "), "{error}");
        }
        assert_eq!(fs::read_to_string(&input).unwrap(), "precious");
        write(&run.join("report.html"), b"x", &inputs).unwrap();
    }

    #[test]
    fn a_folder_and_a_place_in_none_are_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| write(path, b"x", &[]).unwrap_err().to_string();
        assert!(refused(folder.path()).ends_with("it is a folder, and a file was expected."));
        let text = refused(&folder.path().join("no/page.html"));
        assert!(text.contains("there is no folder ") && text.ends_with("Make it first."), "{text}");
    }
}
