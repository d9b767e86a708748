//! The metrics files of a run that is at work, which grow at their end.

use super::lines::{EpochMetrics, FinalTest, StepLine};
use super::reader::read;
use super::table::{csv_header, csv_line, table};
use crate::error::{Error, Result};
use crate::files::{atomic, reading};
use crate::run::RunFolder;
use crate::run::records::{Records, VerifiedRecords, WrittenRecord};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that grows at its end, and the hash of all it holds.
#[derive(Debug)]
struct AppendedFile {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    sha256: Sha256,
}

impl AppendedFile {
    /// Opens a file to add to, without what lies beyond its first bytes, whose hash is `sha256`.
    fn open(path: PathBuf, keep: &WrittenRecord, sha256: Sha256) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = reading::own(options.append(true).create(true), &path).map_err(Error::io("open", &path))?;
        file.set_len(keep.bytes).and_then(|()| file.sync_all()).map_err(Error::io("shorten", &path))?;
        Ok(Self { path, file: BufWriter::new(file), bytes: keep.bytes, sha256 })
    }

    fn add(&mut self, line: &str) -> Result<()> {
        self.file.write_all(line.as_bytes()).map_err(Error::io("write", &self.path))?;
        self.sha256.update(line);
        self.bytes = self.bytes.saturating_add(line.len() as u64);
        Ok(())
    }

    /// Hands everything to the disk.
    fn flush(&mut self) -> Result<()> {
        let flushed = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        flushed.map_err(Error::io("write", &self.path))
    }

    fn written(&self) -> WrittenRecord {
        WrittenRecord::new(self.bytes, &self.sha256)
    }
}

/// The metrics files of a run that is at work.
#[derive(Debug)]
pub struct Metrics {
    jsonl: AppendedFile,
    csv: (PathBuf, File),
    steps: AppendedFile,
}

impl Metrics {
    /// Opens the files of a run folder and keeps what was verified of them, [`VerifiedRecords::nothing`] for a new run.
    ///
    /// # Errors
    /// [`Error::Run`] naming a line of `metrics.jsonl` that cannot be read, [`Error::Io`] when a file cannot be opened
    /// or cut.
    pub fn open(folder: &RunFolder, keep: VerifiedRecords) -> Result<Self> {
        let VerifiedRecords { records, metrics, steps } = keep;
        let jsonl = AppendedFile::open(folder.metrics_jsonl(), &records.metrics, metrics)?;
        let steps = AppendedFile::open(folder.steps(), &records.steps, steps)?;
        let csv = folder.metrics_csv();
        atomic::write_atomically(&csv, table(&read(&jsonl.path)?).as_bytes())?;
        let file = reading::own(OpenOptions::new().read(true).append(true), &csv).map_err(Error::io("open", &csv))?;
        atomic::sync_folder(folder.path())?;
        Ok(Self { jsonl, csv: (csv, file), steps })
    }

    /// Adds a step, both counted from 1. It may stay in memory until [`flush`](Self::flush) or the epoch's end.
    pub fn step(&mut self, epoch: usize, step: usize, loss: f64) -> Result<()> {
        let line = to_line(&self.steps.path, &StepLine { epoch, step, loss })?;
        self.steps.add(&line)
    }

    /// Hands all lines to the disk: before a checkpoint inside an epoch.
    pub fn flush(&mut self) -> Result<()> {
        self.steps.flush()
    }

    /// Adds an epoch to both tables and hands all lines to the disk: before the epoch's checkpoint.
    ///
    /// # Errors
    /// [`Error::Run`] when the table has other columns, that is, other layers.
    pub fn epoch(&mut self, metrics: &EpochMetrics) -> Result<()> {
        self.flush()?;
        let line = to_line(&self.jsonl.path, metrics)?;
        let row = self.csv_header_if_new(metrics)? + &csv_line(metrics);
        self.jsonl.add(&line)?;
        self.jsonl.flush()?;
        let (path, file) = &mut self.csv;
        // One write, so that a reader sees whole lines.
        file.write_all(row.as_bytes()).and_then(|()| file.sync_data()).map_err(Error::io("write", path))
    }

    /// Adds the test at the end of training and hands it to the disk: before the run's last checkpoint.
    pub fn final_test(&mut self, test: &FinalTest) -> Result<()> {
        let line = to_line(&self.jsonl.path, test)?;
        self.jsonl.add(&line)?;
        self.jsonl.flush()
    }

    /// What a checkpoint of this moment relies on. All lines are on the disk after [`Metrics::flush`] or
    /// [`Metrics::epoch`].
    pub fn records(&self) -> Records {
        Records { metrics: self.jsonl.written(), steps: self.steps.written() }
    }

    fn csv_header_if_new(&self, metrics: &EpochMetrics) -> Result<String> {
        let (header, path) = (csv_header(metrics), &self.csv.0);
        let mut first = String::new();
        let file = reading::own(OpenOptions::new().read(true), path).map_err(Error::io("read", path))?;
        BufReader::new(file).read_line(&mut first).map_err(Error::io("read", path))?;
        match first {
            _ if first.is_empty() => Ok(header),
            _ if first == header => Ok(String::new()),
            _ => Err(Error::Run(format!("{} line 1: the columns belong to other layers.", path.display()))),
        }
    }
}

fn to_line(path: &Path, value: &impl Serialize) -> Result<String> {
    let line = serde_json::to_string(value);
    line.map(|line| line + "\n").map_err(|e| Error::Run(format!("cannot write {}: {e}.", path.display())))
}
