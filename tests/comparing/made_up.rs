//! Runs that were made up, with metrics of their own.

use crate::workspace::Workspace;
use bntt::experiment::Experiment;
use bntt::run::RunFolder;
use bntt::run::metrics::{EpochMetrics, Metrics, SplitMetrics};
use bntt::run::provenance::{Outcome, Provenance};
use std::path::Path;

pub const TEXT: &str = "name = 'a'\ndata = { dataset = 'digits', batch_size = 64 }\noptimizer = { sgd = { lr = 0.1 } }\n\
    training = { epochs = 2 }\n[network]\ntime_steps = 4\nencoder = 'poisson'\n\
    layers = ['flatten', { linear = { features = 10 } }, 'bntt', 'lif', { linear = { features = 'classes' } }]\n";

impl Workspace {
    /// Holds `base.toml`, and `runs` once there is one.
    pub fn new() -> Self {
        Self::holding("base.toml", TEXT)
    }

    /// A run of `base.toml` with overrides, whose test accuracies after every epoch are these. It is complete if there
    /// are two.
    pub fn run(&self, overrides: &[&str], top1: &[f64]) -> RunFolder {
        self.run_of(&self.path("base.toml"), overrides, top1)
    }

    pub fn run_of(&self, config: &Path, overrides: &[&str], top1: &[f64]) -> RunFolder {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let mut experiment = Experiment::load(config, &overrides).expect("an experiment").experiment;
        experiment.make_paths_absolute();
        let folder = RunFolder::create(&self.path("runs"), &experiment.name).expect("a run folder");
        std::fs::write(folder.config(), experiment.to_toml().expect("TOML")).expect("a config");
        let data = experiment.load_data().map(|dataset| dataset.checksums).unwrap_or_default();
        let mut provenance = Provenance::begin(experiment.seed, "cpu", 2, data, None);
        let complete = top1.len() == experiment.training.epochs;
        provenance.finish(if complete { Outcome::Completed } else { Outcome::Interrupted });
        provenance.save(&folder.provenance()).expect("a record");
        let mut metrics = Metrics::open(&folder, bntt::run::records::VerifiedRecords::nothing()).expect("metrics");
        for (i, &top1) in top1.iter().enumerate() {
            metrics.epoch(&epoch(i + 1, top1)).expect("an epoch");
        }
        folder
    }
}

/// A firing rate of 0.375 in the mean, a second and a half.
fn epoch(epoch: usize, top1: f64) -> EpochMetrics {
    let scores = SplitMetrics { loss: 1.0, top1, top5: 100.0 };
    EpochMetrics {
        epoch,
        train: scores,
        validation: None,
        test: Some(scores),
        lr: 0.1,
        firing_rates: vec![("lif3".into(), 0.25), ("lif5".into(), 0.5)],
        images_per_second: 100.0,
        seconds: 1.5,
        peak_memory_bytes: None,
    }
}
