//! `metrics.jsonl` read again, whole or as far as it can be.

use super::lines::{EpochMetrics, FinalTest, RunMetrics, StepLine};
use super::table::table;
use crate::error::{Error, Result};
use crate::files::reading;
use crate::run::records::{Records, VerifiedRecords, WrittenRecord};
use crate::run::{CheckpointKind, RunFolder};
use std::path::Path;

/// Bytes of `metrics.jsonl`.
const LARGEST_TABLE: u64 = 1 << 28;

/// The epochs of a run so far; none where it has not finished one. They are those that its last checkpoint knows of,
/// and perhaps more.
///
/// # Errors
/// As [`read`]; [`Error::Run`] when lines were lost or changed since the last checkpoint.
pub fn so_far(run: &RunFolder) -> Result<RunMetrics> {
    let path = run.metrics_jsonl();
    if let Ok(records) = Records::load(&run.checkpoint(CheckpointKind::Last)) {
        records.metrics.verify(&path)?;
    }
    if path.exists() { read_whole(&path) } else { Ok(RunMetrics::default()) }
}

/// The epochs of `metrics.jsonl`, as [`read_whole`] has them.
///
/// # Errors
/// As [`read_whole`].
pub fn read(path: &Path) -> Result<Vec<EpochMetrics>> {
    Ok(read_whole(path)?.epochs)
}

/// Reads `metrics.jsonl`, the lines of epochs 1, 2, 3 and so on, and the test after the last. A last line that was cut
/// short is left out.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Run`] naming the line that is malformed or out of turn.
pub fn read_whole(path: &Path) -> Result<RunMetrics> {
    let text = reading::text(path, LARGEST_TABLE).map_err(Error::io("read", path))?;
    let mut epochs: Vec<EpochMetrics> = Vec::new();
    let mut test = None;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if test.is_some() {
            return Err(unreadable(path, number, "expected the test of the line before to be the last"));
        }
        if let Ok(last) = serde_json::from_str::<FinalTest>(line) {
            test = Some(last);
            continue;
        }
        match serde_json::from_str::<EpochMetrics>(line) {
            Ok(line) if line.epoch != number => {
                let problem = format!("expected epoch {number}, found epoch {}", line.epoch);
                return Err(unreadable(path, number, &problem));
            }
            Ok(epoch) => epochs.push(epoch),
            Err(_) if !line.ends_with('\n') => break,
            Err(e) => return Err(unreadable(path, number, &e.to_string())),
        }
    }
    Ok(RunMetrics { epochs, test })
}

fn unreadable(path: &Path, number: usize, problem: &str) -> Error {
    Error::Run(format!("{} line {number}: {problem}.", path.display()))
}

/// How many bytes of the beginning of both files can be read as epochs 1, 2, 3 and their steps, of those that lie
/// before step `step` of the epoch after `epoch` others.
pub fn readable(run: &RunFolder, epoch: usize, step: usize) -> Result<[u64; 2]> {
    let mut next = 1usize;
    let metrics = readable_bytes(&run.metrics_jsonl(), |line| {
        let whole = serde_json::from_str::<EpochMetrics>(line).is_ok_and(|line| line.epoch == next && next <= epoch);
        next = next.saturating_add(1);
        whole
    })?;
    let steps = readable_bytes(&run.steps(), |line| {
        let within = |at: StepLine| at.epoch <= epoch || (at.epoch == epoch.saturating_add(1) && at.step <= step);
        serde_json::from_str(line).is_ok_and(within)
    })?;
    Ok([metrics, steps])
}

fn readable_bytes(path: &Path, mut whole: impl FnMut(&str) -> bool) -> Result<u64> {
    if path.symlink_metadata().is_err() {
        return Ok(0);
    }
    let bytes = reading::bytes(path, LARGEST_TABLE).map_err(Error::io("read", path))?;
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let kept = lines.take_while(|line| {
        line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()).is_some_and(&mut whole)
    });
    Ok(kept.map(|line| line.len() as u64).sum())
}

/// What was verified of a run's records without the final test, where that is their last line: of a run that goes on
/// after it.
///
/// # Errors
/// [`Error::Io`] when `metrics.jsonl` cannot be read.
pub fn without_final_test(run: &RunFolder, verified: VerifiedRecords) -> Result<VerifiedRecords> {
    let path = run.metrics_jsonl();
    let kept = verified.records.metrics.bytes;
    if kept == 0 {
        return Ok(verified);
    }
    let bytes = reading::bytes(&path, LARGEST_TABLE).map_err(Error::io("read", &path))?;
    let bytes = bytes.get(..kept as usize).unwrap_or(&bytes);
    let last = bytes.split_inclusive(|&byte| byte == b'\n').next_back().unwrap_or_default();
    if serde_json::from_slice::<FinalTest>(last).is_err() {
        return Ok(verified);
    }
    let (metrics, hash) = WrittenRecord::first_of(&path, kept.saturating_sub(last.len() as u64))?;
    Ok(VerifiedRecords { records: Records { metrics, ..verified.records }, metrics: hash, steps: verified.steps })
}

/// Whether `metrics.csv` says what `metrics.jsonl` does.
///
/// # Errors
/// As [`read`].
pub fn is_table_current(run: &RunFolder) -> Result<bool> {
    let expected = table(&read(&run.metrics_jsonl())?);
    Ok(reading::bytes(&run.metrics_csv(), LARGEST_TABLE).is_ok_and(|found| found == expected.as_bytes()))
}
