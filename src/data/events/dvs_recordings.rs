//! Long recordings of a DVS128, each of one class: two sessions, of which one is trained and the other tested on.
//!
//! Pieces of one recording resemble each other more than they resemble another session's, so that a split within a
//! session would promise too much: here whole sessions are kept apart.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::listing::RecordingFolders;
use super::sequences::{Recordings, Sequences};
use super::windows::{Windows, within};
use super::{FramesConfig, aedat};
use crate::data::cache::{Decoding, SourceFile};
use crate::data::{DataShape, Dataset, DatasetSpec};
use crate::error::Result;

/// Where the recordings of two sessions lie, and how they become windows and frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DvsRecordingsConfig {
    /// The folder of both sessions.
    pub path: PathBuf,
    /// The folder of the training session, within `path`.
    pub train: PathBuf,
    /// The folder of the test session, within `path`.
    pub test: PathBuf,
    /// The classes, in the order of their labels. Both sessions have a recording of each, `CLASS.aedat`; others are
    /// left out.
    #[schemars(length(min = 2))]
    pub classes: Vec<String>,
    /// How long a window is, in milliseconds. Each becomes a sequence.
    #[schemars(range(min = 1, max = 4_000_000))]
    pub window_ms: u64,
    /// From the start of a training window to that of the next, in milliseconds: below `window_ms` they overlap.
    /// `window_ms` when absent. Test windows lie side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_000_000))]
    pub stride_ms: Option<u64>,
    /// How events become frames.
    #[serde(default)]
    pub frames: FramesConfig,
}

/// What is made of a recording.
struct RecordingPlan {
    label: u32,
    windows: Windows,
}

impl DatasetSpec for DvsRecordingsConfig {
    /// How many windows there are is not known without the recordings: 0.
    fn shape(&self, time_steps: usize) -> Result<DataShape> {
        Ok(self.sequences(time_steps).shape(0, 0))
    }

    fn mistakes(&self) -> Vec<(String, String)> {
        let mut mistakes: Vec<_> = self.frames.mistake("dvs_recordings", aedat::SIDE).into_iter().collect();
        let key = |name: &str| format!("data.dataset.dvs_recordings.{name}");
        let mut known = BTreeSet::new();
        if let Some(class) = self.classes.iter().find(|class| !known.insert(*class)) {
            mistakes.push((key("classes"), format!("expected every class once, found {class:?} twice")));
        }
        if let Some(class) = self.classes.iter().find(|class| Path::new(class).file_name() != Some(class.as_ref())) {
            let problem = format!("expected the names of files without `.aedat`, found {class:?}");
            mistakes.push((key("classes"), problem));
        }
        for (name, session) in [("train", &self.train), ("test", &self.test)] {
            if plain(session).is_none() {
                let problem = format!("expected a folder within data.dataset.dvs_recordings.path, found {session:?}");
                mistakes.push((key(name), problem));
            }
        }
        if plain(&self.train).is_some() && plain(&self.train) == plain(&self.test) {
            let problem = format!("expected another session than the training one, found {:?} for both", self.test);
            mistakes.push((key("test"), problem));
        }
        mistakes
    }

    fn load(&self, time_steps: usize) -> Result<Dataset> {
        let sequences = self.sequences(time_steps);
        sequences.load(self.recordings()?, |RecordingPlan { label, windows }, path, content| {
            let events = aedat::events(content, path)?;
            let cut = windows.split(&events, path)?;
            let item = |window| sequences.item(*label, within(&events, window), window, path);
            Ok(Decoding { items: cut.windows.iter().map(item).collect::<Result<_>>()?, left_out: cut.left_out() })
        })
    }

    fn checksums(&self, time_steps: usize) -> Result<BTreeMap<String, String>> {
        self.sequences(time_steps).checksums(self.recordings()?)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.path]
    }

    fn class_names(&self) -> Option<Vec<String>> {
        Some(self.classes.clone())
    }

    fn is_own(&self) -> bool {
        true
    }
}

impl DvsRecordingsConfig {
    fn sequences(&self, time_steps: usize) -> Sequences<'_> {
        Sequences { time_steps, frames: &self.frames, side: aedat::SIDE, classes: self.classes.len() }
    }

    /// The recordings of both sessions.
    fn recordings(&self) -> Result<Recordings<'_, RecordingPlan>> {
        let stride_ms = self.stride_ms.unwrap_or(self.window_ms);
        let recordings = Recordings {
            set: "dvs_recordings",
            folder: &self.path,
            splits: [self.session(&self.train, stride_ms), self.session(&self.test, self.window_ms)],
            settings: json!({ "window_ms": self.window_ms, "stride_ms": stride_ms, "sessions": [self.train, self.test] }),
        };
        self.check(&recordings)?;
        Ok(recordings)
    }

    /// A session's recording of every class, cut into windows.
    fn session(&self, session: &Path, stride_ms: u64) -> Vec<SourceFile<RecordingPlan>> {
        let [length, stride] = [self.window_ms, stride_ms].map(|milliseconds| milliseconds.saturating_mul(1_000));
        let windows = Windows { length, stride };
        let source = |(label, class): (u32, &String)| {
            let path = session.join(format!("{class}.aedat"));
            SourceFile { path, about: RecordingPlan { label, windows } }
        };
        (0..).zip(&self.classes).map(source).collect()
    }

    fn check(&self, recordings: &Recordings<'_, RecordingPlan>) -> Result<()> {
        let layout = RecordingFolders {
            path: &self.path,
            set: "data set's",
            key: "dvs_recordings",
            holds: "a folder for each session and there a recording for each class, such as session/class.aedat",
            extension: "aedat",
        };
        let paths: Vec<PathBuf> = recordings.splits.iter().flatten().map(|source| source.path.clone()).collect();
        layout.check(&paths)
    }
}

/// A folder within another by the names of its parts; `None` of a path that leads out of it.
fn plain(session: &Path) -> Option<Vec<&OsStr>> {
    let part = |part| match part {
        Component::Normal(name) => Some(Some(name)),
        Component::CurDir => Some(None),
        _ => None,
    };
    session.components().map(part).collect::<Option<Vec<_>>>().map(|parts| parts.into_iter().flatten().collect())
}
