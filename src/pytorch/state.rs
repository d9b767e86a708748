//! Reading state dictionaries: tensors by name, in the file's order.

use super::pickle::{self, Pickle, Pickled, ValueId};
use crate::error::{Error, Result};
use crate::files::{reading, weights};
use crate::system::memory;
use candle_core::{DType, Device, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::path::Path;

/// Tensors of floats by name, as `f32`, in the order of the file.
pub type StateDict = Vec<(String, Tensor)>;

/// Bytes of a pickle.
const LONGEST_PICKLE: u64 = 1 << 24;

/// How deep dicts in dicts are looked for tensors.
const DEEPEST: usize = 4;

/// Where several dicts hold tensors, these are taken for the network's, first to last.
const USUAL: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];

/// Reads the state dictionary of a file that `torch.save` wrote, with or without an archive around it, or of a
/// safetensors file. It may lie in dicts beside other things, such as an epoch's number. Nothing of a pickle is run.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Weights`] naming it when it is malformed or holds none.
pub fn read(path: &Path) -> Result<StateDict> {
    let most = memory::total().unwrap_or(u64::MAX);
    let bytes = reading::bytes(path, most).map_err(Error::io("read", path))?;
    let refuse = |problem: String| Error::Weights(format!("{} cannot be imported: {problem}.", path.display()));
    match bytes.as_slice() {
        [b'P', b'K', ..] => of_archive(&bytes).map_err(refuse),
        [0x80, _, 0x8a, 0x0a, ..] => of_sequence(&bytes).map_err(refuse),
        _ if path.extension().is_some_and(|extension| extension == "safetensors") => {
            Ok(weights::load_tensors(path, &Device::Cpu)?.into_iter().collect())
        }
        _ => Err(refuse(
            "expected a file that torch.save wrote, or one called .safetensors. A file that is packed otherwise, in a tar \
             archive for example, must be unpacked first"
                .into(),
        )),
    }
}

type Part<T> = std::result::Result<T, String>;

/// Of a zip archive: `NAME/data.pkl`, and the bytes of every storage in `NAME/data/KEY`.
fn of_archive(bytes: &[u8]) -> Part<StateDict> {
    let told = |problem: zip::result::ZipError| format!("its archive is malformed ({problem})");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(told)?;
    let mut entry = |name: &str, most: u64| -> Part<Vec<u8>> {
        let file = archive.by_name(name).map_err(|_| format!("its archive has no {name}"))?;
        let size = file.size();
        if size > most {
            return Err(format!("{name} in its archive has {size} bytes, and at most {most} were expected"));
        }
        let mut content = Vec::new();
        file.take(most).read_to_end(&mut content).map_err(|e| format!("{name} in its archive is malformed ({e})"))?;
        Ok(content)
    };
    let names = zip::ZipArchive::new(Cursor::new(bytes)).map_err(told)?;
    let names: Vec<String> = names
        .file_names()
        .map(|name| name.map(|name| name.into_owned()))
        .collect::<std::result::Result<_, _>>()
        .map_err(|e| format!("its archive is malformed ({e})"))?;
    let folder =
        names.iter().find_map(|name| name.strip_suffix("data.pkl").filter(|f| f.is_empty() || f.ends_with('/')));
    let Some(folder) = folder else {
        return Err("its archive has no data.pkl, which torch.save writes".into());
    };
    let text = entry(&format!("{folder}data.pkl"), LONGEST_PICKLE)?;
    let pickle = pickle::read(&mut text.as_slice())?;
    // Storages are not compressed.
    let length = bytes.len() as u64;
    tensors(&pickle, length, |key| entry(&format!("{folder}data/{key}"), length))
}

