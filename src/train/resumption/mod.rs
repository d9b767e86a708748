//! Whether, and from where, a run can go on: what `bntt resume` does and `bntt doctor` says, by the same code. Looking
//! changes nothing.
//!
//! A run goes on from the newest checkpoint that is whole, belongs to its config and knows of records that are still
//! there, byte by byte. Anything else is refused, so that what comes of it is the run that was never disturbed. A user
//! may accept records or data that are not what they were: the run then says so of itself.

mod continuation;
mod examiner;
mod remains;

pub use continuation::{Continuation, load};

use crate::error::{Error, Result};
use crate::experiment::CheckedExperiment;
use crate::run::RunFolder;
use crate::run::checkpoint::Checkpoint;
use crate::run::identity::{self, Checksums};
use crate::run::provenance::Provenance;
use crate::run::records::VerifiedRecords;
use crate::train::longer::Longer;
use candle_core::Device;
use examiner::Examiner;

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFinding {
    /// `checkpoints/last` and so on.
    pub what: String,
    pub found: String,
    /// Whether something is wrong with it.
    pub wrong: bool,
}

/// What a user takes as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Records that were damaged or lost: what can be read of them is kept. A best checkpoint too.
    pub records: bool,
    /// Data that have changed.
    pub data: bool,
}

/// All findings, and what follows from them.
pub struct Examination {
    pub findings: Vec<RunFinding>,
    pub verdict: Result<Verdict>,
}

/// What can be done with a run.
pub enum Verdict {
    /// All its epochs are done, or as many as early stopping lets it. Where its growing files hold more than its
    /// records, or the table something else, what is to be kept of them.
    Complete {
        epochs: usize,
        ended_early: Option<String>,
        untidy: Option<Box<VerifiedRecords>>,
    },
    /// It was made of another run, or of a file of weights, in words: nothing was trained.
    Untrained(&'static str),
    GoesOn(Box<ResumePoint>),
}

impl Verdict {
    /// Whether the run can go on for longer from there.
    ///
    /// # Errors
    /// As [`Longer::check`].
    pub fn check_longer(&self, run: &RunFolder, longer: &Longer) -> Result<()> {
        match self {
            Self::Complete { epochs, .. } => longer.check(run, *epochs, false),
            // Refused in any case, for longer or not.
            Self::Untrained(_) => Ok(()),
            Self::GoesOn(point) => {
                longer.check(run, point.checkpoint.progress.epoch, point.checkpoint.progress.step > 0)
            }
        }
    }
}

/// Where a run goes on.
pub struct ResumePoint {
    pub checkpoint: Checkpoint,
    pub records: VerifiedRecords,
    /// What the user has accepted, and what therefore has to be put aside, as sentences.
    pub losses: Vec<String>,
}

/// Examines a run whose config says `checked`.
pub fn examine(run: &RunFolder, checked: &CheckedExperiment, accepted: Accepted, device: &Device) -> Examination {
    let mut examiner = Examiner { run, checked, accepted, findings: Vec::new() };
    let verdict = examiner.verdict(device);
    Examination { findings: examiner.findings, verdict }
}

/// Refuses data that are not those of the run's beginning.
///
/// # Errors
/// [`Error::Data`] that names what has changed, as far as provenance.json tells.
pub fn check_data(run: &RunFolder, checkpoint: &Checkpoint, now: &Checksums) -> Result<()> {
    if checkpoint.progress.data_sha256 == Some(identity::data_sha256(now)) {
        return Ok(());
    }
    let before = Provenance::load(&run.provenance()).map(|provenance| provenance.data).unwrap_or_default();
    let mut changed = identity::changed_data(&before, now);
    if before.is_empty() || changed.is_empty() {
        changed = vec!["their checksums are others".into()];
    }
    let more = changed.len().saturating_sub(5);
    changed.truncate(5);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Err(Error::Data(format!(
        "the data are not those that {} began with: {}{more}. Put them back, or name the folder where they lie now, as in \
         data.dataset.cifar10.path=DIR; --accept-changed-data goes on all the same and records it.",
        run.path().display(),
        changed.join(", ")
    )))
}
