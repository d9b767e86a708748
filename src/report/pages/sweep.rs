//! A sweep as plain data: its runs, grouped by setting, averaged over seeds.

use super::series::Record;
use crate::analysis::statistic::Statistic;
use crate::error::Result;
use crate::report::figures::{SeedMean, SeedMeanCurve};
use crate::run::metrics::{self, EpochMetrics};
use crate::sweep::{Sweep, by_setting};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All runs that a sweep's file asks for, whether they were run or not.
pub struct SweepRecord {
    pub name: String,
    pub path: PathBuf,
    /// Where its run folders were looked for.
    pub folder: PathBuf,
    /// What the runs differ in: `network.time_steps`.
    pub axes: Vec<String>,
    pub runs: Vec<Seeded>,
}

/// One run of a sweep.
pub struct Seeded {
    pub name: String,
    /// What it has on every axis.
    pub settings: Vec<(String, String)>,
    pub seed: u64,
    /// Absent when it was not run.
    pub record: Option<Record>,
}

/// The runs that differ in nothing but their seed.
pub struct SweepSetting<'a> {
    pub values: &'a [(String, String)],
    pub runs: Vec<&'a Seeded>,
}

impl SweepRecord {
    /// Reads the runs below `folder` that belong to the sweep.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`] when the folder cannot be read.
    pub fn read(sweep: Sweep, folder: &Path) -> Result<Self> {
        let folders = sweep.folders(folder)?;
        let mut runs = Vec::new();
        for (planned, folder) in sweep.runs.into_iter().zip(folders) {
            let record = folder.map(|run| Record::read(&run));
            runs.push(Seeded { name: planned.name, settings: planned.settings, seed: planned.seed, record });
        }
        Ok(Self { name: sweep.name, path: sweep.path, folder: folder.to_path_buf(), axes: sweep.axes, runs })
    }

    /// In the order of their first runs.
    pub fn settings(&self) -> Vec<SweepSetting<'_>> {
        let groups = by_setting(&self.runs, |run| &run.settings).into_iter();
        groups.filter_map(|runs| Some(SweepSetting { values: &runs.first()?.settings, runs })).collect()
    }
}

impl Seeded {
    /// `completed`, `running` and so on as `bntt list` has it, or `not run`.
    pub fn state(&self) -> &'static str {
        self.record.as_ref().map_or("not run", |record| record.summary.state)
    }

    /// Top-1 on the test images after the last epoch that was evaluated, in percent.
    pub fn last_top1(&self) -> Option<f64> {
        metrics::last_evaluated(self.record.as_ref()?.epochs()).map(|(_, test)| test.top1)
    }

    /// Of the best epoch: the highest of all where it is chosen on the test images; with validation images, that of the
    /// one test at the end.
    pub fn best_top1(&self) -> Option<f64> {
        self.record.as_ref()?.summary.best_accuracy
    }
}

impl SweepSetting<'_> {
    /// `BNTT, time_steps 5`; `all runs` where a sweep has nothing but seeds.
    pub fn name(&self) -> String {
        let part = |(key, value): &(String, String)| match key.as_str() {
            "variant" => value.clone(),
            key => format!("{} {value}", key.rsplit('.').next().unwrap_or(key)),
        };
        match self.values {
            [] => "all runs".into(),
            values => values.iter().map(part).collect::<Vec<_>>().join(", "),
        }
    }

    /// A quantity of the runs that are complete, averaged over them.
    pub fn of_complete(&self, value: impl Fn(&Seeded) -> Option<f64>) -> Option<Statistic> {
        let complete = self.runs.iter().filter(|run| run.state() == "completed");
        Statistic::from_values(&complete.filter_map(|run| value(run)).collect::<Vec<_>>())
    }

    /// A quantity by epoch, averaged over the runs that have come to the epoch.
    pub fn curve(&self, value: impl Fn(&EpochMetrics) -> Option<f64>) -> SeedMeanCurve {
        let mut epochs: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for line in self.runs.iter().filter_map(|run| run.record.as_ref()).flat_map(Record::epochs) {
            if let Some(value) = value(line) {
                epochs.entry(line.epoch).or_default().push(value);
            }
        }
        let point = |(epoch, values): (usize, Vec<f64>)| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let (low, high) = values.iter().fold((mean, mean), |(low, high), &value| (low.min(value), high.max(value)));
            SeedMean { epoch, mean, low, high }
        };
        SeedMeanCurve { name: self.name(), points: epochs.into_iter().map(point).collect() }
    }
}