/// Of the older form: pickles of a magic number, a version, the machine, the object and the storages' keys; then every
/// storage, as the number of its elements and their bytes.
fn of_sequence(bytes: &[u8]) -> Part<StateDict> {
    let mut rest = bytes;
    for _ in 0..3 {
        pickle::read(&mut rest)?;
    }
    let object = pickle::read(&mut rest)?;
    let keys = pickle::read(&mut rest)?;
    let types: BTreeMap<&str, usize> = object
        .values()
        .filter_map(|value| if let Pickled::Outside(id) = value { storage(&object, *id) } else { None })
        .map(|(key, class, _)| (key, element(class).map_or(0, |(_, size)| size)))
        .collect();
    let mut storages = BTreeMap::new();
    for &key in keys.items(keys.root).unwrap_or_default() {
        let key = keys.text(key).ok_or("its list of storages is malformed")?;
        let short = || format!("it ends within the storage {key}");
        let (count, after) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let size = types.get(key).copied().filter(|&size| size > 0);
        let size = size.ok_or_else(|| format!("the storage {key} is of a type that is not supported"))?;
        let length = usize::try_from(u64::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(size));
        let (content, after) = length.and_then(|length| after.split_at_checked(length)).ok_or_else(short)?;
        storages.insert(key.to_string(), content);
        rest = after;
    }
    tensors(&object, bytes.len() as u64, |key| {
        storages.get(key).map(|content| content.to_vec()).ok_or_else(|| format!("it has no storage {key}"))
    })
}

/// The key, class and elements of a storage, by its description.
fn storage(pickle: &Pickle, id: ValueId) -> Option<(&str, &str, usize)> {
    match *pickle.items(id)? {
        [_, class, key, _, count, ..] => Some((pickle.text(key)?, pickle.class(class)?, pickle.whole(count)?)),
        _ => None,
    }
}

/// The type of a storage's elements, where they are floats, and their bytes.
fn element(class: &str) -> Option<(Option<DType>, usize)> {
    Some(match class.strip_prefix("torch.")?.strip_suffix("Storage")? {
        "Float" => (Some(DType::F32), 4),
        "Double" => (Some(DType::F64), 8),
        "Half" => (Some(DType::F16), 2),
        "BFloat16" => (Some(DType::BF16), 2),
        "Long" => (None, 8),
        "Int" => (None, 4),
        "Short" => (None, 2),
        "Char" | "Byte" | "Bool" => (None, 1),
        _ => return None,
    })
}

/// A tensor as the pickle describes it.
struct Described<'a> {
    key: &'a str,
    class: &'a str,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

/// Of a tensor, or of a parameter, which is one.
fn described(pickle: &Pickle, id: ValueId) -> Option<Described<'_>> {
    let &Pickled::Call(function, arguments) = pickle.get(id) else { return None };
    let inside = match (pickle.class(function)?, pickle.items(arguments)?) {
        ("torch._utils._rebuild_parameter", &[tensor, ..]) => tensor,
        _ => id,
    };
    described_tensor(pickle, inside)
}

fn described_tensor(pickle: &Pickle, id: ValueId) -> Option<Described<'_>> {
    let &Pickled::Call(function, arguments) = pickle.get(id) else { return None };
    let arguments = pickle.items(arguments)?;
    match (pickle.class(function)?, arguments) {
        ("torch._utils._rebuild_tensor_v2", &[outside, offset, shape, strides, ..]) => {
            let &Pickled::Outside(outside) = pickle.get(outside) else { return None };
            let (key, class, _) = storage(pickle, outside)?;
            let (shape, strides) = (pickle.wholes(shape)?, pickle.wholes(strides)?);
            Some(Described { key, class, offset: pickle.whole(offset)?, shape, strides })
        }
        _ => None,
    }
}

