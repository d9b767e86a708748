//! Named tensors in safetensors files, and whether they fit a network.
//!
//! A file is eight bytes (little endian: the header's length), a JSON header (name -> dtype, shape, offsets) and the
//! data. Every size in it is checked against the file's true length before memory is asked for.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::io::{BufReader, Read};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::files::atomic;
use crate::files::reading;
use crate::files::safetensors::{self, Header, HeaderProblem};
use crate::system::memory;

/// Writes tensors to a safetensors file, whole or not at all: the same tensors give the same bytes.
///
/// # Errors
/// [`Error::Io`] when the file cannot be written, [`Error::Weights`] for a type that safetensors does not know.
pub fn save_tensors(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    atomic::write_atomically(path, &to_bytes(path, tensors)?)
}

/// Reads all tensors of a safetensors file, in the order of their names, onto `device`.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Weights`] naming it when it is truncated or malformed.
pub fn load_tensors(path: &Path, device: &Device) -> Result<BTreeMap<String, Tensor>> {
    Ok(load_with_sha256(path, device)?.0)
}

/// [`load_tensors`], and the SHA-256 of the file's bytes in hexadecimal.
pub fn load_with_sha256(path: &Path, device: &Device) -> Result<(BTreeMap<String, Tensor>, String)> {
    let (file, length) = reading::open(path).map_err(Error::io("open", path))?;
    let mut reader = Hashing { inner: BufReader::new(file), sha256: Sha256::new() };
    let tensors = read(&mut reader, length, path, device)?;
    Ok((tensors, atomic::hex(&reader.sha256.finalize())))
}

/// The SHA-256 of a file's bytes in hexadecimal.
///
/// # Errors
/// [`Error::Io`] when it cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    let (file, length) = reading::open(path).map_err(Error::io("open", path))?;
    let mut reader = Hashing { inner: BufReader::new(file).take(length), sha256: Sha256::new() };
    std::io::copy(&mut reader, &mut std::io::sink()).map_err(Error::io("read", path))?;
    Ok(atomic::hex(&reader.sha256.finalize()))
}

/// The bytes of a safetensors file; `path` is for messages.
pub(crate) fn to_bytes(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>> {
    let refused = |e: &dyn Display| Error::Weights(format!("cannot write {}: {e}.", path.display()));
    let mut on_cpu = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        if !readable(tensor.dtype()) {
            return Err(refused(&format!("the tensor \"{name}\" has the type {:?}", tensor.dtype())));
        }
        on_cpu.push((name, tensor.to_device(&Device::Cpu)?));
    }
    ::safetensors::serialize(on_cpu, None).map_err(|e| refused(&e))
}

