//! An experiment: everything that a file says, resolved and checked once.

use crate::config::{self, Loaded, SharedDefaults};
use crate::data::{DataConfig, DataShape, Dataset};
use crate::error::{Error, Mistake, Result};
use crate::layers::LayerPlan;
use crate::network::{NetworkConfig, NetworkPlan};
use crate::optimizers::{OptimizerConfig, ScheduleConfig};
use crate::provenance::ProvenanceConfig;
use crate::run::check_name;
use crate::train::TrainingConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Layers take what they do not say themselves from the network's table of their kind.
pub const SHARED: SharedDefaults = SharedDefaults {
    list: "network.layers",
    tables: &[
        ("lif", "network.lif"),
        ("bntt", "network.bntt"),
        ("batch_norm", "network.batch_norm"),
        ("tdbn", "network.tdbn"),
    ],
};

/// A training run of a spiking neural network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Name of the run's folder: letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// Seed of every random number: initial weights, order, augmentation, Poisson spikes, dropout.
    #[serde(default)]
    pub seed: u64,
    pub data: DataConfig,
    pub network: NetworkConfig,
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes over the epochs.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    pub training: TrainingConfig,
    /// What is recorded of where the run comes from.
    #[serde(default)]
    pub provenance: ProvenanceConfig,
}

/// An experiment that has been checked, with the shapes and costs of its network.
pub struct Checked {
    pub experiment: Experiment,
    pub shape: DataShape,
    pub plan: NetworkPlan,
}

impl Checked {
    /// Bytes that a training step is predicted to hold at once with so many time-steps and images; `None` where the network does not fit
    /// so many time-steps.
    pub fn peak_bytes(&self, time_steps: usize, batch: usize) -> Option<usize> {
        let Self { experiment, shape, plan } = self;
        let network = NetworkConfig { time_steps, ..experiment.network.clone() };
        let shape = DataShape { time_steps: shape.time_steps.map(|_| time_steps), ..*shape };
        let plan = NetworkPlan::new(&network, &shape, plan.precision).ok()?;
        Some(plan.peak_bytes(batch, experiment.optimizer.moment_count()))
    }
}

impl Experiment {
    /// Reads `path` with its base files and `key=value` overrides.
    ///
    /// # Errors
    /// All mistakes of the file at once: keys, types and ranges first; when those are right, what does not fit together.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Checked> {
        Self::check(config::load(path, overrides, &SHARED)?)
    }

    /// The same for a text; `name` stands for the file in messages.
    pub fn parse(text: &str, name: &str, overrides: &[String]) -> Result<Checked> {
        Self::check(config::parse(text, name, overrides, &SHARED)?)
    }

    /// Its data set; events as `network.time_steps` frames.
    ///
    /// # Errors
    /// As [`DataConfig::load`].
    pub fn load_data(&self) -> Result<Dataset> {
        self.data.load(self.network.time_steps)
    }

    /// The experiment as a file that repeats it.
    pub fn to_toml(&self) -> Result<String> {
        config::to_toml(self, &SHARED)
    }

    /// Makes every path in the experiment independent of the current directory, so that a run's resolved config repeats it from
    /// anywhere.
    pub fn make_paths_absolute(&mut self) {
        let paths = self.data.dataset.paths().into_iter().chain(&mut self.training.initial_weights);
        for path in paths {
            *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
        }
    }

    fn check(loaded: Loaded<Self>) -> Result<Checked> {
        let Loaded { value: experiment, sources } = loaded;
        let place = |mistakes: Vec<(String, String)>| -> Vec<Mistake> {
            mistakes.into_iter().map(|(key, problem)| sources.mistake(&key, problem)).collect()
        };
        let mut mistakes: Vec<(String, String)> = Vec::new();
        mistakes.extend(check_name(&experiment.name).err().map(|problem| ("name".into(), problem.to_string())));
        let shape = experiment.data.dataset.shape(experiment.network.time_steps);
        mistakes.extend(experiment.data.mistakes(shape.as_ref().ok()));
        mistakes.extend(experiment.training.mistakes());
        match &shape {
            Ok(shape) => match NetworkPlan::new(&experiment.network, shape, experiment.training.precision) {
                Ok(plan) => {
                    mistakes.extend(experiment.batch_mistakes(&plan));
                    if mistakes.is_empty() {
                        return Ok(Checked { shape: *shape, plan, experiment });
                    }
                }
                Err(found) => mistakes.extend(found),
            },
            Err(_) if mistakes.is_empty() => {}
            Err(error) => mistakes.push(("data.dataset".into(), error.to_string())),
        }
        if mistakes.is_empty() {
            shape?;
        }
        Err(Error::Config(place(mistakes)))
    }

    /// Batch statistics of one value say nothing: PyTorch refuses them too.
    fn batch_mistakes(&self, plan: &NetworkPlan) -> Vec<(String, String)> {
        let lonely = |kind: &str, layer: &LayerPlan| {
            let pixels: usize = layer.input.shape.iter().skip(1).product();
            let steps = if kind == "bntt" { 1 } else { plan.time_steps };
            let values = pixels.saturating_mul(steps).saturating_mul(self.data.batch_size);
            ["bntt", "batch_norm", "tdbn"].contains(&kind) && values < 2
        };
        let mut layers = plan.kinds.iter().zip(&plan.layers).enumerate();
        let problem = |index, kind| {
            let problem = format!("layer {index} {kind} needs batches of at least 2 images to have a variance");
            ("data.batch_size".to_string(), problem)
        };
        let first = layers.find(|(_, (kind, layer))| lonely(kind, layer));
        first.map(|(index, (kind, _))| problem(index, kind)).into_iter().collect()
    }
}
