//! How a run stands before it is begun and after its process has ended, where others may work on it too.

use super::JobEvent;
use super::child::Child;
use crate::error::Result;
use crate::error::StopReason;
use crate::run::RunFolder;
use crate::run::provenance::{Outcome, Provenance};
use crate::sweep::SweepRun;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// A run whose turn is to come.
pub struct QueuedRun<'a> {
    pub run: &'a SweepRun,
    /// How often it had been worked on where it was found failed before: it is tried again, but not what others fail
    /// meanwhile.
    pub failed_after: Option<usize>,
    /// Whether it was told of that it is at work elsewhere.
    pub passed_over: bool,
}

impl<'a> QueuedRun<'a> {
    pub fn new(run: &'a SweepRun) -> Self {
        Self { run, failed_after: None, passed_over: false }
    }

    /// With what its folder below `runs` says of the past.
    pub fn read(run: &'a SweepRun, runs: &Path) -> Self {
        let failed = run.summary(runs).ok().flatten().filter(|summary| summary.state == "failed");
        let failed_after = failed.and_then(|summary| Some(provenance(summary.path).ok()?.sessions.len()));
        Self { failed_after, ..Self::new(run) }
    }
}

/// What a run's folder says before the run is begun.
pub enum FolderState {
    Due,
    AtWork,
    Completed,
    /// With the error.
    Failed(String),
}

pub fn look(waiting: &QueuedRun<'_>, runs: &Path) -> FolderState {
    let summary = match waiting.run.summary(runs) {
        Ok(Some(summary)) => summary,
        Ok(None) => return FolderState::Due,
        Err(error) => return FolderState::Failed(error.to_string()),
    };
    match summary.state {
        "completed" => FolderState::Completed,
        "running" => FolderState::AtWork,
        "failed" => match provenance(summary.path) {
            Ok(Provenance { outcome: Outcome::Failed(error), sessions, .. })
                if Some(sessions.len()) != waiting.failed_after =>
            {
                FolderState::Failed(format!("failed in another process: {error}"))
            }
            _ => FolderState::Due,
        },
        _ => FolderState::Due,
    }
}

/// What became of a run whose process ended, by its exit code and by what its folder says. The exit code of one that
/// found another at its run is that of a failure.
pub fn judge<'a>(child: &Child<'a>, status: ExitStatus, runs: &Path) -> JobEvent<'a> {
    let run = child.run;
    let summary = match run.summary(runs) {
        Ok(summary) => summary,
        Err(error) => return JobEvent::Failed { run, said: error.to_string() },
    };
    let state = summary.as_ref().map_or("not run", |summary| summary.state);
    let done = summary.is_some_and(|summary| summary.epochs.is_some_and(|requested| summary.epochs_done >= requested));
    let as_told = |reason: StopReason| {
        status.signal() == Some(reason.signal()) || status.code() == Some(reason.exit_code().into())
    };
    match state {
        _ if status.success() && (done || state == "completed") => {
            JobEvent::Completed { run, seconds: child.started.elapsed().as_secs_f64() }
        }
        "completed" => JobEvent::CompletedElsewhere { run },
        "running" => JobEvent::AtWork { run },
        // 128 and the signal's number, or 0 for one that is no failure.
        "interrupted" if matches!(status.code(), Some(0 | 129..)) => JobEvent::Stopped { run },
        // Before it could save anything.
        _ if child.told.is_some_and(as_told) => JobEvent::Stopped { run },
        state => {
            let ended = || format!("its process ended with {status}, and left it {state}");
            JobEvent::Failed { run, said: child.error().filter(|said| !said.is_empty()).unwrap_or_else(ended) }
        }
    }
}

fn provenance(run: PathBuf) -> Result<Provenance> {
    Provenance::load(&RunFolder::at(run).provenance())
}
