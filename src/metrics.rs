//! Metrics of a run: a line an epoch in `metrics.jsonl` and `metrics.csv`, a line a step in `steps.jsonl`.

use crate::error::{Error, Result};
use crate::run::{RunFolder, write_atomically};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Loss and accuracies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Mean cross-entropy an image.
    pub loss: f64,
    /// Percent of images whose label has the largest logit.
    pub top1: f64,
    /// Percent of images whose label is among the five largest.
    pub top5: f64,
}

/// One epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Counted from 1.
    pub epoch: usize,
    pub train: Scores,
    /// Absent in epochs that were not evaluated.
    pub test: Option<Scores>,
    /// Learning rate of the epoch's last step.
    pub lr: f64,
    /// Spikes per neuron and time-step of every LIF layer while training, in order.
    pub firing_rates: serde_json::Map<String, serde_json::Value>,
    pub images_per_second: f64,
    /// Training alone, without evaluation.
    pub seconds: f64,
    /// Largest resident memory of the process so far.
    pub peak_memory_bytes: Option<u64>,
}

/// One training step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct StepMetrics {
    epoch: usize,
    step: usize,
    loss: f64,
}

/// The open metrics files of a run.
pub struct Metrics {
    epochs: File,
    epochs_path: PathBuf,
    csv: File,
    csv_path: PathBuf,
    csv_is_empty: bool,
    steps: BufWriter<File>,
    steps_path: PathBuf,
}

impl Metrics {
    /// Opens a run's files for what comes after the first `epochs` epochs and `steps` steps. What a run that died wrote beyond
    /// its checkpoint is cut off: it will be computed again.
    pub fn open(folder: &RunFolder, epochs: usize, steps: u64) -> Result<Self> {
        let (epochs_path, csv_path, steps_path) = (folder.metrics_jsonl(), folder.metrics_csv(), folder.steps());
        keep_lines(&epochs_path, epochs as u64)?;
        keep_lines(&csv_path, if epochs > 0 { epochs as u64 + 1 } else { 0 })?;
        keep_lines(&steps_path, steps)?;
        Ok(Self {
            epochs: append(&epochs_path)?,
            csv: append(&csv_path)?,
            steps: BufWriter::new(append(&steps_path)?),
            csv_is_empty: epochs == 0,
            epochs_path,
            csv_path,
            steps_path,
        })
    }

    /// Adds an epoch's line.
    pub fn epoch(&mut self, line: &EpochMetrics) -> Result<()> {
        self.steps.flush().map_err(Error::io("write", &self.steps_path))?;
        let json = json_line(line, &self.epochs_path)?;
        self.epochs.write_all(&json).map_err(Error::io("write", &self.epochs_path))?;
        let mut csv = if self.csv_is_empty { csv_header(line) } else { String::new() };
        csv += &csv_line(line);
        self.csv_is_empty = false;
        self.csv.write_all(csv.as_bytes()).map_err(Error::io("write", &self.csv_path))
    }

    /// Adds a step's line; it reaches the disk with the epoch's.
    pub fn step(&mut self, epoch: usize, step: usize, loss: f64) -> Result<()> {
        let json = json_line(&StepMetrics { epoch, step, loss }, &self.steps_path)?;
        self.steps.write_all(&json).map_err(Error::io("write", &self.steps_path))
    }
}

/// All epochs of a `metrics.jsonl`.
pub fn read(path: &Path) -> Result<Vec<EpochMetrics>> {
    let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
    let parse = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| {
            Error::Run(format!("{}:{}: expected the metrics of an epoch: {e}", path.display(), number + 1))
        })
    };
    text.lines().enumerate().map(parse).collect()
}

/// Cuts a text file after its first `count` lines.
fn keep_lines(path: &Path, count: u64) -> Result<()> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && count == 0 => return Ok(()),
        Err(e) => return Err(Error::io("read", path)(e)),
    };
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let end = if count == 0 { Some(0) } else { ends.clone().nth(count as usize - 1) };
    match end {
        Some(end) if end == bytes.len() => Ok(()),
        Some(end) => write_atomically(path, &bytes[..end]),
        None => Err(Error::Run(format!(
            "{}: expected at least {count} lines, as the checkpoint says, found {}",
            path.display(),
            ends.count()
        ))),
    }
}

