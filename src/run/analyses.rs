//! What was measured on a run's network after training: `analyses/<command>-<checksum>.json`, a file for each command
//! with its settings.
//!
//! `bntt eval`, `energy`, `attack` and `early-exit` leave one in the run's folder, in place of an earlier one of the
//! same settings. Tables take their numbers from there, by name ([`RecordedAnalysis::measures`]).

use crate::error::{Error, Result};
use crate::files::atomic::{create_folders, sha256_hex, write_atomically};
use crate::files::reading;
use crate::run::checkpoint::TrainingProgress;
use crate::run::{CheckpointKind, RunFolder};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Bytes of a file. The largest have some numbers a layer, time-step and confidence.
const LARGEST_FILE: u64 = 1 << 24;
/// Hexadecimal digits of the checksum in a file's name.
const DIGITS: usize = 8;

/// What a command found, with what, and of which weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedAnalysis {
    /// `eval`, `energy`, `attack` or `early-exit`.
    pub command: String,
    pub bntt_version: String,
    /// RFC 3339, UTC.
    pub ended: String,
    pub checkpoint: AnalysedCheckpoint,
    /// Values that replaced the run's, as they were written: `data.limit.test=1000`.
    pub overrides: Vec<String>,
    /// What else decides the numbers, by the names of the command's options.
    pub settings: Json,
    /// What of the settings a table has to say beside a measure, such as `threshold 0.3`: those that are not the
    /// command's own.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// What a table can show, by name, such as `energy.ratio` or `attack.fgsm@8/255`. Accuracies are in percent,
    /// energies in microjoule an image.
    pub measures: BTreeMap<String, f64>,
    /// All numbers, as the command prints them with `--format json`.
    pub results: Json,
}

/// The weights that were measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalysedCheckpoint {
    /// `best`, `last` or `recalibrated`.
    pub which: String,
    /// Epochs that they were trained for.
    pub epoch: usize,
    /// SHA-256 of the checkpoint's model.safetensors.
    pub model_sha256: String,
}

impl AnalysedCheckpoint {
    /// A run's checkpoint as it is now.
    ///
    /// # Errors
    /// [`Error::Weights`] where its `progress.toml` cannot be read.
    pub fn read(run: &RunFolder, which: CheckpointKind) -> Result<Self> {
        let TrainingProgress { epoch, model_sha256, .. } = TrainingProgress::load(&run.checkpoint(which))?;
        Ok(Self { which: which.name().into(), epoch, model_sha256 })
    }
}

impl RecordedAnalysis {
    /// What a command has just found.
    pub fn new(command: &str, checkpoint: AnalysedCheckpoint, overrides: &[String]) -> Self {
        Self {
            command: command.into(),
            bntt_version: env!("CARGO_PKG_VERSION").into(),
            ended: jiff::Timestamp::now().to_string(),
            checkpoint,
            overrides: overrides.to_vec(),
            settings: Json::Null,
            conditions: Vec::new(),
            measures: BTreeMap::new(),
            results: Json::Null,
        }
    }

    /// Writes it into the run's folder, in place of what the same command found with the same settings.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder or the file cannot be written.
    pub fn save(&self, run: &RunFolder) -> Result<PathBuf> {
        let folder = run.analyses();
        create_folders(&folder)?;
        let Self { command, checkpoint, overrides, settings, .. } = self;
        let decides = serde_json::json!([checkpoint.which, overrides, settings]).to_string();
        let checksum: String = sha256_hex(decides.as_bytes()).chars().take(DIGITS).collect();
        let path = folder.join(format!("{command}-{checksum}.json"));
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|e| Error::Run(format!("cannot write {}: {e}.", path.display())))?;
        write_atomically(&path, format!("{text}\n").as_bytes())?;
        Ok(path)
    }
}

/// A run's analyses, the newest last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Analyses {
    pub found: Vec<RecordedAnalysis>,
    /// Files that cannot be read, as sentences.
    pub problems: Vec<String>,
}

impl Analyses {
    /// Reads a run's folder. One without analyses has none.
    pub fn read(run: &RunFolder) -> Self {
        let mut analyses = Self::default();
        let folder = run.analyses();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return analyses,
            Err(e) => {
                analyses.problems.push(format!("{} cannot be read: {e}.", folder.display()));
                return analyses;
            }
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension() != Some(OsStr::new("json")) {
                continue;
            }
            let text = reading::text(&path, LARGEST_FILE).map_err(|e| e.to_string());
            match text.and_then(|text| serde_json::from_str(&text).map_err(|e| e.to_string())) {
                Ok(analysis) => analyses.found.push(analysis),
                Err(problem) => analyses.problems.push(format!("{} cannot be read: {problem}.", path.display())),
            }
        }
        analyses.found.sort_by(|a, b| (&a.ended, &a.command).cmp(&(&b.ended, &b.command)));
        analyses.problems.sort();
        analyses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn analysis(command: &str, ended: &str, settings: Json) -> RecordedAnalysis {
        let checkpoint = AnalysedCheckpoint { which: "best".into(), epoch: 8, model_sha256: "ab".into() };
        let measures = [("attack.fgsm@8/255".to_string(), 12.5)].into();
        RecordedAnalysis {
            ended: ended.into(),
            settings,
            measures,
            ..RecordedAnalysis::new(command, checkpoint, &["data.limit.test=100".into()])
        }
    }

    #[test]
    fn the_same_settings_replace_each_other_and_others_stand_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::at(folder.path().join("name/v0001"));
        assert_eq!(Analyses::read(&run), Analyses::default());
        let later = analysis("attack", "2026-01-03T00:00:00Z", serde_json::json!({ "draws": 3 }));
        analysis("attack", "2026-01-01T00:00:00Z", serde_json::json!({ "draws": 3 })).save(&run).unwrap();
        let path = later.save(&run).unwrap();
        let other = analysis("attack", "2026-01-02T00:00:00Z", serde_json::json!({ "draws": 1 }));
        other.save(&run).unwrap();
        assert_eq!(Analyses::read(&run).found, [other, later]);
        fs::write(&path, "{").unwrap();
        let damaged = Analyses::read(&run);
        assert_eq!((damaged.found.len(), damaged.problems.len()), (1, 1));
        assert!(damaged.problems[0].starts_with(&format!("{} cannot be read: ", path.display())));
    }
}
