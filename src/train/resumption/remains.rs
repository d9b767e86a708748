//! What has to be there beside the last checkpoint: its records, the best checkpoint.

use super::examiner::Examiner;
use crate::error::{Error, Result};
use crate::files::atomic::beside;
use crate::run::CheckpointKind;
use crate::run::checkpoint::{self, Checkpoint, KeptTensors};
use crate::run::metrics;
use crate::run::records::{Records, VerifiedRecords, WrittenRecord};
use candle_core::Device;
use sha2::Sha256;
use std::fs;
use std::path::Path;

impl Examiner<'_> {
    /// The records that the checkpoint knows of, or what can be read of them.
    pub(super) fn records(
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
    pub(super) fn tidy(&mut self, records: &Records) -> Result<bool> {
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
    pub(super) fn best(&mut self, last: &Checkpoint, losses: &mut Vec<String>) -> Result<()> {
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
    pub(super) fn recalibrated(&mut self) {
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
}
