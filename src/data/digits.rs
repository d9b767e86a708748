//! The 1,797 handwritten digits of the UCI repository, which come inside the crate smartcore.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{DataShape, Dataset, DatasetSpec, Split, SplitValues, files};
use crate::error::{Error, Result};
use crate::rng::{Purpose, Stream};

/// The digits need no settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigitsConfig {}

pub(super) const SHAPE: DataShape =
    DataShape { channels: 1, height: 8, width: 8, classes: 10, time_steps: None, train: 1438, test: 359 };

impl DatasetSpec for DigitsConfig {
    fn shape(&self, _: usize) -> Result<DataShape> {
        Ok(SHAPE)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        Vec::new()
    }

    fn load(&self, _: usize) -> Result<Dataset> {
        load()
    }

    /// There are no files, and little to read.
    fn checksums(&self, _: usize) -> Result<BTreeMap<String, String>> {
        load().map(|dataset| dataset.checksums)
    }
}

/// Reads the digits. Their values 0..=16 become bytes, `value * 255 / 16` rounded.
///
/// There is no official split. The held-out fifth is fixed: the numbers 0..1797 are shuffled by the stream
/// (seed 0, [`Purpose::Split`]), whatever the experiment's seed; the first 359 are the test images, the other 1,438 the
/// training images, both in shuffled order.
fn load() -> Result<Dataset> {
    let digits = smartcore::dataset::digits::load_dataset();
    let pixels = SHAPE.height * SHAPE.width;
    let n = SHAPE.train + SHAPE.test;
    if digits.data.len() != n * pixels || digits.target.len() != n {
        let [values, labels] = [digits.data.len(), digits.target.len()];
        return Err(Error::Data(format!(
            "the digits of the crate smartcore have {values} values and {labels} labels; expected {} and {n}; build the \
             program with the versions of its Cargo.lock.",
            n * pixels
        )));
    }
    let bytes: Vec<u8> = digits.data.iter().map(|value| (value * 255.0 / 16.0).round() as u8).collect();
    let labels: Vec<u8> = digits.target.iter().map(|&label| label as u8).collect();
    let hash = files::hexadecimal(Sha256::new().chain_update(&bytes).chain_update(&labels));

    let mut order: Vec<usize> = (0..n).collect();
    Stream::new(0, Purpose::Split, 0, 0, 0).shuffle(&mut order);
    let images: Vec<(&[u8], u8)> = bytes.chunks_exact(pixels).zip(labels).collect();
    let chosen = |places: &[usize]| places.iter().filter_map(|&i| images.get(i)).copied().collect::<Vec<_>>();
    let split = |places: &[usize]| Split {
        items: SplitValues::Bytes(chosen(places).into_iter().flat_map(|(pixels, _)| pixels).copied().collect()),
        labels: chosen(places).into_iter().map(|(_, label)| label.into()).collect(),
        shape: vec![SHAPE.channels, SHAPE.height, SHAPE.width],
    };
    let (test, train) = order.split_at(SHAPE.test.min(n));
    let checksums = BTreeMap::from([("smartcore digits".into(), hash)]);
    Ok(Dataset { train: split(train), test: split(test), shape: SHAPE, checksums })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(split: &Split) -> Vec<(u32, &[u8])> {
        let SplitValues::Bytes(bytes) = &split.items else { panic!("digits are bytes") };
        split.labels.iter().copied().zip(bytes.chunks(64)).collect()
    }

    #[test]
    fn the_splits_hold_every_digit_once() {
        let dataset = load().unwrap();
        assert_eq!([dataset.train.len(), dataset.test.len()], [1438, 359]);
        let all: Vec<_> = images(&dataset.train).into_iter().chain(images(&dataset.test)).collect();
        // Counts by class as in the repository's description of the set (its test part of 1,797).
        let count = |class| all.iter().filter(|(label, _)| *label == class).count();
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(count), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        // The first image of the set, a zero, as scikit-learn's documentation prints it.
        let first = [
            [0, 0, 5, 13, 9, 1, 0, 0],
            [0, 0, 13, 15, 10, 15, 5, 0],
            [0, 3, 15, 2, 0, 11, 8, 0],
            [0, 4, 12, 0, 0, 8, 8, 0],
            [0, 5, 8, 0, 0, 9, 8, 0],
            [0, 4, 11, 0, 1, 12, 7, 0],
            [0, 2, 14, 5, 10, 12, 0, 0],
            [0, 0, 6, 13, 10, 0, 0, 0],
        ];
        let first: Vec<u8> = first.as_flattened().iter().map(|&value| ((value * 255 + 8) / 16) as u8).collect();
        assert_eq!(all.iter().filter(|(label, image)| *label == 0 && *image == first).count(), 1);
    }

    #[test]
    fn the_held_out_fifth_is_the_same_for_ever() {
        // From a second implementation of the generator and the shuffle, in Python.
        let dataset = load().unwrap();
        assert_eq!(dataset.test.labels[..12], [8, 9, 8, 9, 3, 5, 0, 1, 3, 9, 6, 1]);
        assert_eq!(dataset.train.labels[..12], [6, 5, 3, 4, 6, 9, 6, 0, 3, 5, 0, 1]);
        let expected = "a19cb3d96bba7deace8ee5a513a6eb7bad0403d528f00bf4d351b6a7a55baa91";
        assert_eq!(dataset.checksums["smartcore digits"], expected);
    }
}
