//! The numbers of a run: a line an epoch in `metrics.jsonl` and `metrics.csv`, a line a step in `steps.jsonl`.
//!
//! Lines are only added at the end. A checkpoint knows how much there was of both `.jsonl` files ([`Records`]): a
//! resumed run takes away what lies beyond, and writes it again, so that no line is doubled or lost. `metrics.csv` says
//! the same of all epochs as `metrics.jsonl` and is made anew from it.
//!
//! A run with validation images has their scores in place of those of the test images, and in `metrics.jsonl` one line
//! more, its last: [`FinalTest`].

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
pub use crate::experiment::ChosenOn;
use crate::files::atomic;
use crate::files::reading;
use crate::run::records::{Records, VerifiedRecords, WrittenRecord};
use crate::run::{CheckpointKind, RunFolder};

/// Bytes of `metrics.jsonl`.
const LARGEST_TABLE: u64 = 1 << 28;

/// What one epoch gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Counted from 1.
    pub epoch: usize,
    pub train: SplitMetrics,
    /// In a run with validation images: their scores, absent in an epoch without an evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub validation: Option<Option<SplitMetrics>>,
    /// Absent in an epoch without an evaluation, and in a run with validation images.
    pub test: Option<SplitMetrics>,
    /// The learning rate of the epoch's last step.
    #[serde(with = "number")]
    pub lr: f64,
    /// Spikes per neuron and time-step, 0 to 1, of every LIF layer in the network's order.
    #[serde(with = "in_order")]
    pub firing_rates: Vec<(String, f64)>,
    /// Training images a second, without the evaluation.
    #[serde(with = "number")]
    pub images_per_second: f64,
    /// The whole epoch, with its evaluation.
    #[serde(with = "number")]
    pub seconds: f64,
    /// Absent where the operating system does not tell.
    pub peak_memory_bytes: Option<u64>,
}

/// The one evaluation on the test images of a run with validation images, after the end of training: the last line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinalTest {
    /// The epoch whose weights were evaluated: the best on the validation images.
    pub of_epoch: usize,
    pub test: SplitMetrics,
}

/// What a run has measured so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunMetrics {
    pub epochs: Vec<EpochMetrics>,
    pub test: Option<FinalTest>,
}

/// By which images the epochs of a run are chosen.
pub fn chosen_on(epochs: &[EpochMetrics]) -> ChosenOn {
    if epochs.iter().any(|line| line.validation.is_some()) { ChosenOn::Validation } else { ChosenOn::Test }
}

impl EpochMetrics {
    /// The scores by which an epoch is chosen: on the validation images where there are any, or else on the test
    /// images.
    pub fn evaluated(&self) -> Option<SplitMetrics> {
        self.validation.unwrap_or(self.test)
    }
}

/// A key that is there, be it `null`.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<SplitMetrics>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// The results on one split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SplitMetrics {
    #[serde(with = "number")]
    pub loss: f64,
    /// Accuracy in percent.
    #[serde(with = "number")]
    pub top1: f64,
    /// How often the label is among the five likeliest classes, in percent.
    #[serde(with = "number")]
    pub top5: f64,
}

/// Numbers of which JSON has none for NaN and infinities: they are `null`, which is read as NaN, so that a line can
/// always be read back.
mod number {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        // serde_json writes null for what is not finite.
        to.serialize_f64(*value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
    }
}

