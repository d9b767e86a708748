//! N-MNIST: the digits of MNIST on a screen, seen by an ATIS camera that moves three times.
//!
//! Orchard, Jayawant, Cohen, Thakor 2015, "Converting Static Image Datasets to Spiking Neuromorphic Datasets Using
//! Saccades", Frontiers in Neuroscience 9:437. The split is the published one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::listing::RecordingFolders;
use super::sequences::{Recordings, Sequences};
use super::{FramesConfig, atis, windows};
use crate::data::cache::SourceFile;
use crate::data::{DataShape, Dataset, DatasetSpec};
use crate::error::Result;

/// Where N-MNIST lies, and how its recordings become frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NmnistConfig {
    /// The folder of `Train/0` to `Train/9` and `Test/0` to `Test/9`, with any number of the recordings.
    #[schemars(example = "data/nmnist")]
    pub path: PathBuf,
    /// How events become frames.
    #[serde(default)]
    pub frames: FramesConfig,
}

const CLASSES: u32 = 10;
const SIDE: usize = atis::SIDE as usize;

impl DatasetSpec for NmnistConfig {
    fn shape(&self, time_steps: usize) -> Result<DataShape> {
        Ok(self.sequences(time_steps).shape(60_000, 10_000))
    }

    fn mistakes(&self) -> Vec<(String, String)> {
        self.frames.mistake("nmnist", SIDE).into_iter().collect()
    }

    fn load(&self, time_steps: usize) -> Result<Dataset> {
        let sequences = self.sequences(time_steps);
        sequences.load(self.recordings()?, |&label, path, content| {
            let events = atis::events(content, path)?;
            Ok(sequences.item(label, &events, &(0..windows::duration(&events)), path)?.into())
        })
    }

    fn checksums(&self, time_steps: usize) -> Result<BTreeMap<String, String>> {
        self.sequences(time_steps).checksums(self.recordings()?)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.path]
    }
}

impl NmnistConfig {
    fn sequences(&self, time_steps: usize) -> Sequences<'_> {
        Sequences { time_steps, frames: &self.frames, side: SIDE, classes: CLASSES as usize }
    }

    /// The recordings of both splits with their labels, in the order of MNIST, which is that of the numbers in their
    /// names.
    fn recordings(&self) -> Result<Recordings<'_, u32>> {
        let layout = RecordingFolders {
            path: &self.path,
            set: "N-MNIST",
            key: "nmnist",
            holds: "folders Train/0 to Train/9 and Test/0 to Test/9 of recordings such as 00002.bin, published at \
                    https://www.garrickorchard.com/datasets/n-mnist",
            extension: "bin",
        };
        let folders = |split: &str| -> Vec<PathBuf> {
            (0..CLASSES).map(|label| PathBuf::from(split).join(label.to_string())).collect()
        };
        let [train, test] = ["Train", "Test"].map(folders);
        layout.check(&[train.as_slice(), &test].concat())?;
        let split = |folders: &[PathBuf]| -> Result<Vec<SourceFile<u32>>> {
            let found = layout.recordings(folders, |_, stem| stem.parse().ok(), |_| "00002.bin".into())?;
            Ok(found.into_iter().map(|(_, label, path)| SourceFile { path, about: label }).collect())
        };
        let splits = [split(&train)?, split(&test)?];
        Ok(Recordings { set: "nmnist", folder: &self.path, splits, settings: Value::Null })
    }
}