/// The same file with words beside the tensors, in the order given: the header's `__metadata__`. They are put in by
/// hand since the safetensors crate writes them in another order every time.
///
/// # Errors
/// As those of the bytes without.
pub(crate) fn to_bytes_with_metadata(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
    metadata: &[(&str, String)],
) -> Result<Vec<u8>> {
    let bytes = to_bytes(path, tensors)?;
    let unreadable = || Error::Weights(format!("cannot write {}: its header cannot be made.", path.display()));
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(unreadable)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok();
    let (header, data) = length.and_then(|length| rest.split_at_checked(length)).ok_or_else(unreadable)?;
    let described: serde_json::Map<String, Json> = serde_json::from_slice(header).map_err(|_| unreadable())?;
    let words = metadata.iter().map(|(key, value)| (key.to_string(), Json::from(value.as_str()))).collect();
    let all = std::iter::once(("__metadata__".to_string(), Json::Object(words))).chain(described);
    let mut header = Json::Object(all.collect()).to_string();
    // The data begin at a multiple of eight bytes.
    header.push_str(&" ".repeat(header.len().next_multiple_of(8).saturating_sub(header.len())));
    Ok([&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat())
}

fn read(reader: &mut impl Read, length: u64, path: &Path, device: &Device) -> Result<BTreeMap<String, Tensor>> {
    let Header { metadata: header, start } = safetensors::header(reader, length).map_err(|problem| match problem {
        HeaderProblem::Short => {
            malformed(path, format!("it has {length} bytes, and the first 8 are its header's length"))
        }
        HeaderProblem::Size(size) => {
            malformed(path, format!("its header claims {size} bytes, and the whole file has {length}"))
        }
        HeaderProblem::Malformed(e) => malformed(path, format!("header: {e}")),
        HeaderProblem::Data { described, found, .. } => {
            malformed(path, format!("its header describes {described} bytes of data, and {found} follow"))
        }
        HeaderProblem::Read(e) => Error::io("read", path)(e),
    })?;
    let data_length = length.saturating_sub(start);
    if memory::total().is_some_and(|total| data_length > total) {
        let path = path.display();
        return Err(Error::Weights(format!(
            "{path} holds {data_length} bytes of tensors, more than this machine has memory."
        )));
    }
    let mut tensors = BTreeMap::new();
    for name in header.offset_keys() {
        let Some(info) = header.info(&name) else { continue };
        let wrong = |problem: String| malformed(path, format!("tensor \"{name}\": {problem}"));
        // An empty tensor of astronomic shape has no bytes, but its strides would overflow.
        if info.shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n.max(1))).is_none() {
            return Err(wrong(format!("the shape {:?} is too large", info.shape)));
        }
        let dtype = DType::try_from(info.dtype).ok().filter(|&dtype| readable(dtype));
        let dtype = dtype.ok_or_else(|| wrong(format!("the type {} is not supported", info.dtype)))?;
        let bytes = take(reader, info.data_offsets.1.saturating_sub(info.data_offsets.0) as u64, path)?;
        let tensor = Tensor::from_raw_buffer(&bytes, dtype, &info.shape, device)?;
        tensors.insert(name, tensor);
    }
    Ok(tensors)
}

/// Reads `count` bytes, at most what the file was found to hold.
fn take(reader: &mut impl Read, count: u64, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.by_ref().take(count).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() as u64 != count {
        return Err(malformed(path, "it became shorter while it was read"));
    }
    Ok(bytes)
}

fn readable(dtype: DType) -> bool {
    use DType::{BF16, F16, F32, F64, I16, I32, I64, U8, U32};
    matches!(dtype, U8 | U32 | I16 | I32 | I64 | BF16 | F16 | F32 | F64)
}

fn malformed(path: &Path, problem: impl Display) -> Error {
    Error::Weights(format!("{} is not a whole safetensors file: {problem}.", path.display()))
}

struct Hashing<R> {
    inner: R,
    sha256: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.sha256.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Refuses tensors whose names or shapes differ from what the network has; `file` is for the message.
///
/// # Errors
/// [`Error::Weights`] with what is missing, what is unknown and which shapes differ, five of each and a count of the
/// rest.
pub fn matching(expected: &BTreeMap<String, Vec<usize>>, found: &BTreeMap<String, Tensor>, file: &Path) -> Result<()> {
    let found: HashMap<&str, &[usize]> = found.iter().map(|(name, tensor)| (name.as_str(), tensor.dims())).collect();
    let mut missing = Vec::new();
    let mut differing = Vec::new();
    for (name, shape) in expected {
        match found.get(name.as_str()) {
            None => missing.push(name.clone()),
            Some(&other) if other != shape => differing.push(format!("{name} (expected {shape:?}, found {other:?})")),
            Some(_) => {}
        }
    }
    let mut unknown: Vec<String> =
        found.keys().filter(|&&name| !expected.contains_key(name)).map(|name| name.to_string()).collect();
    unknown.sort();
    let groups = [("missing", missing), ("unknown", unknown), ("of another shape", differing)];
    let problems: Vec<String> =
        groups.iter().filter(|(_, names)| !names.is_empty()).map(|(what, names)| listed(what, names)).collect();
    if problems.is_empty() {
        return Ok(());
    }
    let (file, problems) = (file.display(), problems.join("; "));
    Err(Error::Weights(format!(
        "the tensors of {file} do not fit the network: {problems}. Use weights that were saved for the same layers."
    )))
}

fn listed(what: &str, names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => format!("{what}: {shown}"),
        rest => format!("{what}: {shown} and {rest} more"),
    }
}