/// Pairs as one JSON object whose keys keep their order.
mod in_order {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(pairs: &[(String, f64)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(pairs.iter().map(|(name, value)| (name, value)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, f64)>, D::Error> {
        let object = serde_json::Map::deserialize(from)?;
        let number = |(name, value): (String, serde_json::Value)| match value {
            serde_json::Value::Null => Some((name, f64::NAN)),
            value => value.as_f64().map(|value| (name, value)),
        };
        let numbers: Option<Vec<_>> = object.into_iter().map(number).collect();
        numbers.ok_or_else(|| serde::de::Error::custom("a firing rate is not a number"))
    }
}

#[derive(Serialize, Deserialize)]
struct StepLine {
    epoch: usize,
    step: usize,
    #[serde(with = "number")]
    loss: f64,
}

/// The epoch with the highest top-1 on the images that it is chosen by ([`EpochMetrics::evaluated`]), the first of
/// several, and that accuracy in percent.
pub fn best(metrics: &[EpochMetrics]) -> Option<(usize, f64)> {
    let evaluated = metrics.iter().filter_map(|line| Some((line.epoch, line.evaluated()?.top1)));
    evaluated.reduce(|best, other| if other.1 > best.1 { other } else { best })
}

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

/// Whether `metrics.csv` says what `metrics.jsonl` does.
///
/// # Errors
/// As [`read`].
pub fn is_table_current(run: &RunFolder) -> Result<bool> {
    let expected = table(&read(&run.metrics_jsonl())?);
    Ok(reading::bytes(&run.metrics_csv(), LARGEST_TABLE).is_ok_and(|found| found == expected.as_bytes()))
}

/// The whole of `metrics.csv`; empty while no epoch is done.
fn table(lines: &[EpochMetrics]) -> String {
    let header = lines.first().map_or_else(String::new, csv_header);
    header + &lines.iter().map(csv_line).collect::<String>()
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

/// The last epoch that was evaluated, counted from 1, and its scores on the test split.
pub fn last_evaluated(lines: &[EpochMetrics]) -> Option<(usize, SplitMetrics)> {
    lines.iter().rev().find_map(|line| Some((line.epoch, line.test?)))
}

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

fn to_line(path: &Path, value: &impl Serialize) -> Result<String> {
    let line = serde_json::to_string(value);
    line.map(|line| line + "\n").map_err(|e| Error::Run(format!("cannot write {}: {e}.", path.display())))
}

fn csv_header(metrics: &EpochMetrics) -> String {
    let held = if metrics.validation.is_some() { "validation" } else { "test" };
    let mut header = format!(
        "epoch,train_loss,train_top1,train_top5,{held}_loss,{held}_top1,{held}_top5,lr,images_per_second,seconds,peak_memory_bytes"
    );
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
    for scores in [Some(metrics.train), metrics.evaluated()] {
        for value in [scores.map(|s| s.loss), scores.map(|s| s.top1), scores.map(|s| s.top5)] {
            cells.push(value.map_or_else(String::new, number));
        }
    }
    cells.extend([metrics.lr, metrics.images_per_second, metrics.seconds].map(number));
    cells.push(metrics.peak_memory_bytes.map_or_else(String::new, |bytes| bytes.to_string()));
    cells.extend(metrics.firing_rates.iter().map(|&(_, rate)| number(rate)));
    cells.join(",") + "\n"
}

/// A cell as RFC 4180 writes it. A text that a spreadsheet would take for a formula, and might run, gets a `'` before
/// it, which spreadsheets take for the mark of a text.
pub(crate) fn cell(text: &str) -> String {
    // The last four are the first four as Japanese keyboards have them.
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = match formula && text.parse::<f64>().is_err() {
        true => format!("'{text}"),
        false => text.to_string(),
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_a_spreadsheet_would_run_are_marked_as_texts_and_numbers_stay() {
        for number in ["-1", "+0.5", "-1e-5", "1e-5", "-3.25E+07", "-inf", "0", ""] {
            assert_eq!(cell(number), number);
        }
        assert_eq!(cell("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(
            ["+a", "-1+1", "@SUM", "\tx", "-", "＝1"].map(cell),
            ["'+a", "'-1+1", "'@SUM", "'\tx", "'-", "'＝1"]
        );
        assert_eq!(cell("=1,2"), "\"'=1,2\"");
        assert_eq!(cell("-\"x\""), "\"'-\"\"x\"\"\"");
        assert_eq!(["\rx", "\nx"].map(cell), ["\"'\rx\"", "\"'\nx\""]);
        // Elsewhere than at the beginning they mean nothing.
        assert_eq!(["a=b", " =1", "'=1", "network.lif.leak"].map(cell), ["a=b", " =1", "'=1", "network.lif.leak"]);
    }

    #[test]
    fn a_layers_name_cannot_begin_a_cell_of_the_table() {
        let scores = SplitMetrics { loss: -0.5, top1: 1.0, top5: 2.0 };
        let metrics = EpochMetrics {
            epoch: 1,
            train: scores,
            validation: None,
            test: None,
            lr: 1e-5,
            firing_rates: vec![("=1+1,x".into(), 0.25)],
            images_per_second: 1.0,
            seconds: 2.0,
            peak_memory_bytes: None,
        };
        assert!(csv_header(&metrics).ends_with(",peak_memory_bytes,\"firing_rate.=1+1,x\"\n"));
        assert_eq!(csv_line(&metrics), "1,-0.5,1.0,2.0,,,,1e-5,1.0,2.0,,0.25\n");
    }
}
