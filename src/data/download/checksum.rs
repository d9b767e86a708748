//! Published checksums.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::failure::refused;
use super::waiting::listen;
use crate::error::{Error, Result};
use crate::files::atomic::hex;
use crate::files::reading;
use crate::system::signals::Stop;

/// A checksum as it was published, in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    Md5(&'static str),
    Sha256(&'static str),
}

impl Checksum {
    fn digits(self) -> &'static str {
        match self {
            Self::Md5(digits) | Self::Sha256(digits) => digits,
        }
    }

    /// Whether a file has it.
    ///
    /// # Errors
    /// A sentence's second half when it has another. The outer error is that of reading it, or [`Error::Interrupted`]
    /// when asked to stop.
    pub fn check(self, path: &Path, stop: &Stop) -> Result<Result<(), String>> {
        let found = match self {
            Self::Md5(_) => hash::<Md5>(path, stop)?,
            Self::Sha256(_) => hash::<Sha256>(path, stop)?,
        };
        Ok(if found == self.digits() { Ok(()) } else { Err(format!("its checksum is {found}, published is {self}")) })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Md5(digits) => write!(f, "MD5 {digits}"),
            Self::Sha256(digits) => write!(f, "SHA-256 {digits}"),
        }
    }
}

/// The hash of a file in hexadecimal, read piece by piece.
pub fn hash<D: Digest>(path: &Path, stop: &Stop) -> Result<String> {
    let (mut file, _): (File, u64) = reading::open(path).map_err(Error::io("open", path))?;
    let mut hasher = D::new();
    let mut piece = vec![0; 1 << 18];
    loop {
        listen(stop)?;
        match file.read(&mut piece).map_err(refused("read", path))? {
            0 => return Ok(hex(&hasher.finalize())),
            length => hasher.update(piece.get(..length).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_those_published_for_abc() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        // RFC 1321, A.5, and FIPS 180-4, B.1.
        let md5 = Checksum::Md5("900150983cd24fb0d6963f7d28e17f72");
        let sha256 = Checksum::Sha256("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        for checksum in [md5, sha256] {
            assert_eq!(checksum.check(&path, &Stop::never()).unwrap(), Ok(()));
        }
        std::fs::write(&path, "abd").unwrap();
        let problem = md5.check(&path, &Stop::never()).unwrap().unwrap_err();
        assert!(problem.ends_with("published is MD5 900150983cd24fb0d6963f7d28e17f72"), "{problem}");
    }
}
