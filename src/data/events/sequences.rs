//! Recordings -> the sequences of both splits.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};

use super::frames::POLARITIES;
use super::{FramesConfig, PixelEvent};
use crate::data::cache::{self, DecodeRecipe, DecodedItem, Decoding, SourceFile};
use crate::data::{DataShape, Dataset, Split, SplitValues};
use crate::error::{Error, Result};

/// To be raised whenever the same recordings and settings give other frames.
const VERSION: u32 = 2;

/// The largest recording that is read, in bytes: 134 million events of a DVS128, a quarter of an hour of much to see.
const LONGEST: u64 = 1 << 30;

/// What the sequences of a data set have in common.
pub(super) struct Sequences<'a> {
    /// T.
    pub time_steps: usize,
    pub frames: &'a FramesConfig,
    /// Rows and columns of the sensor.
    pub side: usize,
    pub classes: usize,
}

/// Where the recordings lie.
pub(super) struct Recordings<'a, A> {
    /// The data set's key in the experiment file.
    pub set: &'static str,
    pub folder: &'a Path,
    /// Of the training and the test split.
    pub splits: [Vec<SourceFile<A>>; 2],
    /// What the frames depend on besides T and [`FramesConfig`].
    pub settings: Value,
}

impl Sequences<'_> {
    /// With `train` and `test` sequences.
    pub fn shape(&self, train: usize, test: usize) -> DataShape {
        let size = self.frames.size(self.side);
        let (classes, time_steps) = (self.classes, Some(self.time_steps));
        DataShape { channels: POLARITIES, height: size, width: size, classes, time_steps, train, test }
    }

    /// The sequence of the `events` of a piece of `time`.
    ///
    /// # Errors
    /// [`Error::Data`] when there is no memory for it.
    pub fn item(&self, label: u32, events: &[PixelEvent], time: &Range<u64>, path: &Path) -> Result<DecodedItem> {
        let length = self.item_shape().iter().fold(1usize, |product, &size| product.saturating_mul(size));
        let mut pixels = super::room(length, path)?;
        pixels.resize(length, 0);
        self.frames.count(events, time, self.side, &mut pixels);
        Ok(DecodedItem { label, pixels })
    }

    /// Both splits, out of the cache or decoded by `decode`.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`] for recordings that are missing or malformed, and for a split without a
    /// recording.
    pub fn load<A: Sync>(
        &self,
        recordings: Recordings<'_, A>,
        decode: impl Fn(&A, &Path, &[u8]) -> Result<Decoding> + Sync,
    ) -> Result<Dataset> {
        let (splits, checksums) = cache::load(&self.recipe(recordings)?, decode)?;
        let [train, test] = splits.map(counts);
        let shape = self.shape(train.len(), test.len());
        Ok(Dataset { train, test, shape, checksums })
    }

    /// The checksum that [`Sequences::load`] gives, without decoding anything.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`] for recordings that are missing, and for a split without a recording.
    pub fn checksums<A: Sync>(&self, recordings: Recordings<'_, A>) -> Result<BTreeMap<String, String>> {
        cache::checksums(&self.recipe(recordings)?)
    }

    fn recipe<'a, A>(&self, recordings: Recordings<'a, A>) -> Result<DecodeRecipe<'a, A>> {
        let Recordings { set, folder, splits, settings } = recordings;
        for (split, purpose) in splits.iter().zip(["train", "test"]) {
            if split.is_empty() {
                return Err(Error::Data(format!("{} holds no recording to {purpose} on.", folder.display())));
            }
        }
        Ok(DecodeRecipe {
            set,
            version: VERSION,
            folder,
            settings: json!({ "time_steps": self.time_steps, "frames": self.frames, "set": settings }),
            shape: self.item_shape().to_vec(),
            classes: self.classes,
            longest: LONGEST,
            splits,
            beside: Vec::new(),
        })
    }

    /// [T, 2, H, W].
    fn item_shape(&self) -> [usize; 4] {
        let size = self.frames.size(self.side);
        [self.time_steps, POLARITIES, size, size]
    }
}

/// The same split, whose bytes are numbers of events.
fn counts(split: Split) -> Split {
    let items = match split.items {
        SplitValues::Bytes(bytes) => SplitValues::Counts(bytes),
        items => items,
    };
    Split { items, ..split }
}
