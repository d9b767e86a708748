//! A split in memory: images or sequences, labels, and their shape.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use super::{Bytes, DataShape};
use crate::error::{Error, Result};

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

impl Dataset {
    /// The same as candle's own type, for code that is written against it: pixels in 0..1, or values as they are,
    /// `[N, C, H, W]` (`[N, T, C, H, W]` of sequences) and labels `[N]` (`u32`).
    ///
    /// # Errors
    /// [`Error::Tensor`] when memory runs out.
    pub fn to_candle(&self) -> Result<candle_datasets::vision::Dataset> {
        let [(train_images, train_labels), (test_images, test_labels)] =
            [self.train.to_candle()?, self.test.to_candle()?];
        let labels = self.shape.classes;
        Ok(candle_datasets::vision::Dataset { train_images, train_labels, test_images, test_labels, labels })
    }
}

/// One split: `labels.len()` items of `shape`, one after another.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    pub items: SplitValues,
    pub labels: Vec<u32>,
    /// `[C, H, W]`, or `[T, C, H, W]` for already coded sequences.
    pub shape: Vec<usize>,
}

/// The values of all items.
#[derive(Debug, Clone, PartialEq)]
pub enum SplitValues {
    /// Pixels, 0 black to 255 white: four times smaller than floats.
    Bytes(Bytes),
    /// Numbers of events, as they are: 3 is 3.0.
    Counts(Bytes),
    /// Values of the user's own.
    Floats(Vec<f32>),
}

impl SplitValues {
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

    fn to_candle(&self) -> Result<(Tensor, Tensor)> {
        let values: Vec<f32> = match &self.items {
            // Divided as candle divides.
            SplitValues::Bytes(bytes) => {
                bytes.iter().map(|&byte| (f64::from(1u8) / 255.0) as f32 * f32::from(byte)).collect()
            }
            SplitValues::Counts(counts) => counts.iter().map(|&count| count.into()).collect(),
            SplitValues::Floats(floats) => floats.clone(),
        };
        let shape = [&[self.len()], self.shape.as_slice()].concat();
        let images = Tensor::from_vec(values, shape, &Device::Cpu)?;
        Ok((images, Tensor::from_slice(&self.labels, self.len(), &Device::Cpu)?))
    }

    /// How many values an item has.
    pub(super) fn item_length(&self) -> usize {
        self.shape.iter().fold(1, |product, &size| product.saturating_mul(size))
    }

    /// Keeps the first `n` items, or all where there are fewer, and gives the memory of the others back. Nothing is
    /// copied out of a file.
    pub(super) fn truncate(&mut self, n: usize) {
        let values = n.min(self.len()).saturating_mul(self.item_length());
        self.labels.truncate(n);
        match &mut self.items {
            SplitValues::Bytes(bytes) | SplitValues::Counts(bytes) => bytes.truncate(values),
            SplitValues::Floats(floats) => {
                floats.truncate(values);
                floats.shrink_to_fit();
            }
        }
    }

    /// Keeps the items at `places`, which ascend, and gives the memory of the others back. No others are copied out of
    /// a file.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub(super) fn keep(&mut self, places: &[usize]) -> Result<()> {
        if places.iter().copied().eq(0..places.len()) {
            self.truncate(places.len());
            return Ok(());
        }
        let length = self.item_length();
        self.labels = places.iter().filter_map(|&place| self.labels.get(place)).copied().collect();
        match &mut self.items {
            SplitValues::Bytes(bytes) | SplitValues::Counts(bytes) => bytes.keep(length, places).map_err(|_| {
                let n = places.len();
                Error::Data(format!("there is no memory for the {n} images of {length} bytes that data.limit leaves."))
            })?,
            SplitValues::Floats(floats) => keep(floats, length, places),
        }
        Ok(())
    }
}

/// Keeps the pieces of `length` values at `places`, which ascend.
pub(super) fn keep<T: Copy>(values: &mut Vec<T>, length: usize, places: &[usize]) {
    let mut end = 0usize;
    for &place in places {
        let from = place.saturating_mul(length);
        let to = from.saturating_add(length);
        if end > from || to > values.len() {
            break;
        }
        values.copy_within(from..to, end);
        end = end.saturating_add(length);
    }
    values.truncate(end);
    values.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(items: SplitValues) -> Split {
        Split { items, labels: vec![4, 5, 6, 7], shape: vec![1, 1, 2] }
    }

    #[test]
    fn kept_items_are_those_at_their_places() {
        let bytes: Vec<u8> = (0..8).collect();
        let floats: Vec<f32> = (0..8).map(|value| value as f32 / 2.0).collect();
        for (places, labels, expected) in [
            (&[1, 3][..], &[5, 7][..], &[2, 3, 6, 7][..]),
            (&[0, 1, 2], &[4, 5, 6], &[0, 1, 2, 3, 4, 5]),
            (&[3], &[7], &[6, 7]),
            (&[], &[], &[]),
        ] {
            let halves: Vec<f32> = expected.iter().map(|&value| f32::from(value) / 2.0).collect();
            for (items, expected) in [
                (SplitValues::Bytes(bytes.clone().into()), SplitValues::Bytes(expected.to_vec().into())),
                (SplitValues::Counts(bytes.clone().into()), SplitValues::Counts(expected.to_vec().into())),
                (SplitValues::Floats(floats.clone()), SplitValues::Floats(halves)),
            ] {
                let mut split = split(items);
                split.keep(places).unwrap();
                assert_eq!((split.labels.as_slice(), split.items), (labels, expected));
            }
        }
    }
}
