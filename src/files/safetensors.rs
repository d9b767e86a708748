//! The header of a safetensors file, read and checked in one place: weights and users' data go through it.
//!
//! A file is eight bytes (little endian: the header's length), a JSON header (name -> dtype, shape, offsets) and the
//! data. Every size in it is checked against the file's true length before memory is asked for; that tensors neither
//! overlap nor leave a gap is checked by the safetensors crate, with the header's form.

use std::io::{self, Read};

use safetensors::tensor::Metadata;

/// The longest header that is read: the safetensors crate's own limit.
const LONGEST: u64 = 100_000_000;

/// What the header says, and the byte at which the tensors' data begins.
#[derive(Debug)]
pub struct Header {
    pub metadata: Metadata,
    pub start: u64,
}

/// Why a file is no safetensors file.
#[derive(Debug)]
pub enum HeaderProblem {
    /// It has fewer bytes than the length of a header takes.
    Short,
    /// It claims a header of so many bytes, which are more than it has or than are read.
    Size(u64),
    /// The header is no such JSON.
    Malformed(serde_json::Error),
    /// The header ends at byte `start` and describes so many bytes of data, and others follow.
    Data {
        start: u64,
        described: u64,
        found: u64,
    },
    Read(io::Error),
}

/// Reads the header of a file of `length` bytes from its beginning.
///
/// # Errors
/// [`HeaderProblem`]; nothing is allocated that the file does not hold.
pub fn header(reader: &mut impl Read, length: u64) -> Result<Header, HeaderProblem> {
    let Some(rest) = length.checked_sub(8) else { return Err(HeaderProblem::Short) };
    let mut prefix = [0; 8];
    reader.read_exact(&mut prefix).map_err(HeaderProblem::Read)?;
    let size = u64::from_le_bytes(prefix);
    let Some(data) = rest.checked_sub(size).filter(|_| size <= LONGEST) else { return Err(HeaderProblem::Size(size)) };
    let mut text = Vec::new();
    reader.by_ref().take(size).read_to_end(&mut text).map_err(HeaderProblem::Read)?;
    if text.len() as u64 != size {
        return Err(HeaderProblem::Read(io::ErrorKind::UnexpectedEof.into()));
    }
    let metadata: Metadata = serde_json::from_slice(&text).map_err(HeaderProblem::Malformed)?;
    let start = size.saturating_add(8);
    match metadata.data_len() as u64 {
        described if described == data => Ok(Header { metadata, start }),
        described => Err(HeaderProblem::Data { start, described, found: data }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
    }

    #[test]
    fn every_size_is_compared_with_the_files_own() {
        let read = |bytes: &[u8]| header(&mut &bytes[..], bytes.len() as u64);
        let text = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let found = read(&file(text, 8)).expect("a header");
        assert_eq!((found.start, found.metadata.data_len()), (8 + text.len() as u64, 8));
        assert!(matches!(read(&[0; 7]), Err(HeaderProblem::Short)));
        assert!(matches!(read(&file(text, 9)), Err(HeaderProblem::Data { described: 8, found: 9, .. })));
        assert!(matches!(read(&u64::MAX.to_le_bytes()), Err(HeaderProblem::Size(u64::MAX))));
        assert!(matches!(read(&file("{", 0)), Err(HeaderProblem::Malformed(_))));
        let overlapping = r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#;
        assert!(matches!(read(&file(overlapping, 3)), Err(HeaderProblem::Malformed(_))));
    }
}
