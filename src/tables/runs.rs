//! The runs below a folder, and which of them are of one experiment.

use crate::config;
use crate::data::DatasetConfig;
use crate::error::Result;
use crate::experiment::{Experiment, SHARED};
use crate::listing;
use crate::results::Results;
use crate::run::RunFolder;
use crate::train::CheckpointEvery;
use std::path::{Path, PathBuf};

/// A run that can be told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub seed: u64,
    pub results: Results,
    essence: Experiment,
}

/// All runs below a folder, and those that cannot be told apart.
#[derive(Debug, Default)]
pub struct Runs {
    found: Vec<Found>,
    /// Folders whose config.toml cannot be read.
    unreadable: Vec<PathBuf>,
}

impl Runs {
    /// Reads every config and the metrics beside it. A folder that does not exist has no runs.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`] when `root` cannot be read.
    pub fn below(root: &Path) -> Result<Self> {
        let mut runs = Self::default();
        for summary in listing::list(root)? {
            let folder = RunFolder::at(summary.path);
            // Without the checks that need data: a run stays what it was when its data set has moved.
            match config::load::<Experiment>(&folder.config(), &[], &SHARED) {
                Ok(loaded) => {
                    let seed = loaded.value.seed;
                    runs.found.push(Found { seed, results: Results::of(&folder), essence: essence(loaded.value) });
                }
                Err(_) => runs.unreadable.push(folder.path().to_path_buf()),
            }
        }
        Ok(runs)
    }

    /// The runs of an experiment, one a seed and those in ascending order: of several, the newest that is complete, or the newest if none is.
    pub fn of(&self, experiment: &Experiment, seeds: Option<&[u64]>) -> Vec<&Found> {
        let essence = essence(experiment.clone());
        let wanted = |run: &&Found| run.essence == essence && seeds.is_none_or(|seeds| seeds.contains(&run.seed));
        let mut runs: Vec<&Found> = self.found.iter().filter(wanted).collect();
        let rank =
            |run: &Found| (run.results.complete().is_some(), run.results.started.clone(), run.results.run.clone());
        runs.sort_by_key(|run| (run.seed, std::cmp::Reverse(rank(run))));
        runs.dedup_by_key(|run| run.seed);
        runs
    }

    /// That folders could not be read.
    pub fn notes(&self) -> Vec<String> {
        let note = |path: &PathBuf| {
            format!("{}: its config.toml cannot be read, so that it belongs to no cell.", path.display())
        };
        self.unreadable.iter().map(note).collect()
    }
}

/// An experiment without what does not change what is computed: seed, name, where the data lie, device, threads and how often a checkpoint is
/// saved. The paths of `tensors` and `dvs_recordings` stay, since they say which data set it is, and so do those of initial weights.
fn essence(mut experiment: Experiment) -> Experiment {
    experiment.make_paths_absolute();
    if !matches!(experiment.data.dataset, DatasetConfig::Tensors(_) | DatasetConfig::DvsRecordings(_)) {
        experiment.data.dataset.paths().into_iter().for_each(PathBuf::clear);
    }
    experiment.seed = 0;
    experiment.name.clear();
    experiment.training.device.clear();
    experiment.training.threads = None;
    experiment.training.checkpoint_every = CheckpointEvery::default();
    experiment.provenance = Default::default();
    experiment
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = 'a'\ndata = { dataset = { mnist = { path = 'here' } }, batch_size = 64 }\noptimizer = { sgd = { lr = 0.1 } }\n\
                        training = { epochs = 1 }\n[network]\ntime_steps = 4\nencoder = 'poisson'\n\
                        layers = ['flatten', { linear = { features = 10 } }, 'bntt', 'lif', { linear = { features = 'classes' } }]";

    fn with(change: &str) -> Experiment {
        let overrides: Vec<String> = change.split_whitespace().map(String::from).collect();
        essence(Experiment::parse(TEXT, "text", &overrides).expect("an experiment").experiment)
    }

    #[test]
    fn what_changes_no_number_makes_no_other_experiment_and_everything_else_does() {
        for change in [
            "seed=7",
            "name=b",
            "data.dataset.mnist.path=/there",
            "training.device=cpu",
            "training.threads=3",
            "training.checkpoint_every.steps=5",
            "provenance.git=none",
            "network.lif.leak=0.95",
        ] {
            assert_eq!(with(change), with(""), "{change}");
        }
        for change in [
            "training.epochs=2",
            "data.batch_size=32",
            "network.lif.leak=0.9",
            "network.encoder=direct",
            "network.layers[2]=tdbn",
            "training.initial_weights=w",
            "training.evaluation_draws=2",
            "data.dataset={fashion_mnist={path='here'}}",
        ] {
            assert_ne!(with(change), with(""), "{change}");
        }
    }
}
