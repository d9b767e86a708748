//! How a run stands before it is begun and after its process has ended, where others may work on it too.

use super::Event;
use super::child::Child;
use crate::error::Reason;
use crate::error::Result;
use crate::run::RunFolder;
use crate::run::provenance::{Outcome, Provenance};
use crate::sweep::Planned;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// A run whose turn is to come.
pub struct Waiting<'a> {
    pub run: &'a Planned,
    /// How often it had been worked on where it was found failed before: it is tried again, but not what others fail meanwhile.
    pub failed_after: Option<usize>,
    /// Whether it was told of that it is at work elsewhere.
    pub passed_over: bool,
}

impl<'a> Waiting<'a> {
    pub fn new(run: &'a Planned) -> Self {
        Self { run, failed_after: None, passed_over: false }
    }

    /// With what its folder below `runs` says of the past.
    pub fn read(run: &'a Planned, runs: &Path) -> Self {
        let failed = run.summary(runs).ok().flatten().filter(|summary| summary.state == "failed");
        let failed_after = failed.and_then(|summary| Some(provenance(summary.path).ok()?.sessions.len()));
        Self { failed_after, ..Self::new(run) }
    }
}

/// What a run's folder says before the run is begun.
pub enum Found {
    Due,
    AtWork,
    Completed,
    /// With the error.
    Failed(String),
}

pub fn look(waiting: &Waiting<'_>, runs: &Path) -> Found {
    let summary = match waiting.run.summary(runs) {
        Ok(Some(summary)) => summary,
        Ok(None) => return Found::Due,
        Err(error) => return Found::Failed(error.to_string()),
    };
    match summary.state {
        "completed" => Found::Completed,
        "running" => Found::AtWork,
        "failed" => match provenance(summary.path) {
            Ok(Provenance { outcome: Outcome::Failed(error), sessions, .. })
                if Some(sessions.len()) != waiting.failed_after =>
            {
                Found::Failed(format!("failed in another process: {error}"))
            }
            _ => Found::Due,
        },
        _ => Found::Due,
    }
}

/// What became of a run whose process ended, by its exit code and by what its folder says. The exit code of one that found another at its run is that
/// of a failure.
pub fn judge<'a>(child: &Child<'a>, status: ExitStatus, runs: &Path) -> Event<'a> {
    let run = child.run;
    let summary = match run.summary(runs) {
        Ok(summary) => summary,
        Err(error) => return Event::Failed { run, said: error.to_string() },
    };
    let state = summary.as_ref().map_or("not run", |summary| summary.state);
    let done = summary.is_some_and(|summary| summary.epochs.is_some_and(|asked| summary.epochs_done >= asked));
    let as_told =
        |reason: Reason| status.signal() == Some(reason.signal()) || status.code() == Some(reason.exit_code().into());
    match state {
        _ if status.success() && (done || state == "completed") => {
            Event::Completed { run, seconds: child.started.elapsed().as_secs_f64() }
        }
        "completed" => Event::CompletedElsewhere { run },
        "running" => Event::AtWork { run },
        // 128 and the signal's number, or 0 for one that is no failure.
        "interrupted" if matches!(status.code(), Some(0 | 129..)) => Event::Stopped { run },
        // Before it could save anything.
        _ if child.told.is_some_and(as_told) => Event::Stopped { run },
        state => {
            let ended = || format!("its process ended with {status}, and left it {state}");
            Event::Failed { run, said: child.error().filter(|said| !said.is_empty()).unwrap_or_else(ended) }
        }
    }
}

fn provenance(run: PathBuf) -> Result<Provenance> {
    Provenance::load(&RunFolder::at(run).provenance())
}
