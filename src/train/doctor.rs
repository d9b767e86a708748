//! Whether a run folder is whole, and what can be done with it.

use crate::config;
use crate::error::Result;
use crate::experiment::{CheckedExperiment, Experiment, KeptCheckpoints, SHARED};
use crate::run::provenance::{Outcome, Provenance};
use crate::run::{RunFolder, checkpoint};
use crate::terminal::amounts;
use crate::train::memory_check::refuse_what_does_not_fit;
use crate::train::resumption::{self, Accepted, Continuation, Examination, RunFinding, Verdict};
use candle_core::Device;

/// All findings, and what follows from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    pub findings: Vec<RunFinding>,
    /// A sentence: complete, to be resumed from where, or why it cannot be.
    pub verdict: String,
    /// Whether `bntt resume` would do its work here and now.
    pub resumable: bool,
}

impl Diagnosis {
    /// Whether nothing is wrong and the run is complete, at work, or can be resumed.
    pub fn is_healthy(&self) -> bool {
        self.resumable && self.findings.iter().all(|finding| !finding.wrong)
    }
}

/// Looks at a run folder, and changes nothing. What is wrong inside the folder is a [`RunFinding`].
pub fn examine(run: &RunFolder, overrides: &[String]) -> Diagnosis {
    let mut findings = Vec::new();
    let mut note = |what: &str, found: std::result::Result<String, String>| {
        let wrong = found.is_err();
        findings.push(RunFinding { what: what.into(), found: found.unwrap_or_else(|problem| problem), wrong });
    };
    let held = run.is_at_work();
    let own = config::load::<Experiment>(&run.config(), &[], &SHARED).map(|loaded| loaded.value);
    let name = |own: &Experiment| format!("{}, {} epochs", own.name, own.training.epochs);
    note("config.toml", own.as_ref().map(name).map_err(ToString::to_string));
    let provenance = Provenance::load(&run.provenance());
    let sessions = |provenance: &Provenance| {
        format!("{} sessions, {}", provenance.sessions.len(), outcome(&provenance.outcome, held))
    };
    note("provenance.json", provenance.as_ref().map(sessions).map_err(ToString::to_string));
    if own.is_err() {
        let verdict = "config.toml cannot be used, and without it nothing can be resumed: write it back, the checkpoints say whether it is \
                       the same";
        return Diagnosis { findings, verdict: verdict.into(), resumable: false };
    }
    if held {
        let verdict = "a process works on this run; look again when it has ended";
        return Diagnosis { findings, verdict: verdict.into(), resumable: true };
    }
    let verdict = resumption::load(run, overrides).and_then(|continued| judge(run, &continued, &mut findings));
    let resumable = verdict.is_ok();
    let verdict = verdict.unwrap_or_else(|problem| format!("it cannot be resumed: {problem}"));
    Diagnosis { findings, verdict, resumable }
}

/// What `bntt resume` would do, in words.
fn judge(run: &RunFolder, continued: &Continuation, findings: &mut Vec<RunFinding>) -> Result<String> {
    let Continuation { checked, longer } = continued;
    let Examination { findings: more, verdict } = resumption::examine(run, checked, Accepted::default(), &Device::Cpu);
    findings.extend(more);
    let path = run.path().display();
    let verdict = verdict?;
    if let Some(longer) = longer {
        verdict.check_longer(run, longer)?;
    }
    if let Verdict::Complete { .. } = &verdict
        && checked.experiment.training.keep == KeptCheckpoints::Best
        && let bytes @ 1.. = checkpoint::bytes_to_let_go(run)
    {
        let found =
            format!("{} are to be let go (training.keep); `bntt resume` does so", amounts::bytes(bytes as usize));
        findings.push(RunFinding { what: "checkpoints".into(), found, wrong: false });
    }
    Ok(match verdict {
        Verdict::Complete { ended_early: Some(why), .. } => format!("complete: {why}"),
        Verdict::Complete { epochs, .. } => format!("complete: all {epochs} epochs are done"),
        Verdict::Untrained(origin) => format!("complete: it was {origin}"),
        Verdict::GoesOn(point) => {
            here(run, checked, &point, findings)?;
            let progress = &point.checkpoint.progress;
            match (progress.epoch, progress.step) {
                (epoch, 0) if checked.experiment.training.is_trained(epoch, progress.best_epoch) => {
                    let early = checked.experiment.training.early_end(epoch, progress.best_epoch);
                    let why = early.unwrap_or_else(|| format!("all {epoch} epochs are done"));
                    format!("{why}: `bntt resume {path}` reads the test images")
                }
                (0, 0) => format!("`bntt resume {path}` begins at the first step"),
                (epoch, 0) => format!("`bntt resume {path}` goes on after epoch {epoch}"),
                (epoch, step) => format!("`bntt resume {path}` goes on after epoch {epoch} and {step} steps"),
            }
        }
    })
}

/// Whether the data, the device and the memory for it are here.
fn here(
    run: &RunFolder,
    checked: &CheckedExperiment,
    point: &resumption::ResumePoint,
    findings: &mut Vec<RunFinding>,
) -> Result<()> {
    let device = checked.experiment.training.open_device()?;
    refuse_what_does_not_fit(checked, &device, false)?;
    let data = checked.experiment.data.dataset.spec().checksums(checked.experiment.network.time_steps);
    let agrees = data.and_then(|sums| {
        resumption::check_data(run, &point.checkpoint, &sums)?;
        Ok(format!("{} files, as when the run began", sums.len()))
    });
    let wrong = agrees.is_err();
    let found = agrees.as_ref().map_or_else(ToString::to_string, Clone::clone);
    findings.push(RunFinding { what: "data".into(), found, wrong });
    agrees.map(drop)
}

fn outcome(outcome: &Outcome, held: bool) -> String {
    match outcome {
        Outcome::Running if held => "a process works on it".into(),
        Outcome::Running => "killed: no process works on it, and it did not say how it ended".into(),
        Outcome::Completed => "completed".into(),
        Outcome::Converted => "converted from another run".into(),
        Outcome::Imported => "imported from a file of weights".into(),
        Outcome::Interrupted => "interrupted".into(),
        Outcome::Failed(error) => format!("failed: {error}"),
    }
}
