//! Messages for disks that are full, read-only or refuse a write.

use std::io;
use std::path::Path;

use crate::error::Error;

/// As [`Error::io`], with a sentence for a disk that is full: what was fetched stays.
pub fn refused(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Error {
    let path = path.as_ref().to_path_buf();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Data(format!(
            "cannot {action} {}: the disk is full. What was fetched stays; make room, and the same command goes on.",
            path.display()
        )),
        _ => Error::io(action, path)(source),
    }
}

/// The same for an error that was made already.
pub fn explained(error: Error) -> Error {
    match error {
        Error::Io { action, path, source } => refused(action, path)(source),
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_folder_of_somebody_else_are_named() {
        let text = |kind: io::ErrorKind| refused("write", "a/b.part")(kind.into()).to_string();
        let expected =
            "cannot write a/b.part: the disk is full. What was fetched stays; make room, and the same command goes on.";
        assert_eq!(text(io::ErrorKind::StorageFull), expected);
        assert_eq!(text(io::ErrorKind::PermissionDenied), "cannot write a/b.part: permission denied");
        let made = Error::io("write", "a/b.part")(io::ErrorKind::StorageFull.into());
        assert_eq!(explained(made).to_string(), expected);
    }
}
