//! Tensors by name in safetensors files.

use crate::error::{Error, Result};
use crate::run::write_atomically;
use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How many differences of a kind a message lists.
const LISTED: usize = 5;

/// Writes `tensors`, sorted by name.
pub fn save_tensors(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    write_atomically(path, &bytes(tensors)?)
}

/// All tensors of a safetensors file, on the CPU.
pub fn load_tensors(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    parse(&fs::read(path).map_err(Error::io("read", path))?, path, &Device::Cpu)
}

pub fn bytes(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>> {
    Ok(safetensors::serialize(tensors, None).map_err(candle_core::Error::from)?)
}

pub fn parse(bytes: &[u8], path: &Path, device: &Device) -> Result<BTreeMap<String, Tensor>> {
    // The crate checks the header's length and every offset against the file's length before it reads.
    let malformed = |e: &dyn std::fmt::Display| {
        Error::Weights(format!("{}: expected a safetensors file, found a malformed one: {e}", path.display()))
    };
    SafeTensors::deserialize(bytes).map_err(|e| malformed(&e))?;
    let tensors = candle_core::safetensors::load_buffer(bytes, device).map_err(|e| malformed(&e))?;
    Ok(tensors.into_iter().collect())
}

/// Errors when the names or shapes in `file` are not those `expected`.
pub fn matching(expected: &BTreeMap<String, Vec<usize>>, found: &BTreeMap<String, Tensor>, file: &Path) -> Result<()> {
    let missing = expected.keys().filter(|name| !found.contains_key(*name)).cloned();
    let unknown = found.keys().filter(|name| !expected.contains_key(*name)).cloned();
    let differing = expected.iter().filter_map(|(name, shape)| {
        let dims = found.get(name)?.dims();
        (dims != shape).then(|| format!("{name} (expected {shape:?}, found {dims:?})"))
    });
    let problems: Vec<String> = [
        listed("missing", missing.collect()),
        listed("unknown", unknown.collect()),
        listed("of another shape", differing.collect()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::Weights(format!("{}: these weights belong to another network: {}", file.display(), problems.join("; "))))
}

fn listed(what: &str, names: Vec<String>) -> Option<String> {
    let more = names.len().saturating_sub(LISTED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let listed = names.get(..names.len().min(LISTED)).filter(|names| !names.is_empty())?.join(", ");
    Some(format!("{what}: {listed}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_weights_are_listed_by_kind() {
        let shape = |n: usize| vec![n];
        let expected = BTreeMap::from([("a".to_string(), shape(1)), ("b".to_string(), shape(2))]);
        let tensor = |n: usize| Tensor::zeros(n, candle_core::DType::F32, &Device::Cpu).expect("a tensor");
        let mut found = BTreeMap::from([("b".to_string(), tensor(3)), ("c".to_string(), tensor(1))]);
        let error = matching(&expected, &found, Path::new("w.safetensors")).expect_err("differs").to_string();
        assert_eq!(
            error,
            "w.safetensors: these weights belong to another network: missing: a; unknown: c; of another shape: b (expected [2], \
             found [3])"
        );
        found.extend((0..9).map(|i| (format!("x{i}"), tensor(1))));
        let error = matching(&expected, &found, Path::new("w")).expect_err("differs").to_string();
        assert!(error.contains("unknown: c, x0, x1, x2, x3 and 5 more"), "{error}");
    }

    #[test]
    fn truncated_files_and_headers_that_claim_too_much_are_refused_without_an_allocation() {
        let whole = bytes(&BTreeMap::from([("w".to_string(), Tensor::new(&[1f32], &Device::Cpu).expect("a tensor"))]));
        let whole = whole.expect("bytes");
        let claims = [&(1u64 << 60).to_le_bytes()[..], b"{}"].concat();
        for bytes in [&whole[..whole.len() - 1], &whole[..7], &claims, b""] {
            let error = parse(bytes, Path::new("w.safetensors"), &Device::Cpu).expect_err("malformed").to_string();
            assert!(error.starts_with("w.safetensors: expected a safetensors file"), "{error}");
        }
        assert!(parse(&whole, Path::new("w"), &Device::Cpu).is_ok());
    }
}