fn append(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path).map_err(Error::io("write", path))
}

fn json_line(line: &impl Serialize, path: &Path) -> Result<Vec<u8>> {
    let mut json = serde_json::to_vec(line).map_err(|e| Error::io("write", path)(e.into()))?;
    json.push(b'\n');
    Ok(json)
}

fn csv_header(line: &EpochMetrics) -> String {
    let rates: String = line.firing_rates.keys().map(|layer| format!(",firing_rate.{layer}")).collect();
    format!(
        "epoch,train_loss,train_top1,train_top5,test_loss,test_top1,test_top5,lr,images_per_second,seconds,peak_memory_bytes{rates}\n"
    )
}

fn csv_line(line: &EpochMetrics) -> String {
    let test = line.test.map_or(",,".into(), |t| format!("{},{},{}", t.loss, t.top1, t.top5));
    let rates: String = line.firing_rates.values().map(|rate| format!(",{rate}")).collect();
    let memory = line.peak_memory_bytes.map_or(String::new(), |bytes| bytes.to_string());
    let Scores { loss, top1, top5 } = line.train;
    format!(
        "{},{loss},{top1},{top5},{test},{},{},{},{memory}{rates}\n",
        line.epoch, line.lr, line.images_per_second, line.seconds
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(epoch: usize, test: Option<Scores>) -> EpochMetrics {
        EpochMetrics {
            epoch,
            train: Scores { loss: 0.1 + 0.2, top1: 97.5, top5: 100.0 },
            test,
            lr: 1e-3,
            firing_rates: [("layers.2.lif".to_string(), 0.25.into())].into_iter().collect(),
            images_per_second: 100.0,
            seconds: 2.5,
            peak_memory_bytes: Some(1024),
        }
    }

    #[test]
    fn epochs_read_back_as_written_and_a_resumed_run_drops_what_its_checkpoint_does_not_know() -> Result<()> {
        let root = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::create(root.path(), "a")?;
        let mut metrics = Metrics::open(&folder, 0, 0)?;
        for epoch in 1..=3 {
            metrics.step(epoch, 1, 0.5)?;
            metrics.step(epoch, 2, 0.25)?;
            metrics.epoch(&line(epoch, (epoch == 2).then_some(Scores { loss: 1.0 / 3.0, top1: 50.0, top5: 90.0 })))?;
        }
        drop(metrics);
        assert_eq!(
            read(&folder.metrics_jsonl())?[1],
            line(2, Some(Scores { loss: 1.0 / 3.0, top1: 50.0, top5: 90.0 }))
        );

        let mut metrics = Metrics::open(&folder, 1, 2)?;
        metrics.epoch(&line(2, None))?;
        drop(metrics);
        assert_eq!(read(&folder.metrics_jsonl())?.iter().map(|line| line.epoch).collect::<Vec<_>>(), [1, 2]);
        let text = |path: PathBuf| fs::read_to_string(path).expect("a text");
        assert_eq!(text(folder.steps()).lines().count(), 2);
        let csv = text(folder.metrics_csv());
        let lines: Vec<&str> = csv.lines().collect();
        assert!(lines[0].ends_with("peak_memory_bytes,firing_rate.layers.2.lif"), "{csv}");
        assert_eq!(lines[2], "2,0.30000000000000004,97.5,100,,,,0.001,100,2.5,1024,0.25");
        assert_eq!(lines.len(), 3);

        let error = Metrics::open(&folder, 9, 0).err().expect("too few lines").to_string();
        assert!(error.contains("expected at least 9 lines, as the checkpoint says, found 2"), "{error}");
        Ok(())
    }

    #[test]
    fn a_broken_line_is_named() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("metrics.jsonl");
        let good = serde_json::to_string(&line(1, None)).expect("json");
        fs::write(&path, format!("{good}\n{{\"epoch\": 2")).expect("a file");
        let error = read(&path).expect_err("a broken line").to_string();
        assert!(error.contains("metrics.jsonl:2: expected the metrics of an epoch"), "{error}");
    }
}
