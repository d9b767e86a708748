//! The numbers of a run: a line an epoch in `metrics.jsonl` and `metrics.csv`, a line a step in `steps.jsonl`.
//!
//! Lines are only added at the end. A resumed run first takes away those that lie beyond its checkpoint, and then writes
//! them again: no line is doubled or lost.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::reading;
use crate::run::RunFolder;

/// Bytes; a line has about 100 a layer.
const LONGEST_LINE: u64 = 1 << 20;
/// Bytes of `metrics.jsonl`.
const LARGEST_TABLE: u64 = 1 << 28;

/// What one epoch gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Counted from 1.
    pub epoch: usize,
    pub train: Scores,
    /// Absent in an epoch without an evaluation.
    pub test: Option<Scores>,
    /// The learning rate of the epoch's last step.
    pub lr: f64,
    /// Spikes per neuron and time-step, 0 to 1, of every LIF layer in the network's order.
    #[serde(with = "in_order")]
    pub firing_rates: Vec<(String, f64)>,
    /// Training images a second, without the evaluation.
    pub images_per_second: f64,
    /// The whole epoch, with its evaluation.
    pub seconds: f64,
    /// Absent where the operating system does not tell.
    pub peak_memory_bytes: Option<u64>,
}

/// The results on one split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    pub loss: f64,
    /// Accuracy in percent.
    pub top1: f64,
    /// How often the label is among the five likeliest classes, in percent.
    pub top5: f64,
}

/// Pairs as one JSON object whose keys keep their order.
mod in_order {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(pairs: &[(String, f64)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(pairs.iter().map(|(name, value)| (name, value)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, f64)>, D::Error> {
        let object = serde_json::Map::deserialize(from)?;
        let number = |(name, value): (String, serde_json::Value)| value.as_f64().map(|value| (name, value));
        let numbers: Option<Vec<_>> = object.into_iter().map(number).collect();
        numbers.ok_or_else(|| serde::de::Error::custom("a firing rate is not a number"))
    }
}

#[derive(Serialize, Deserialize)]
struct Step {
    epoch: usize,
    step: usize,
    loss: f64,
}

/// The metrics files of a run that is at work.
#[derive(Debug)]
pub struct Metrics {
    jsonl: (PathBuf, File),
    csv: (PathBuf, File),
    steps: (PathBuf, BufWriter<File>),
}

impl Metrics {
    /// Opens the files of a run folder and keeps the lines of the first `keep_epochs` epochs and of the first `keep_steps`
    /// steps of the epoch after those; (0, 0) for a new run.
    ///
    /// # Errors
    /// [`Error::Run`] naming a line that cannot be read, unless it is the last: a crash may cut that one short.
    pub fn open(folder: &RunFolder, keep_epochs: usize, keep_steps: usize) -> Result<Self> {
        let jsonl = open_truncated(folder.metrics_jsonl(), |_, line| {
            Ok(serde_json::from_str::<EpochMetrics>(line).map_err(|e| e.to_string())?.epoch <= keep_epochs)
        })?;
        let csv = open_truncated(folder.metrics_csv(), |number, line| match number {
            1 => Ok(keep_epochs > 0),
            _ => {
                let first = line.split(',').next().unwrap_or_default();
                Ok(first.parse::<usize>().map_err(|e| format!("the epoch {first:?}: {e}"))? <= keep_epochs)
            }
        })?;
        let (path, file) = open_truncated(folder.steps(), |_, line| {
            let Step { epoch, step, .. } = serde_json::from_str(line).map_err(|e| e.to_string())?;
            Ok(epoch <= keep_epochs || (epoch == keep_epochs.saturating_add(1) && step <= keep_steps))
        })?;
        Ok(Self { jsonl, csv, steps: (path, BufWriter::new(file)) })
    }

    /// Adds a step, both counted from 1. It may stay in memory until [`flush`](Self::flush) or the epoch's end.
    pub fn step(&mut self, epoch: usize, step: usize, loss: f64) -> Result<()> {
        let (path, file) = &mut self.steps;
        let line = to_line(path, &Step { epoch, step, loss })?;
        file.write_all(line.as_bytes()).map_err(Error::io("write", path))
    }

    /// Hands all lines to the disk: before a checkpoint inside an epoch.
    pub fn flush(&mut self) -> Result<()> {
        let (path, file) = &mut self.steps;
        file.flush().and_then(|()| file.get_ref().sync_data()).map_err(Error::io("write", path))
    }

    /// Adds an epoch to both tables and hands all lines to the disk: before the epoch's checkpoint.
    ///
    /// # Errors
    /// [`Error::Run`] when the table has other columns, that is, other layers.
    pub fn epoch(&mut self, metrics: &EpochMetrics) -> Result<()> {
        self.flush()?;
        let line = to_line(&self.jsonl.0, metrics)?;
        let row = self.csv_header_if_new(metrics)? + &csv_line(metrics);
        append(&mut self.jsonl, &line)?;
        append(&mut self.csv, &row)
    }

    fn csv_header_if_new(&self, metrics: &EpochMetrics) -> Result<String> {
        let (header, path) = (csv_header(metrics), &self.csv.0);
        let mut first = String::new();
        let mut table = BufReader::new(File::open(path).map_err(Error::io("read", path))?);
        table.read_line(&mut first).map_err(Error::io("read", path))?;
        match first {
            _ if first.is_empty() => Ok(header),
            _ if first == header => Ok(String::new()),
            _ => Err(Error::Run(format!("{} line 1: the columns belong to other layers.", path.display()))),
        }
    }
}

/// The last epoch that was evaluated, counted from 1, and its scores on the test split.
pub fn last_evaluated(lines: &[EpochMetrics]) -> Option<(usize, Scores)> {
    lines.iter().rev().find_map(|line| Some((line.epoch, line.test?)))
}

/// The epochs of a run so far; none where it has not finished one.
///
/// # Errors
/// As [`read`].
pub fn so_far(run: &RunFolder) -> Result<Vec<EpochMetrics>> {
    let path = run.metrics_jsonl();
    if path.exists() { read(&path) } else { Ok(Vec::new()) }
}

/// Reads `metrics.jsonl`. A last line that was cut short is left out.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Run`] naming the line that is malformed.
pub fn read(path: &Path) -> Result<Vec<EpochMetrics>> {
    let text = reading::text(path, LARGEST_TABLE).map_err(Error::io("read", path))?;
    let mut epochs = Vec::new();
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        match serde_json::from_str(line) {
            Ok(epoch) => epochs.push(epoch),
            Err(_) if !line.ends_with('\n') => break,
            Err(e) => return Err(unreadable(path, number, &e.to_string())),
        }
    }
    Ok(epochs)
}

/// Opens a file to add to, without the lines from the first that `keep` (number, line) declines.
fn open_truncated(
    path: PathBuf,
    keep: impl Fn(usize, &str) -> std::result::Result<bool, String>,
) -> Result<(PathBuf, File)> {
    if path.exists() {
        reading::open(&path).map_err(Error::io("open", &path))?;
    }
    let file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(Error::io("open", &path))?;
    let mut reader = BufReader::new(&file);
    let mut kept = 0u64;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let piece = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        let count = piece.map_err(Error::io("read", &path))? as u64;
        let Some(text) = line.strip_suffix(b"\n") else {
            if count == LONGEST_LINE {
                return Err(unreadable(&path, number, &format!("it has more than {LONGEST_LINE} bytes")));
            }
            break;
        };
        let text = std::str::from_utf8(text).map_err(|e| e.to_string());
        match text.and_then(|text| keep(number, text)) {
            Ok(true) => kept = kept.saturating_add(count),
            Ok(false) => break,
            Err(_) if reader.fill_buf().map_err(Error::io("read", &path))?.is_empty() => break,
            Err(problem) => return Err(unreadable(&path, number, &problem)),
        }
    }
    file.set_len(kept).and_then(|()| file.sync_all()).map_err(Error::io("shorten", &path))?;
    Ok((path, file))
}

fn unreadable(path: &Path, number: usize, problem: &str) -> Error {
    Error::Run(format!("{} line {number}: {problem}.", path.display()))
}

/// One write a line, so that a reader sees whole lines.
fn append((path, file): &mut (PathBuf, File), line: &str) -> Result<()> {
    file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).map_err(Error::io("write", path))
}

