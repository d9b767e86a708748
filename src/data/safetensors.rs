//! A safetensors file of images or sequences, checked before it is read.
//!
//! Only the header is read when a file is opened; tensors are read one at a time, piece by piece.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::{SplitValues, files, unexpected_files};
use crate::error::{Error, Result};
use crate::ops::finite::place;

/// An open file whose header has been checked.
pub(super) struct TensorFile<'a> {
    pub path: &'a Path,
    /// `images` or `sequences`.
    pub items: TensorEntry,
    labels: Option<TensorEntry>,
    /// The byte at which the tensors' data begins.
    start: u64,
}

/// A tensor of the file.
pub(super) struct TensorEntry {
    pub name: &'static str,
    pub info: TensorInfo,
}

impl TensorEntry {
    /// How many items there are: the first number of the shape.
    pub fn count(&self) -> usize {
        self.info.shape.first().copied().unwrap_or_default()
    }

    /// The shape of one item.
    pub fn shape(&self) -> &[usize] {
        self.info.shape.get(1..).unwrap_or_default()
    }
}

impl fmt::Display for TensorEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {:?} {:?}", self.name, self.info.dtype, self.info.shape)
    }
}

/// The longest header that is read; the format's own bound.
const LONGEST_HEADER: u64 = 100_000_000;

impl<'a> TensorFile<'a> {
    /// Checks the header of a file of items and labels; `key` is the setting that names the file.
    pub fn open(path: &'a Path, key: &str) -> Result<Self> {
        let file = Self::open_unlabelled(path, key)?;
        let Some(labels) = &file.labels else {
            return Err(
                file.error(format!("the tensor `labels` is missing; expected `labels` [N] beside {}.", file.items))
            );
        };
        if !matches!(labels.info.dtype, Dtype::U8 | Dtype::U32 | Dtype::I32 | Dtype::I64) {
            return Err(file.error(format!(
                "the tensor {labels} has a type that labels cannot have; expected u8, u32, i32 or i64."
            )));
        }
        let n = file.items.count();
        if labels.info.shape != [n] {
            return Err(file.error(format!(
                "the tensor {labels} should have the shape [{n}], one label for each item of {}.",
                file.items
            )));
        }
        Ok(file)
    }

    /// Checks the header of a file of items, with labels or without.
    pub fn open_unlabelled(path: &'a Path, key: &str) -> Result<Self> {
        let name = path.display();
        // A link that leads nowhere is there: opening it tells where it leads.
        if path.symlink_metadata().is_err() {
            let advice = unexpected_files::of_file(path).unwrap_or_else(|| format!("correct {key}"));
            return Err(Error::Data(format!("the file {name} does not exist; {advice}.")));
        }
        let (metadata, start) = header(path)?;
        let entry = |name: &'static str| metadata.info(name).map(|info| TensorEntry { name, info: info.clone() });
        let expected = "expected `labels` [N] and either `images` [N, C, H, W] or `sequences` [N, T, C, H, W]";
        let found = || metadata.offset_keys().iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let items = match (entry("images"), entry("sequences")) {
            (Some(items), None) | (None, Some(items)) => items,
            (Some(_), Some(_)) => {
                return Err(Error::Data(format!("{name} holds both `images` and `sequences`; {expected}.")));
            }
            (None, None) => {
                let found = if metadata.tensors().is_empty() { "no tensor".into() } else { found() };
                return Err(Error::Data(format!("{name} holds {found}; {expected}.")));
            }
        };
        let labels = entry("labels");
        if metadata.tensors().len() != if labels.is_some() { 2 } else { 1 } {
            return Err(Error::Data(format!("{name} holds {}; {expected}, and nothing else.", found())));
        }
        let file = Self { path, items, labels, start };
        let rank = if file.items.name == "images" { 4 } else { 5 };
        if file.items.info.shape.len() != rank {
            return Err(file.error(format!(
                "the tensor {} has {} dimensions; {expected}.",
                file.items,
                file.items.info.shape.len()
            )));
        }
        if file.items.info.shape.contains(&0) {
            return Err(file.error(format!(
                "the tensor {} is empty; expected one item or more, of one value or more.",
                file.items
            )));
        }
        if !matches!(file.items.info.dtype, Dtype::U8 | Dtype::F32) {
            return Err(
                file.error(format!("the tensor {} has a type that cannot be used; expected u8 or f32.", file.items))
            );
        }
        Ok(file)
    }

