//! Whether, and from where, a run can go on: what `bntt resume` does and `bntt doctor` says, by the same code. Looking
//! changes nothing.
//!
//! A run goes on from the newest checkpoint that is whole, belongs to its config and knows of records that are still
//! there, byte by byte. Anything else is refused, so that what comes of it is the run that was never disturbed. A user
//! may accept records or data that are not what they were: the run then says so of itself.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use candle_core::Device;
use sha2::Sha256;

use crate::config;
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, Experiment, SHARED};
use crate::files::atomic::{beside, sha256_hex};
use crate::files::reading;
use crate::optimizers::Optimizer;
use crate::run::checkpoint::{self, Checkpoint, KeptTensors};
use crate::run::identity::{self, Checksums};
use crate::run::metrics;
use crate::run::provenance::{Outcome, Provenance};
use crate::run::records::{Records, VerifiedRecords, WrittenRecord};
use crate::run::{CheckpointKind, RunFolder};
use crate::train::initial::build_network;
use crate::train::longer::{Longer, is_of_earlier_config};

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

/// A run's experiment with values in place of its own.
pub struct Continuation {
    pub checked: CheckedExperiment,
    /// Where these values make it longer.
    pub longer: Option<Longer>,
}

/// The run's experiment with values in place of its own, none of which may change what was computed.
///
/// # Errors
/// [`Error::Run`] naming the keys that would; those of [`Experiment::load`].
pub fn load(run: &RunFolder, overrides: &[String]) -> Result<Continuation> {
    // Its data may be where the values say, and no more where it says itself.
    let own = config::load::<Experiment>(&run.config(), &[], &SHARED)?.value;
    let mut checked = Experiment::load(&run.config(), overrides)?;
    checked.experiment.make_paths_absolute();
    let longer = Longer::between(&own, &checked.experiment)?;
    let expected = longer.as_ref().map_or(&own, |longer| &longer.experiment);
    let mut others = identity::differences(expected, &checked.experiment)?;
    // A name is no part of what is computed, but the folder has it.
    if checked.experiment.name != own.name {
        others.push(format!("name: {}, here {}", own.name, checked.experiment.name));
    }
    if checked.experiment.training.initial_weights != own.training.initial_weights {
        others.push("training.initial_weights, which the run has taken".into());
    }
    match others.is_empty() {
        true => Ok(Continuation { checked, longer }),
        false => Err(Error::Run(format!(
            "{} cannot be continued as another experiment ({}). What may be changed: where the data lie, training.threads, training.device, \
             training.checkpoint_every, training.keep, training.tensorboard and provenance; to train for longer, training.epochs, \
             training.early_stopping and schedule. For anything else start a new run, perhaps with training.initial_weights.",
            run.path().display(),
            others.join("; ")
        ))),
    }
}

struct Examiner<'a> {
    run: &'a RunFolder,
    checked: &'a CheckedExperiment,
    accepted: Accepted,
    findings: Vec<RunFinding>,
}