fn to_line(path: &Path, value: &impl Serialize) -> Result<String> {
    let line = serde_json::to_string(value);
    line.map(|line| line + "\n").map_err(|e| Error::Run(format!("cannot write {}: {e}.", path.display())))
}

fn csv_header(metrics: &EpochMetrics) -> String {
    let mut header =
        "epoch,train_loss,train_top1,train_top5,test_loss,test_top1,test_top5,lr,images_per_second,seconds,\
                      peak_memory_bytes"
            .to_string();
    for (layer, _) in &metrics.firing_rates {
        header.push(',');
        header.push_str(&cell(&format!("firing_rate.{layer}")));
    }
    header + "\n"
}

fn csv_line(metrics: &EpochMetrics) -> String {
    // Debug formatting gives the shortest digits that read back as the same number.
    let number = |value: f64| format!("{value:?}");
    let mut cells = vec![metrics.epoch.to_string()];
    for scores in [Some(metrics.train), metrics.test] {
        for value in [scores.map(|s| s.loss), scores.map(|s| s.top1), scores.map(|s| s.top5)] {
            cells.push(value.map_or_else(String::new, number));
        }
    }
    cells.extend([metrics.lr, metrics.images_per_second, metrics.seconds].map(number));
    cells.push(metrics.peak_memory_bytes.map_or_else(String::new, |bytes| bytes.to_string()));
    cells.extend(metrics.firing_rates.iter().map(|&(_, rate)| number(rate)));
    cells.join(",") + "\n"
}

/// A cell as RFC 4180 writes it.
pub(crate) fn cell(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into(),
    }
}