/// The dict that holds the network's tensors.
fn state_dict(pickle: &Pickle) -> Part<&[(ValueId, ValueId)]> {
    let mut found: Vec<(String, &[(ValueId, ValueId)])> = Vec::new();
    let (mut next, mut seen) = (vec![(String::new(), pickle.root, 0usize)], BTreeSet::new());
    while let Some((name, id, depth)) = next.pop() {
        let Pickled::Dict(entries) = pickle.get(id) else { continue };
        if !seen.insert(id) {
            continue;
        }
        let is_tensor = |&(key, value): &(ValueId, ValueId)| {
            pickle.text(key).is_some() && described(pickle, value).is_some_and(|tensor| !tensor.shape.is_empty())
        };
        if entries.iter().any(is_tensor) {
            found.push((name, entries));
        } else if depth < DEEPEST {
            let named = |&(key, value): &(ValueId, ValueId)| {
                Some((pickle.text(key)?.to_string(), value, depth.saturating_add(1)))
            };
            next.extend(entries.iter().filter_map(named));
        }
    }
    let usual = USUAL.iter().find_map(|usual| found.iter().find(|(name, _)| name == usual));
    match (found.as_slice(), usual) {
        ([(_, only)], _) | (_, Some((_, only))) => Ok(only),
        ([], _) => {
            let class = match pickle.get(pickle.root) {
                Pickled::Call(class, _) => pickle.class(*class),
                _ => None,
            };
            Err(class.map_or_else(
                || "it holds no state dictionary, a dict of tensors by name".to_string(),
                |class| {
                    format!(
                        "it holds a whole object of the class {class}, whose code is not run: save its state_dict() in PyTorch"
                    )
                },
            ))
        }
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
            let names = names.join(", ");
            Err(format!("it holds tensors in several dicts ({names}), and which are the network's cannot be known"))
        }
    }
}

fn tensors(pickle: &Pickle, length: u64, mut storage_of: impl FnMut(&str) -> Part<Vec<u8>>) -> Part<StateDict> {
    let mut all = StateDict::new();
    // Tensors may share a storage; but no more than a few do.
    let mut left = length.saturating_mul(4).saturating_add(1 << 20);
    for &(key, value) in state_dict(pickle)? {
        let (Some(name), Some(tensor)) = (pickle.text(key), described(pickle, value)) else { continue };
        let told = |problem: String| format!("the tensor \"{name}\": {problem}");
        let supported = element(tensor.class);
        let (dtype, size) = supported.ok_or_else(|| told(format!("the type {} is not supported", tensor.class)))?;
        let Some(dtype) = dtype else { continue };
        let count = tensor.shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        let bytes = count.and_then(|count| count.checked_mul(8.max(size))).map(|bytes| bytes as u64 / 2);
        left = bytes
            .and_then(|bytes| left.checked_sub(bytes))
            .ok_or_else(|| told(format!("its shape {:?} is of more numbers than the file can hold", tensor.shape)))?;
        let content = storage_of(tensor.key).map_err(told)?;
        left = left.checked_sub(content.len() as u64).ok_or_else(|| told("too many share its storage".into()))?;
        let stored = content.len().checked_div(size).unwrap_or(0);
        let content = content.get(..stored.saturating_mul(size)).unwrap_or_default();
        let numbers = Tensor::from_raw_buffer(content, dtype, &[stored], &Device::Cpu)
            .and_then(|numbers| numbers.to_dtype(DType::F32)?.to_vec1::<f32>())
            .map_err(|e| told(e.to_string()))?;
        let gathered = gather(&numbers, &tensor).ok_or_else(|| {
            told(format!(
                "its shape {:?} with the strides {:?} reaches beyond the {stored} numbers of its storage",
                tensor.shape, tensor.strides
            ))
        })?;
        let gathered = Tensor::from_vec(gathered, tensor.shape, &Device::Cpu).map_err(|e| told(e.to_string()))?;
        all.push((name.to_string(), gathered));
    }
    Ok(all)
}

/// The numbers of a tensor in the order of its shape.
fn gather(numbers: &[f32], tensor: &Described<'_>) -> Option<Vec<f32>> {
    if tensor.shape.len() != tensor.strides.len() {
        return None;
    }
    if tensor.shape.contains(&0) {
        return Some(Vec::new());
    }
    let mut places = vec![tensor.offset];
    for (&size, &stride) in tensor.shape.iter().zip(&tensor.strides) {
        let mut finer = Vec::with_capacity(places.len().checked_mul(size)?);
        for &place in &places {
            for at in 0..size {
                finer.push(place.checked_add(at.checked_mul(stride)?)?);
            }
        }
        places = finer;
    }
    places.into_iter().map(|place| numbers.get(place).copied()).collect()
}