impl Examiner<'_> {
    fn note(&mut self, what: &str, found: String, wrong: bool) {
        self.findings.push(RunFinding { what: what.into(), found, wrong });
    }

    fn verdict(&mut self, device: &Device) -> Result<Verdict> {
        let (mut checkpoint, records) = self.last(device)?;
        match Provenance::load(&self.run.provenance()).map(|provenance| provenance.outcome) {
            Ok(Outcome::Converted) => return Ok(Verdict::Untrained("converted from another run")),
            Ok(Outcome::Imported) => return Ok(Verdict::Untrained("imported from a file of weights")),
            _ => {}
        }
        let mut losses = Vec::new();
        let verified = self.records(&checkpoint, &records, &mut losses);
        let best = self.best(&checkpoint, &mut losses);
        self.recalibrated();
        let (mut verified, ()) = (verified?, best?);
        let (done, experiment) = (checkpoint.progress.epoch, &self.checked.experiment);
        let best = checkpoint.progress.best_epoch;
        let trained = checkpoint.progress.step == 0 && experiment.training.is_trained(done, best);
        if !trained || (experiment.data.validation.is_some() && !checkpoint.progress.tested) || !losses.is_empty() {
            if checkpoint.progress.kept != KeptTensors::All {
                return Err(self.cannot_go_on());
            }
            self.log()?;
            if checkpoint.progress.tested {
                // It goes on, and the test comes at the end.
                checkpoint.progress.tested = false;
                verified = metrics::without_final_test(self.run, verified)?;
            }
            return Ok(Verdict::GoesOn(Box::new(ResumePoint { checkpoint, records: verified, losses })));
        }
        let untidy = if self.tidy(&verified.records)? { None } else { Some(Box::new(verified)) };
        Ok(Verdict::Complete { epochs: done, ended_early: experiment.training.early_end(done, best), untidy })
    }

    /// Of a run that was complete, and has let go of what it would go on from.
    fn cannot_go_on(&self) -> Error {
        let run = self.run.path().display();
        Error::Run(format!(
            "{run} cannot go on: training.keep = \"best\" let go of its last weights and its optimizer's state when it was complete. Begin a new \
             run, perhaps with training.initial_weights={run}."
        ))
    }

    /// The log must be a file that lines can be added to, or absent.
    fn log(&mut self) -> Result<()> {
        let path = self.run.log();
        match reading::own(OpenOptions::new().append(true), &path) {
            Err(problem) if problem.kind() != ErrorKind::NotFound => {
                let problem = Error::io("open", &path)(problem);
                let what = self.name(&path);
                self.note(&what, problem.to_string(), true);
                Err(problem)
            }
            _ => Ok(()),
        }
    }

    /// The newest checkpoint that can be used.
    fn last(&mut self, device: &Device) -> Result<(Checkpoint, Records)> {
        let folder = self.run.checkpoint(CheckpointKind::Last);
        let mut first: Option<Error> = None;
        let mut usable = None;
        for candidate in checkpoint::candidates(&folder) {
            let (itself, what) = (candidate == folder, self.name(&candidate));
            match (self.checkpoint(&candidate, device), candidate.exists()) {
                (Ok((checkpoint, records)), _) => {
                    let progress = &checkpoint.progress;
                    let held = match progress.kept {
                        KeptTensors::All => "checksums agree",
                        _ => "its weights were let go (training.keep)",
                    };
                    let found = format!("epoch {}, step {}, {held}", progress.epoch, progress.step);
                    self.note(&what, found, false);
                    usable = usable.or(Some((checkpoint, records)));
                }
                (Err(problem), exists) if itself => {
                    // One that is absent was to be replaced just then, by what lies beside it.
                    self.note(&what, problem.to_string(), exists);
                    first = Some(problem);
                }
                // The run was killed while it wrote or removed it; the next save clears it away.
                (Err(_), true) => self.note(&what, "not whole, and not needed".into(), false),
                (Err(_), false) => {}
            }
        }
        match (usable, first) {
            (Some(usable), first) => {
                if let Some(problem) = first {
                    tracing::warn!("{problem} The checkpoint {} is used instead.", usable.0.folder.display());
                }
                Ok(usable)
            }
            (None, Some(problem)) => {
                let what = self.name(&folder);
                self.findings.iter_mut().filter(|found| found.what == what).for_each(|found| found.wrong = true);
                Err(problem)
            }
            (None, None) => Err(Error::Weights(format!("there is no checkpoint {}.", folder.display()))),
        }
    }

    /// A checkpoint that is whole and belongs to the run.
    fn checkpoint(&self, folder: &Path, device: &Device) -> Result<(Checkpoint, Records)> {
        let CheckedExperiment { experiment, .. } = self.checked;
        let found = checkpoint::load_kept(folder, device)?;
        let refuse = |problem: &str| Err(Error::Run(format!("{}: {problem}", folder.display())));
        let config = fs::read(self.run.config()).map_err(Error::io("read", self.run.config()))?;
        let is_own = found.progress.config_sha256 == sha256_hex(&config);
        if !is_own && !is_of_earlier_config(self.run, &found.progress, experiment) {
            return refuse(&format!(
                "the checkpoint belongs to another config than {}, which has been changed since: restore it, or start a new run with \
                 training.initial_weights.",
                self.run.config().display()
            ));
        }
        if found.progress.data_sha256.is_none() {
            return refuse(
                "an older version of this program saved the checkpoint, without checksums of the data and the records: it can be evaluated and \
                 be the initial weights of a new run, but not be continued.",
            );
        }
        if found.progress.kept == KeptTensors::All {
            let network = build_network(self.checked, &Device::Cpu)?;
            checkpoint::matching(&network.state_shapes(), &found.model, &folder.join("model.safetensors"))?;
            let shapes = network.trained_parameters().into_iter().map(|(name, p)| (name, p.value.dims().to_vec()));
            Optimizer::new(&experiment.optimizer).load_state(&found.optimizer, &shapes.collect::<Vec<_>>())?;
        }
        match Records::load(folder) {
            Ok(records) => Ok((found, records)),
            Err(problem) => refuse(&format!("the checkpoint cannot be used: {problem}.")),
        }
    }

    /// The records that the checkpoint knows of, or what can be read of them.
    fn records(
        &mut self,
        checkpoint: &Checkpoint,
        records: &Records,
        losses: &mut Vec<String>,
    ) -> Result<VerifiedRecords> {
        let mut hashes = Vec::new();
        let mut problems = Vec::new();
        for (path, written) in [(self.run.metrics_jsonl(), &records.metrics), (self.run.steps(), &records.steps)] {
            let what = self.name(&path);
            match written.verify(&path) {
                Ok(hash) => {
                    self.note(&what, format!("{} bytes, as the checkpoint knows them", written.bytes), false);
                    hashes.push(hash);
                }
                Err(problem) => {
                    self.note(&what, problem.to_string(), true);
                    problems.push(problem.to_string());
                }
            }
        }
        if let [metrics, steps] = hashes.as_slice() {
            return Ok(VerifiedRecords { records: records.clone(), metrics: metrics.clone(), steps: steps.clone() });
        }
        let problem = problems.join(" ");
        if !self.accepted.records {
            return Err(Error::Run(format!(
                "{problem} Restore it from a copy; --accept-damaged-records goes on with what can be read of it and records that."
            )));
        }
        losses.push(problem);
        let [metrics, steps] = metrics::readable(self.run, checkpoint.progress.epoch, checkpoint.progress.step)?;
        let kept =
            |path: &Path, bytes: u64| -> Result<(WrittenRecord, Sha256)> { WrittenRecord::first_of(path, bytes) };
        let (metrics, steps) = (kept(&self.run.metrics_jsonl(), metrics)?, kept(&self.run.steps(), steps)?);
        Ok(VerifiedRecords {
            records: Records { metrics: metrics.0, steps: steps.0 },
            metrics: metrics.1,
            steps: steps.1,
        })
    }

    /// Whether the growing files of a complete run hold nothing but its records. Of one that goes on, what lies beyond
    /// is written again.
    fn tidy(&mut self, records: &Records) -> Result<bool> {
        let mut tidy = true;
        for (path, written) in [(self.run.metrics_jsonl(), &records.metrics), (self.run.steps(), &records.steps)] {
            let length = fs::metadata(&path).map_err(Error::io("read", &path))?.len();
            if let more @ 1.. = length.saturating_sub(written.bytes) {
                tidy = false;
                let what = self.name(&path);
                self.note(
                    &what,
                    format!("holds {more} bytes beyond the run's end; `bntt resume` takes them away"),
                    true,
                );
            }
        }
        if tidy && !metrics::is_table_current(self.run)? {
            tidy = false;
            let what = self.name(&self.run.metrics_csv());
            self.note(&what, "differs from metrics.jsonl; `bntt resume` makes it anew".into(), true);
        }
        Ok(tidy)
    }

    /// The best checkpoint must be that of the epoch that the run calls best, or of one that it has yet to repeat.
    fn best(&mut self, last: &Checkpoint, losses: &mut Vec<String>) -> Result<()> {
        let folder = self.run.checkpoint(CheckpointKind::Best);
        let what = self.name(&folder);
        let Some(best) = last.progress.best_epoch else {
            if folder.exists() {
                self.note(&what, "written just before the run was stopped; to be written again".into(), false);
            }
            return Ok(());
        };
        // Of a save that was cut short, the new one or the one before.
        let found = match folder.exists() {
            true => folder.clone(),
            false => [".new", ".previous"]
                .map(|suffix| beside(&folder, suffix))
                .into_iter()
                .find(|f| checkpoint::load(f, &Device::Cpu).is_ok())
                .unwrap_or(folder.clone()),
        };
        let problem = match checkpoint::load(&found, &Device::Cpu) {
            Ok(found) if found.progress.epoch == best || found.progress.epoch > last.progress.epoch => {
                let alone = if found.progress.kept == KeptTensors::All { "" } else { ", weights alone" };
                self.note(&what, format!("epoch {}, checksums agree{alone}", found.progress.epoch), false);
                return Ok(());
            }
            Ok(found) => Error::Run(format!(
                "{} is of epoch {}, and the run's best is epoch {best}.",
                folder.display(),
                found.progress.epoch
            )),
            Err(problem) => problem,
        };
        self.note(&what, problem.to_string(), true);
        if !self.accepted.records {
            return Err(Error::Run(format!(
                "{problem} Restore it from a copy; --accept-damaged-records goes on without it until a better epoch comes, and records that."
            )));
        }
        losses.push(problem.to_string());
        Ok(())
    }

    /// What `bntt recalibrate` left: nothing of the run hangs on it.
    fn recalibrated(&mut self) {
        let folder = self.run.checkpoint(CheckpointKind::Recalibrated);
        if folder.symlink_metadata().is_err() {
            return;
        }
        let what = self.name(&folder);
        match checkpoint::load(&folder, &Device::Cpu) {
            Ok(found) => self.note(&what, format!("of epoch {}, checksums agree", found.progress.epoch), false),
            Err(problem) => self.note(&what, format!("{problem} `bntt recalibrate` makes it anew."), true),
        }
    }

    /// A path within the run folder.
    fn name(&self, path: &Path) -> String {
        path.strip_prefix(self.run.path()).unwrap_or(path).display().to_string()
    }
}
