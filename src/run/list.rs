//! All runs under a folder.

use super::{RunFolder, versions};
use crate::error::{Error, Result};
use crate::metrics::{self, EpochMetrics};
use crate::provenance::{Outcome, Provenance};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// One run at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    pub path: PathBuf,
    /// `running`, `completed`, `interrupted`, `failed`, or `damaged` when its files cannot be read.
    pub state: String,
    pub epochs_done: usize,
    /// Best top-1 accuracy on the test images in percent, and its epoch.
    pub best: Option<(f64, usize)>,
    /// RFC 3339.
    pub started: String,
}

/// Every run under `root`, by name and version. A folder that cannot be read is listed as damaged.
pub fn list(root: &Path) -> Result<Vec<RunSummary>> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", root)(e)),
    };
    let mut names: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|p| p.is_dir()).collect();
    names.sort();
    let mut runs = Vec::new();
    for name in names {
        runs.extend(versions(&name)?.into_iter().filter(|(_, path)| path.is_dir()).map(|(_, path)| summary(path)));
    }
    Ok(runs)
}

fn summary(path: PathBuf) -> RunSummary {
    let folder = RunFolder { path };
    let provenance = Provenance::load(&folder.provenance());
    let epochs = if folder.metrics_jsonl().exists() { metrics::read(&folder.metrics_jsonl()) } else { Ok(Vec::new()) };
    let (state, started) = match (&provenance, &epochs) {
        (Ok(provenance), Ok(_)) => (provenance.outcome.word().to_string(), provenance.started.clone()),
        (Ok(provenance), Err(_)) => ("damaged".to_string(), provenance.started.clone()),
        (Err(_), _) => ("damaged".to_string(), String::new()),
    };
    let epochs = epochs.unwrap_or_default();
    RunSummary { path: folder.path, state, epochs_done: epochs.len(), best: best(&epochs), started }
}

fn best(epochs: &[EpochMetrics]) -> Option<(f64, usize)> {
    let tested = epochs.iter().filter_map(|line| Some((line.test.as_ref()?.top1, line.epoch)));
    // Of equal epochs the first: it is the one whose weights were kept.
    tested.fold(None, |best, found| match best {
        Some((top1, _)) if found.0 <= top1 => best,
        _ => Some(found),
    })
}

impl Outcome {
    /// One word for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Interrupted => "interrupted",
            Self::Failed { .. } => "failed",
        }
    }
}
