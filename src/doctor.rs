//! Whether a run folder is whole, and what can be done with it.

use crate::checkpoint;
use crate::durable::{beside, sha256_hex};
use crate::error::{Error, Result};
use crate::experiment::{Checked, Experiment};
use crate::metrics;
use crate::network::Network;
use crate::provenance::{Outcome, Provenance};
use crate::run::{RunFolder, Which};
use candle_core::Device;
use std::path::Path;

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `checkpoints/last` and so on.
    pub what: String,
    pub found: String,
    /// Whether something is wrong with it.
    pub wrong: bool,
}

/// All findings, and what follows from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    pub findings: Vec<Finding>,
    /// A sentence: complete, to be resumed from where, or lost.
    pub verdict: String,
}

impl Diagnosis {
    /// Whether anything is wrong.
    pub fn is_healthy(&self) -> bool {
        self.findings.iter().all(|finding| !finding.wrong)
    }
}

/// Looks at a run folder, and changes nothing.
///
/// # Errors
/// Never for what is wrong inside the folder: that is a [`Finding`].
pub fn examine(run: &RunFolder) -> Result<Diagnosis> {
    let mut doctor = Doctor { run, findings: Vec::new() };
    let experiment = doctor.note("config.toml", Experiment::load(&run.config(), &[]), |checked| {
        format!("{}, {} epochs", checked.experiment.name, checked.experiment.training.epochs)
    });
    doctor.note("provenance.json", Provenance::load(&run.provenance()), |provenance| {
        format!("{} sessions, {}", provenance.sessions.len(), outcome(&provenance.outcome, run.is_at_work()))
    });
    doctor.metrics();
    let checked = experiment.as_ref();
    let last = run.checkpoint(Which::Last);
    let mut usable = None;
    for (folder, role) in [
        (last.clone(), Role::Itself),
        (beside(&last, ".new"), Role::Beside),
        (beside(&last, ".previous"), Role::Beside),
    ] {
        let found = doctor.checkpoint(&folder, checked, role);
        usable = usable.or(found);
    }
    doctor.checkpoint(&run.checkpoint(Which::Best), checked, Role::Itself);
    let verdict = verdict(run, checked, usable);
    Ok(Diagnosis { findings: doctor.findings, verdict })
}

struct Doctor<'a> {
    run: &'a RunFolder,
    findings: Vec<Finding>,
}

impl Doctor<'_> {
    fn note<T>(&mut self, what: &str, read: Result<T>, describe: impl FnOnce(&T) -> String) -> Option<T> {
        let (found, wrong) = match &read {
            Ok(value) => (describe(value), false),
            Err(error) => (error.to_string(), true),
        };
        self.findings.push(Finding { what: what.into(), found, wrong });
        read.ok()
    }

    /// The epochs of `metrics.jsonl` must be 1, 2, 3 and so on.
    fn metrics(&mut self) {
        let path = self.run.metrics_jsonl();
        if !path.exists() {
            self.findings.push(Finding { what: "metrics.jsonl".into(), found: "not there yet".into(), wrong: false });
            return;
        }
        let read = metrics::read(&path).and_then(|lines| match (1..).zip(&lines).find(|(n, line)| line.epoch != *n) {
            None => Ok(lines.len()),
            Some((n, line)) => Err(Error::Run(format!("line {n}: expected epoch {n}, found epoch {}", line.epoch))),
        });
        self.note("metrics.jsonl", read, |epochs| format!("{epochs} epochs"));
    }

    /// Where a checkpoint goes on from, as (epoch, step), if it can be resumed.
    fn checkpoint(&mut self, folder: &Path, checked: Option<&Checked>, role: Role) -> Option<(usize, usize)> {
        let what = folder.strip_prefix(self.run.path()).unwrap_or(folder).display().to_string();
        if !folder.exists() {
            if role == Role::Itself {
                let found = "not there yet".into();
                self.findings.push(Finding { what, found, wrong: false });
            }
            return None;
        }
        let read = checkpoint::load_exactly(folder, &Device::Cpu).and_then(|checkpoint| {
            let Some(Checked { experiment, plan, .. }) = checked else { return Ok((checkpoint.progress, false)) };
            let mut network = Network::build(&experiment.network, plan.clone(), experiment.seed, &Device::Cpu)?;
            checkpoint::matching(&network.state_shapes(), &checkpoint.model, &folder.join("model.safetensors"))?;
            let config = std::fs::read(self.run.config()).map_err(Error::io("read", self.run.config()))?;
            let ours = checkpoint.progress.config_sha256 == sha256_hex(&config);
            Ok((checkpoint.progress, ours))
        });
        if let (Role::Beside, Err(_)) = (role, &read) {
            let found =
                "not whole: the run was killed while it wrote or removed it; the next save clears it away".into();
            self.findings.push(Finding { what, found, wrong: false });
            return None;
        }
        let (progress, ours) = self.note(&what, read, |(progress, ours)| {
            let other = if *ours { "" } else { "; of another config than config.toml" };
            format!("epoch {}, step {}, checksums agree{other}", progress.epoch, progress.step)
        })?;
        if let (false, Some(finding)) = (ours, self.findings.last_mut()) {
            finding.wrong = true;
        }
        ours.then_some((progress.epoch, progress.step))
    }
}

/// Whether a checkpoint must be whole, or is one that a kill may have cut short.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Itself,
    Beside,
}

fn outcome(outcome: &Outcome, held: bool) -> String {
    match outcome {
        Outcome::Running if held => "a process works on it".into(),
        Outcome::Running => "killed: no process works on it, and it did not say how it ended".into(),
        Outcome::Completed => "completed".into(),
        Outcome::Interrupted => "interrupted".into(),
        Outcome::Failed(error) => format!("failed: {error}"),
    }
}

fn verdict(run: &RunFolder, checked: Option<&Checked>, usable: Option<(usize, usize)>) -> String {
    let path = run.path().display();
    let Some(Checked { experiment, .. }) = checked else {
        return "config.toml cannot be used, and without it nothing can be resumed: write it back, the checkpoints say whether it is \
                the same"
            .into();
    };
    if run.is_at_work() {
        return "a process works on this run; look again when it has ended".into();
    }
    let last = run.checkpoint(Which::Last);
    match usable {
        Some((epoch, _)) if epoch >= experiment.training.epochs => format!("complete: all {epoch} epochs are done"),
        Some((epoch, 0)) => format!("`bntt resume {path}` goes on after epoch {epoch}"),
        Some((epoch, step)) => format!("`bntt resume {path}` goes on after epoch {epoch} and {step} steps"),
        None if !last.exists() && !beside(&last, ".previous").exists() => {
            format!("`bntt resume {path}` begins at the first step: there is no checkpoint yet")
        }
        None => "no checkpoint can be used: the run cannot be resumed".into(),
    }
}
