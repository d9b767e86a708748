//! CIFAR10-DVS: 10,000 images of CIFAR-10 that move over a screen, seen by a DVS128.
//!
//! Li, Liu, Ji, Li, Shi 2017, "CIFAR10-DVS: An Event-Stream Dataset for Object Classification", Frontiers in
//! Neuroscience 11:309. The camera lay on its side; frames here stand upright, as those of SpikingJelly's reader.
//!
//! The data set has no split of its own. 9,000 recordings to train and 1,000 to test on are usual, 100 of each class,
//! by one of three rules: the last hundred of each class (SpikingJelly's `split_to_train_test_set` with 0.9, unless it
//! is asked for random ones), the first hundred (Temporal Effective Batch Normalization, Duan et al. 2022, and works
//! after it), or random ones. Accuracies of different rules are not comparable. Here it is the last hundred unless
//! `test = "first"`; "last" and "first" go by the number in a recording's name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::listing::RecordingFolders;
use super::sequences::{Recordings, Sequences};
use super::{FramesConfig, PixelEvent, aedat, windows};
use crate::data::cache::SourceFile;
use crate::data::{DataShape, Dataset, DatasetSpec};
use crate::error::Result;

/// Where CIFAR10-DVS lies, what is tested on, and how its recordings become frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DvsCifar10Config {
    /// The folder of `airplane` to `truck`, with any number of the recordings, such as
    /// `airplane/cifar10_airplane_0.aedat`.
    #[schemars(example = "data/dvs_cifar10")]
    pub path: PathBuf,
    /// The recordings of each class that are tested on; the data set itself has no split.
    #[serde(default)]
    pub test: TestSplit,
    /// How events become frames.
    #[serde(default)]
    pub frames: FramesConfig,
}

/// A hundred recordings of each class, by the number in their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestSplit {
    /// 900 to 999.
    #[default]
    Last,
    /// 0 to 99.
    First,
}

/// In the order of CIFAR-10's labels.
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

impl TestSplit {
    fn holds(self, number: u32) -> bool {
        match self {
            Self::Last => number >= 900,
            Self::First => number < 100,
        }
    }
}

impl DatasetSpec for DvsCifar10Config {
    fn shape(&self, time_steps: usize) -> Result<DataShape> {
        Ok(self.sequences(time_steps).shape(9_000, 1_000))
    }

    fn mistakes(&self) -> Vec<(String, String)> {
        self.frames.mistake("dvs_cifar10", aedat::SIDE).into_iter().collect()
    }

    fn load(&self, time_steps: usize) -> Result<Dataset> {
        let sequences = self.sequences(time_steps);
        sequences.load(self.recordings()?, |&label, path, content| {
            let events: Vec<PixelEvent> = aedat::events(content, path)?.into_iter().map(upright).collect();
            Ok(sequences.item(label, &events, &(0..windows::duration(&events)), path)?.into())
        })
    }

    fn checksums(&self, time_steps: usize) -> Result<BTreeMap<String, String>> {
        self.sequences(time_steps).checksums(self.recordings()?)
    }

    fn class_names(&self) -> Option<Vec<String>> {
        Some(CLASSES.map(String::from).into())
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.path]
    }
}

impl DvsCifar10Config {
    fn sequences(&self, time_steps: usize) -> Sequences<'_> {
        Sequences { time_steps, frames: &self.frames, side: aedat::SIDE, classes: CLASSES.len() }
    }

    /// The recordings of both splits with their labels: number 0 of every class, number 1 and so on.
    fn recordings(&self) -> Result<Recordings<'_, u32>> {
        let layout = RecordingFolders {
            path: &self.path,
            set: "CIFAR10-DVS",
            key: "dvs_cifar10",
            holds: "folders airplane to truck of recordings such as cifar10_airplane_0.aedat, published at \
                    https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671",
            extension: "aedat",
        };
        let folders = CLASSES.map(PathBuf::from);
        layout.check(&folders)?;
        let class = |label: u32| CLASSES.get(label as usize).copied().unwrap_or_default();
        let number = |label, stem: &str| {
            let number = stem.strip_prefix("cifar10_")?.strip_prefix(class(label))?.strip_prefix('_')?;
            number.parse().ok().filter(|&number: &u32| number < 1_000)
        };
        let found = layout.recordings(&folders, number, |label| format!("cifar10_{}_0.aedat", class(label)))?;
        let (test, train): (Vec<_>, Vec<_>) = found.into_iter().partition(|(number, ..)| self.test.holds(*number));
        let splits = [train, test].map(|recordings| {
            recordings.into_iter().map(|(_, label, path)| SourceFile { path, about: label }).collect()
        });
        Ok(Recordings { set: "dvs_cifar10", folder: &self.path, splits, settings: json!({ "test": self.test }) })
    }
}

/// The event as the camera would have seen it upright.
fn upright(event: PixelEvent) -> PixelEvent {
    PixelEvent { row: event.column, column: event.row, ..event }
}
