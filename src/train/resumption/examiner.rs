//! From which checkpoint a run can go on, and whether it has to.

use super::{Accepted, ResumePoint, RunFinding, Verdict};
use crate::error::{Error, Result};
use crate::experiment::CheckedExperiment;
use crate::files::atomic::sha256_hex;
use crate::files::reading;
use crate::optimizers::Optimizer;
use crate::run::checkpoint::{self, Checkpoint, KeptTensors};
use crate::run::metrics;
use crate::run::provenance::{Outcome, Provenance};
use crate::run::records::Records;
use crate::run::{CheckpointKind, RunFolder};
use crate::train::initial::build_network;
use crate::train::longer::is_of_earlier_config;
use candle_core::Device;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

pub(super) struct Examiner<'a> {
    pub run: &'a RunFolder,
    pub checked: &'a CheckedExperiment,
    pub accepted: Accepted,
    pub findings: Vec<RunFinding>,
}

impl Examiner<'_> {
    pub(super) fn note(&mut self, what: &str, found: String, wrong: bool) {
        self.findings.push(RunFinding { what: what.into(), found, wrong });
    }

    pub(super) fn verdict(&mut self, device: &Device) -> Result<Verdict> {
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

    /// A path within the run folder.
    pub(super) fn name(&self, path: &Path) -> String {
        path.strip_prefix(self.run.path()).unwrap_or(path).display().to_string()
    }
}
