//! Images and labels.

use std::collections::BTreeMap;

use super::{Bytes, DataShape};

/// Both splits of a data set.
#[derive(Debug, Clone)]
pub struct Dataset {
    pub train: Split,
    pub test: Split,
    /// With the number of images found on disk.
    pub shape: DataShape,
    /// SHA-256 in hexadecimal of every file that was read, by a name that stays when the data are moved: the published
    /// name of a published file, "train" and "test" for the two of `tensors`. Of a folder of thousands of files it is
    /// one, "all files": that of their checksums and their paths within the folder.
    pub checksums: BTreeMap<String, String>,
}

/// One split: `labels.len()` items of `shape`, one after another.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    pub items: Items,
    pub labels: Vec<u32>,
    /// `[C, H, W]`, or `[T, C, H, W]` for already coded sequences.
    pub shape: Vec<usize>,
}

/// The values of all items.
#[derive(Debug, Clone, PartialEq)]
pub enum Items {
    /// Pixels, 0 black to 255 white: four times smaller than floats.
    Bytes(Bytes),
    /// Numbers of events, as they are: 3 is 3.0.
    Counts(Bytes),
    /// Values of the user's own.
    Floats(Vec<f32>),
}

impl Items {
    /// The number of values.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) | Self::Counts(bytes) => bytes.len(),
            Self::Floats(floats) => floats.len(),
        }
    }
}

impl Split {
    /// The number of items.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Keeps the first `n` items, or all where there are fewer, and gives the memory of the others back. Nothing is copied out of a file.
    pub(super) fn truncate(&mut self, n: usize) {
        let n = n.min(self.len());
        let values = self.shape.iter().fold(n, |product, &size| product.saturating_mul(size));
        self.labels.truncate(n);
        match &mut self.items {
            Items::Bytes(bytes) | Items::Counts(bytes) => bytes.truncate(values),
            Items::Floats(floats) => {
                floats.truncate(values);
                floats.shrink_to_fit();
            }
        }
    }
}
