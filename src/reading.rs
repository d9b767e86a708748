//! Files that users name, which may be anything: only regular ones are opened, and no more is read than was asked for.
//!
//! A pipe would block until somebody writes to it, and a device such as `/dev/zero` has no end. The errors are
//! [`std::io::Error`]s whose text goes on after "cannot open FILE: ".

use std::fs::{self, File, FileType};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Opens a regular file, or what a chain of links to one leads to, and tells its length in bytes.
///
/// # Errors
/// For what is absent, and for folders, pipes, sockets and devices, which are named.
pub fn open(path: &Path) -> Result<(File, u64)> {
    // Before it is opened: opening a pipe waits for its other end.
    let about = fs::metadata(path).map_err(|error| explained(error, path))?;
    if !about.is_file() {
        let problem = format!("it is {}, and a regular file was expected", kind(about.file_type()));
        return Err(Error::new(ErrorKind::InvalidInput, problem));
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

/// The whole content of a regular file of at most `most` bytes.
///
/// # Errors
/// As [`open`], and for a longer file, with its length.
pub fn bytes(path: &Path, most: u64) -> Result<Vec<u8>> {
    let (file, length) = open(path)?;
    if length > most {
        let problem = format!("it has {length} bytes, and at most {most} were expected");
        return Err(Error::new(ErrorKind::InvalidData, problem));
    }
    let mut content = Vec::new();
    file.take(length).read_to_end(&mut content)?;
    Ok(content)
}

/// [`bytes`] as text.
///
/// # Errors
/// As [`bytes`], and for what is no UTF-8, with the place of its first wrong byte.
pub fn text(path: &Path, most: u64) -> Result<String> {
    String::from_utf8(bytes(path, most)?).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Error::new(ErrorKind::InvalidData, format!("it is not UTF-8 text (first wrong byte at offset {place})"))
    })
}

/// A link whose end is missing looks as if it were missing itself.
fn explained(error: Error, path: &Path) -> Error {
    match fs::read_link(path) {
        Ok(target) if error.kind() == ErrorKind::NotFound => {
            Error::new(error.kind(), format!("it is a link to {}, which does not exist", target.display()))
        }
        _ => error,
    }
}

fn kind(of: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        match () {
            () if of.is_fifo() => return "a pipe",
            () if of.is_socket() => return "a socket",
            () if of.is_block_device() || of.is_char_device() => return "a device",
            () => {}
        }
    }
    if of.is_dir() { "a folder" } else { "something else" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> String {
        bytes(path, 100).unwrap_err().to_string()
    }

    #[test]
    fn a_link_to_a_file_is_read_and_its_length_is_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(text(&link, 4).unwrap(), "text");
        assert_eq!(text(&link, 3).unwrap_err().to_string(), "it has 4 bytes, and at most 3 were expected");
        fs::write(&file, b"a\xff").unwrap();
        let expected = "it is not UTF-8 text (first wrong byte at offset 1)";
        assert_eq!(text(&link, 9).unwrap_err().to_string(), expected);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_by_name_and_nothing_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let [pipe, dangling, circle, socket] = ["pipe", "dangling", "circle", "socket"].map(|n| folder.path().join(n));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
        std::os::unix::fs::symlink(&circle, &circle).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(refused(&pipe), "it is a pipe, and a regular file was expected");
        assert_eq!(refused(&socket), "it is a socket, and a regular file was expected");
        assert_eq!(refused(folder.path()), "it is a folder, and a regular file was expected");
        assert_eq!(refused(Path::new("/dev/zero")), "it is a device, and a regular file was expected");
        assert_eq!(refused(&dangling), "it is a link to nowhere, which does not exist");
        let text = refused(&circle);
        assert!(text.contains("symbolic links"), "{text}");
    }
}
