//! Files that users name, which may be anything: only regular ones are opened, and no more is read than was asked for.
//!
//! A pipe would block until somebody writes to it, and a device such as `/dev/zero` has no end. The errors are
//! [`std::io::Error`]s whose text goes on after "cannot open FILE: ".

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a regular file, or what a chain of links to one leads to, and tells its length in bytes.
///
/// # Errors
/// For what is absent, and for folders, pipes, sockets and devices, which are named.
pub fn open(path: &Path) -> Result<(File, u64)> {
    // Before it is opened: opening a pipe waits for its other end.
    let about = fs::metadata(path).map_err(|error| explained(error, path))?;
    regular(about.file_type())?;
    // It may have become a pipe since.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let about = file.metadata()?;
    regular(about.file_type())?;
    Ok((file, about.len()))
}

/// Opens a file of a folder that is this program's own, such as a run's `log.txt`: as `options` say, but for no link,
/// which could lead to a file of somebody else's, and for nothing that is no regular file.
///
/// # Errors
/// As [`open`], and for links.
pub fn own(options: &mut OpenOptions, path: &Path) -> Result<File> {
    let refused = |error: Error| match fs::symlink_metadata(path).map(|about| about.file_type()) {
        Ok(found) if !found.is_file() => regular(found).err().unwrap_or(error),
        _ => error,
    };
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).map_err(refused)?;
    regular(file.metadata()?.file_type())?;
    Ok(file)
}

fn regular(found: FileType) -> Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let problem = format!("it is {}, and a regular file was expected", kind(found));
    Err(Error::new(ErrorKind::InvalidInput, problem))
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

/// [`bytes`] as text, without the byte order mark that some editors put before it.
///
/// # Errors
/// As [`bytes`], for UTF-16, and for what else is no UTF-8, with the place of its first wrong byte.
pub fn text(path: &Path, most: u64) -> Result<String> {
    let bytes = bytes(path, most)?;
    let is_utf16 = match *bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        // Letters of ASCII without the mark.
        [0, a, 0, b, ..] | [a, 0, b, 0, ..] => a != 0 && b != 0,
        _ => false,
    };
    if is_utf16 {
        let problem =
            "it is UTF-16 text, as some editors on Windows write it, and UTF-8 was expected: save it as UTF-8";
        return Err(Error::new(ErrorKind::InvalidData, problem));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Error::new(ErrorKind::InvalidData, format!("it is not UTF-8 text (first wrong byte at offset {place})"))
    })?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    Ok(text)
}

const BYTE_ORDER_MARK: char = '\u{feff}';

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
    match () {
        () if of.is_dir() => "a folder",
        () if of.is_symlink() => "a link",
        () => "something else",
    }
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
    fn a_byte_order_mark_is_no_part_of_a_text_and_utf_16_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        let read = |content: &[u8]| {
            fs::write(&path, content).unwrap();
            text(&path, 99).map_err(|error| error.to_string())
        };
        assert_eq!(read(b"\xef\xbb\xbfa = 1\r\n"), Ok("a = 1\r\n".to_string()));
        assert_eq!(read(b"\xef\xbb\xbf"), Ok(String::new()));
        assert_eq!(read(b"a\0"), Ok("a\0".to_string()), "one zero is damage, no UTF-16");
        let expected =
            "it is UTF-16 text, as some editors on Windows write it, and UTF-8 was expected: save it as UTF-8";
        for content in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a", b"a\0=\0b\0", b"\0a\0=\0b"] {
            assert_eq!(read(content), Err(expected.to_string()), "{content:?}");
        }
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

    #[test]
    fn a_file_of_ones_own_is_no_link_and_no_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, dangling, pipe] = ["file", "link", "dangling", "pipe"].map(|name| folder.path().join(name));
        fs::write(&file, "kept").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::os::unix::fs::symlink(folder.path().join("new"), &dangling).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let append = |path: &Path| own(OpenOptions::new().append(true).create(true), path);
        assert!(append(&file).is_ok());
        for (path, found) in [(&link, "a link"), (&dangling, "a link"), (&pipe, "a pipe")] {
            let expected = format!("it is {found}, and a regular file was expected");
            assert_eq!(append(path).unwrap_err().to_string(), expected);
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        assert!(!folder.path().join("new").exists(), "nothing was made where the link leads");
    }
}