    /// A mistake in this file.
    pub fn error(&self, problem: String) -> Error {
        Error::Data(format!("{}: {problem}", self.path.display()))
    }

    /// The labels as they are; none of a file without any.
    pub fn read_labels(&self) -> Result<Vec<i64>> {
        let Some(TensorEntry { info, .. }) = &self.labels else { return Ok(Vec::new()) };
        match info.dtype {
            Dtype::U8 => self.read(info, |[byte]: [u8; 1]| byte.into()),
            Dtype::U32 => self.read(info, |bytes| u32::from_le_bytes(bytes).into()),
            Dtype::I32 => self.read(info, |bytes| i32::from_le_bytes(bytes).into()),
            _ => self.read(info, i64::from_le_bytes),
        }
    }

    /// The values of all items; all floats are finite.
    pub fn read_items(&self) -> Result<SplitValues> {
        if self.items.info.dtype == Dtype::U8 {
            return Ok(SplitValues::Bytes(self.read(&self.items.info, |[byte]| byte)?.into()));
        }
        let floats = self.read(&self.items.info, f32::from_le_bytes)?;
        match floats.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            None => Ok(SplitValues::Floats(floats)),
            Some((i, value)) => Err(self.error(format!(
                "{}{:?} (byte {}) is {value}; expected finite numbers.",
                self.items.name,
                place(i, &self.items.info.shape),
                self.byte(self.items.info.data_offsets.0).saturating_add((i as u64).saturating_mul(4)),
            ))),
        }
    }

    /// The place in the file of the data's byte number `offset`.
    fn byte(&self, offset: usize) -> u64 {
        self.start.saturating_add(offset as u64)
    }

    /// The values of a tensor, `N` bytes each. The header's check has found the tensor to lie inside the file, and its
    /// type to be one of 1, 4 or 8 bytes.
    fn read<const N: usize, T>(&self, info: &TensorInfo, value: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
        const PIECE: usize = 1 << 20;
        let (mut file, _) = files::open(self.path)?;
        let (from, to) = info.data_offsets;
        file.seek(SeekFrom::Start(self.byte(from))).map_err(Error::io("read", self.path))?;
        let mut left = to.saturating_sub(from);
        let mut values = files::room(left.checked_div(N).unwrap_or_default(), self.path)?;
        let mut piece = vec![0; PIECE.min(left)];
        while left > 0 {
            piece.truncate(left);
            file.read_exact(&mut piece).map_err(Error::io("read", self.path))?;
            values.extend(piece.as_chunks().0.iter().map(|&bytes| value(bytes)));
            left = left.saturating_sub(piece.len());
        }
        Ok(values)
    }
}

/// The checked header of a file and the byte after it. A file is a length (u64), a header (JSON) and the tensors' data.
fn header(path: &Path) -> Result<(Metadata, u64)> {
    let name = path.display();
    let (mut file, length): (File, u64) = files::open(path)?;
    let broken = |problem: String| match unexpected_files::made_elsewhere(path) {
        Some(what) => {
            Error::Data(format!("{name} is no safetensors file, but {what}; store its tensors as safetensors."))
        }
        None => Error::Data(format!("{name} is no safetensors file: {problem}.")),
    };
    if length < 8 {
        return Err(broken(format!("it has {length} bytes, expected a header of 8 or more")));
    }
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes).map_err(Error::io("read", path))?;
    let size = u64::from_le_bytes(bytes);
    if size > LONGEST_HEADER || size > length.saturating_sub(8) {
        return Err(broken(format!("byte 0 announces a header of {size} bytes, but the file ends at byte {length}")));
    }
    let mut bytes = vec![0; size as usize];
    file.read_exact(&mut bytes).map_err(Error::io("read", path))?;
    let metadata: Metadata = serde_json::from_slice(&bytes)
        .map_err(|source| broken(format!("the header at byte 8 is malformed: {source}")))?;
    let start = size.saturating_add(8);
    let content = format!("a header of {start} and {} of tensors", metadata.data_len());
    let expected = start.saturating_add(metadata.data_len() as u64);
    files::check_length(path, length, expected, &content)?;
    Ok((metadata, start))
}
