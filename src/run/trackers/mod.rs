//! Finished runs as trackers of experiments read them: MLflow's file store, and the CSV that trackio imports.
//!
//! The numbers are those of `metrics.jsonl`, a step an epoch, by the names that TensorBoard shows
//! ([`EpochMetrics::scalars`](crate::run::metrics::EpochMetrics::scalars)). Epochs do not record when they ended: they
//! follow one another from the run's start, each as long as it took.

mod mlflow;
mod trackio;

pub use mlflow::{MlflowRun, export};
pub use trackio::csv;

use crate::error::{Error, Result};
use crate::run::RunFolder;
use crate::run::metrics::{self, RunMetrics};
use crate::run::provenance::Provenance;

/// The numbers of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackedStep {
    pub epoch: usize,
    /// Milliseconds since 1970.
    pub time: i64,
    pub scalars: Vec<(String, f64)>,
}

/// A run's steps, and when it began.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackedRun {
    /// Milliseconds since 1970.
    pub started: i64,
    pub steps: Vec<TrackedStep>,
}

impl TrackedRun {
    /// Reads a run's metrics. The test at the end of a run with validation images is of the epoch whose weights it had.
    ///
    /// # Errors
    /// [`Error::Run`] for a file of the run that is damaged.
    pub fn read(run: &RunFolder, provenance: &Provenance) -> Result<Self> {
        let RunMetrics { epochs, test } = metrics::so_far(run)?;
        let started = milliseconds(&provenance.started)?;
        let mut seconds = 0.0;
        let mut steps = Vec::new();
        for epoch in &epochs {
            seconds += epoch.seconds;
            let time = started.saturating_add((seconds * 1e3) as i64);
            steps.push(TrackedStep { epoch: epoch.epoch, time, scalars: epoch.scalars() });
        }
        if let Some(test) = test
            && let Some(step) = steps.iter_mut().find(|step| step.epoch == test.of_epoch)
        {
            step.scalars.extend(test.test.scalars("test"));
        }
        // What was not finite has no place in either format.
        steps.iter_mut().for_each(|step| step.scalars.retain(|(_, value)| value.is_finite()));
        Ok(Self { started, steps })
    }
}

/// A time as `provenance.json` has it.
fn milliseconds(time: &str) -> Result<i64> {
    let found: std::result::Result<jiff::Timestamp, _> = time.parse();
    let found = found.map_err(|_| Error::Run(format!("provenance.json: expected a time, found {time:?}.")))?;
    Ok(found.as_millisecond())
}
