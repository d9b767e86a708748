//! An experiment: everything that a file says, resolved and checked once.

mod early_exit;
mod early_stopping;
mod initial_weights;
mod name;
mod provenance;
mod selection;
mod shared;
mod training;
mod warnings;

pub use early_exit::{EarlyExitConfig, ExitLayers};
pub use early_stopping::EarlyStoppingConfig;
pub use initial_weights::{ChosenWeights, InitialWeights};
pub use name::check_name;
pub use provenance::{GitRecord, ProvenanceConfig};
pub use selection::ChosenOn;
pub use shared::SHARED;
pub use training::{CheckpointEvery, KeptCheckpoints, TrainingConfig};

use crate::config::settings;
use crate::config::{self, LARGEST_FILE, Loaded};
use crate::data::{DataConfig, DataShape, Dataset, Holdout};
use crate::error::{Error, Result};
use crate::files::tilde;
use crate::layers::{LayerConfig, LayerKind, LayerPlan, NormSpec};
use crate::network::{NetworkConfig, NetworkPlan};
use crate::optimizers::{OptimizerConfig, ScheduleConfig};
use candle_core::Device;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tracing::debug;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoadPurpose {
    Training,
    Evaluation,
}

/// An experiment that has been checked, with the shapes and costs of its network.
pub struct CheckedExperiment {
    pub experiment: Experiment,
    pub shape: DataShape,
    pub plan: NetworkPlan,
}

impl CheckedExperiment {
    /// Bytes that a training step is predicted to hold at once with so many time-steps and images; `None` where the
    /// network does not fit so many time-steps.
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
    /// All mistakes of the file at once: keys, types and ranges first; when those are right, what does not fit
    /// together.
    pub fn load(path: &Path, overrides: &[String]) -> Result<CheckedExperiment> {
        Self::load_for(path, overrides, LoadPurpose::Training)
    }

    /// The same to evaluate a trained network, for which any `data.batch_size` will do.
    ///
    /// # Errors
    /// As [`Experiment::load`].
    pub fn load_to_evaluate(path: &Path, overrides: &[String]) -> Result<CheckedExperiment> {
        Self::load_for(path, overrides, LoadPurpose::Evaluation)
    }

    /// The same for a text; `name` stands for the file in messages.
    pub fn parse(text: &str, name: &str, overrides: &[String]) -> Result<CheckedExperiment> {
        let purpose = LoadPurpose::Training;
        let rest = |experiment: &Self, unknown: &BTreeSet<String>| experiment.what_else(purpose, unknown);
        Self::check(config::parse_with(text, name, overrides, &SHARED, rest)?, purpose)
    }

    fn load_for(path: &Path, overrides: &[String], purpose: LoadPurpose) -> Result<CheckedExperiment> {
        let rest = |experiment: &Self, unknown: &BTreeSet<String>| experiment.what_else(purpose, unknown);
        Self::check(config::load_with(path, overrides, &SHARED, rest)?, purpose)
    }

    /// Its data set; events as `network.time_steps` frames.
    ///
    /// # Errors
    /// As [`DataConfig::load`].
    pub fn load_data(&self) -> Result<Dataset> {
        let begun = Instant::now();
        let dataset = self.data.load(self.network.time_steps)?;
        let (train, test) = (dataset.train.len(), dataset.test.len());
        debug!("data set: {train} training and {test} test images, read in {:.2} s", begun.elapsed().as_secs_f64());
        // What it cannot hold out is found before anything is trained.
        self.holdout(&dataset)?;
        Ok(dataset)
    }

    /// Which of its training images are trained on, and which held out.
    ///
    /// # Errors
    /// As [`DataConfig::holdout`].
    pub fn holdout(&self, dataset: &Dataset) -> Result<Option<Holdout>> {
        self.data.holdout(&dataset.train, self.seed)
    }

    /// The same to evaluate a trained network.
    ///
    /// # Errors
    /// As [`DataConfig::load_to_evaluate`].
    pub fn load_data_to_evaluate(&self) -> Result<Dataset> {
        self.data.load_to_evaluate(self.network.time_steps)
    }

    /// The experiment as a file that repeats it.
    pub fn to_toml(&self) -> Result<String> {
        config::to_toml(self, &SHARED)
    }

    /// Makes every path in the experiment independent of the current directory, so that a run's resolved config repeats
    /// it from anywhere.
    pub fn make_paths_absolute(&mut self) {
        for path in self.paths() {
            *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
        }
    }

    /// Takes away what paths say of this machine: those of data become `data/NAME`, and the weights that training began
    /// with are not named.
    pub fn make_paths_public(&mut self) {
        self.training.initial_weights = None;
        for path in self.paths() {
            *path = Path::new("data").join(path.file_name().unwrap_or_default());
        }
    }

    fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let weights = self.training.initial_weights.iter_mut().map(InitialWeights::path_mut);
        self.data.dataset.spec_mut().paths().into_iter().chain(weights)
    }

    fn check(loaded: Loaded<Self>, purpose: LoadPurpose) -> Result<CheckedExperiment> {
        let Loaded { value: experiment, sources } = loaded;
        let shape = experiment.data.dataset.spec().shape(experiment.network.time_steps);
        let plan = shape.as_ref().ok().map(|shape| experiment.plan(shape));
        let mut mistakes = experiment.mistakes(purpose, &shape, plan.as_ref(), &BTreeSet::new());
        if mistakes.is_empty() {
            // Nothing else is wrong with the experiment.
            let shape = shape?;
            if let Some(Ok(plan)) = plan {
                mistakes.extend(experiment.length_mistake()?);
                if mistakes.is_empty() {
                    return Ok(CheckedExperiment { shape, plan, experiment });
                }
            }
        }
        Err(Error::of_mistakes(mistakes.into_iter().map(|(key, problem)| sources.mistake(&key, problem)).collect()))
    }

    /// What does not fit together in an experiment that has other mistakes, apart from what follows from the keys at
    /// its top that are `unknown`.
    fn what_else(&self, purpose: LoadPurpose, unknown: &BTreeSet<String>) -> Vec<(String, String)> {
        let shape = if unknown.contains("data") {
            Err(Error::Config(Vec::new()))
        } else {
            self.data.dataset.spec().shape(self.network.time_steps)
        };
        let in_plan = ["network", "training"].iter().all(|key| !unknown.contains(*key));
        let plan = shape.as_ref().ok().filter(|_| in_plan).map(|shape| self.plan(shape));
        let mut mistakes = self.mistakes(purpose, &shape, plan.as_ref(), unknown);
        if let (Err(error), true, false) = (&shape, mistakes.is_empty(), unknown.contains("data")) {
            mistakes.push(("data.dataset".into(), error.to_string()));
        }
        mistakes
    }

    fn plan(&self, shape: &DataShape) -> Result<NetworkPlan, Vec<(String, String)>> {
        NetworkPlan::new(&self.network, shape, self.training.precision)
    }

    /// What does not fit together, by keys. Where it follows from an `unknown` key it is not told, and neither is where
    /// the shape or the plan are not there.
    fn mistakes(
        &self,
        purpose: LoadPurpose,
        shape: &Result<DataShape>,
        plan: Option<&Result<NetworkPlan, Vec<(String, String)>>>,
        unknown: &BTreeSet<String>,
    ) -> Vec<(String, String)> {
        let known = |keys: &[&str]| keys.iter().all(|key| !unknown.contains(*key));
        let mut mistakes: Vec<(String, String)> = Vec::new();
        mistakes.extend(check_name(&self.name).err().map(|problem| ("name".into(), problem.to_string())));
        mistakes.extend(self.path_mistakes());
        if known(&["data", "network"]) {
            mistakes.extend(match purpose {
                LoadPurpose::Training => self.data.mistakes(shape.as_ref().ok()),
                LoadPurpose::Evaluation => self.data.mistakes_in_evaluation(shape.as_ref().ok()),
            });
        }
        mistakes.extend(self.training.mistakes());
        if known(&["network"]) {
            let of_loss = self.network.readout.loss_mistake(&self.training.loss);
            mistakes.extend(of_loss.map(|(key, problem)| (format!("training.loss.{key}"), problem)));
        }
        if known(&["data"]) {
            mistakes.extend(self.selection_mistake());
        }
        match plan {
            Some(Ok(plan)) if purpose == LoadPurpose::Training => mistakes.extend(self.batch_mistakes(plan)),
            Some(Ok(_)) | None => {}
            Some(Err(found)) => mistakes.extend(found.iter().cloned()),
        }
        // Of a data set that is not there, nothing else can be said; it is an error of its own.
        if let (Err(error), false, true) = (shape, mistakes.is_empty(), known(&["data"])) {
            mistakes.push(("data.dataset".into(), error.to_string()));
        }
        mistakes.retain(|(key, _)| !unknown.contains(key.split('.').next().unwrap_or_default()));
        mistakes
    }

    /// Paths that name nothing, and those that only a shell could have expanded.
    fn path_mistakes(&self) -> Vec<(String, String)> {
        let mut paths = self.clone();
        let empty = || "expected a path, found an empty string: \".\" is the current folder".to_string();
        let told = |path: &mut PathBuf| {
            let problem = if path.as_os_str().is_empty() { Some(empty()) } else { tilde::mistake(path) };
            Some((path.to_str()?.to_string(), problem?))
        };
        let refused: Vec<(String, String)> = paths.paths().filter_map(told).collect();
        if refused.is_empty() {
            return refused;
        }
        // Their keys are those that have these strings in the written experiment.
        let written = toml::Table::try_from(self).unwrap_or_default();
        let placed = |key: String| {
            let text = settings::get(&written, &key)?.as_str()?;
            let (_, told) = refused.iter().find(|(path, _)| path == text)?;
            Some((key, told.clone()))
        };
        settings::keys(&written).into_iter().filter_map(placed).collect()
    }

    /// What a run writes of itself it must be able to read again.
    fn length_mistake(&self) -> Result<Option<(String, String)>> {
        let mut written = self.clone();
        written.make_paths_absolute();
        let bytes = written.to_toml()?.len() as u64;
        Ok((bytes > LARGEST_FILE).then(|| {
            let problem = format!(
                "with every setting written out, as in a run's config.toml, this experiment has {bytes} bytes, and no more than \
                 {LARGEST_FILE} are read again: the run could not be resumed. Name fewer layers, or shorten what is longest"
            );
            (String::new(), problem)
        }))
    }

    /// Batch statistics of one value say nothing: PyTorch refuses them too.
    fn batch_mistakes(&self, plan: &NetworkPlan) -> Vec<(String, String)> {
        let context = self.network.context(plan.classes, plan.precision, self.seed, &Device::Cpu);
        let values = |norm: &dyn NormSpec, layer: &LayerPlan| {
            let pixels: usize = layer.input.shape.iter().skip(1).product();
            let steps = norm.settings(&context).fewest_steps(plan.time_steps);
            pixels.saturating_mul(steps).saturating_mul(self.data.batch_size)
        };
        let mut layers = self.network.layers.iter().zip(&plan.layers).enumerate();
        let problem = |(index, kind): (usize, LayerKind)| {
            let problem = format!("layer {index} {kind} needs batches of at least 2 images to have a variance");
            ("data.batch_size".to_string(), problem)
        };
        let first = layers.find_map(|(index, (layer, plan))| Some((index, lonely(layer, plan, &values)?)));
        first.map(problem).into_iter().collect()
    }
}

/// The kind of the first norm that has fewer than two `values` to normalise: `layer` itself, or one that it holds.
fn lonely(
    layer: &LayerConfig,
    plan: &LayerPlan,
    values: &impl Fn(&dyn NormSpec, &LayerPlan) -> usize,
) -> Option<LayerKind> {
    if let Some(norm) = layer.spec().as_norm() {
        return (values(norm, plan) < 2).then(|| layer.kind());
    }
    let lists = layer.spec().lists().into_iter().zip(&plan.lists);
    let mut inside = lists.flat_map(|((_, layers), plans)| layers.iter().zip(plans));
    inside.find_map(|(layer, plan)| lonely(layer, plan, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four epochs of a small network that begins with `layers`.
    pub(super) fn text(layers: &str) -> String {
        format!(
            "name = 'a'\ndata = {{ dataset = 'digits', batch_size = 64 }}\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\n\
             training = {{ epochs = 4 }}\n[network]\ntime_steps = 2\nencoder = 'poisson'\nlayers = ['flatten', {layers} \
             {{ linear = {{ features = 16 }} }}, 'lif', {{ linear = {{ features = 'classes' }} }}]"
        )
    }

    pub(super) fn parse(overrides: &[&str]) -> Result<CheckedExperiment> {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Experiment::parse(&text("{ linear = { features = 16 } }, 'bntt', 'lif',"), "a.toml", &overrides)
    }

    fn refused(overrides: &[&str]) -> Vec<String> {
        match parse(overrides).err().expect("a mistake") {
            Error::Config(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        }
    }

    #[test]
    fn paths_that_begin_with_a_tilde_are_refused_by_their_keys() {
        let told = |path: &str| tilde::mistake(Path::new(path)).unwrap();
        assert_eq!(
            refused(&["data.dataset={ cifar10 = { path = '~/data' } }", "training.initial_weights=~/w"]),
            [
                format!("command line: data.dataset.cifar10.path: {}", told("~/data")),
                format!("command line: training.initial_weights: {}", told("~/w")),
            ]
        );
        assert_eq!(
            refused(&["data.dataset={ mnist = { path = '' } }"]),
            [
                "command line: data.dataset.mnist.path: expected a path, found an empty string: \".\" is the current folder"
            ]
        );
        let tensors = "data.dataset={ tensors = { train = '~/a', test = '~/b' } }";
        let lines = refused(&[tensors]);
        for (key, path) in [("train", "~/a"), ("test", "~/b")] {
            let expected = format!("command line: data.dataset.tensors.{key}: {}", told(path));
            assert!(lines.contains(&expected), "{lines:?}");
        }
        let fine = parse(&["data.dataset={ cifar10 = { path = './~/data' } }", "training.initial_weights=none"]);
        assert_eq!(fine.unwrap().experiment.training.initial_weights, None);
    }

    #[test]
    fn what_is_accepted_can_be_written_and_read_again_and_longer_ones_are_refused_with_their_length() {
        let load = |count: usize| {
            let layers = "{ linear = { features = 16 } }, 'bntt', 'lif',".repeat(count);
            let text = text(&layers).replace("'digits'", "{ mnist = { path = 'mnist' } }");
            Experiment::parse(&text, "a.toml", &[]).map(|checked| checked.experiment)
        };
        let absolute = |mut experiment: Experiment| {
            experiment.make_paths_absolute();
            experiment.to_toml().unwrap()
        };
        let [short, longer] = [10, 11].map(|count| absolute(load(count).unwrap()).len());
        // The largest number of layers that fits.
        let most = 10 + (LARGEST_FILE as usize - short) / (longer - short);
        let written = absolute(load(most).unwrap());
        assert!(written.len() as u64 <= LARGEST_FILE);
        assert!(Experiment::parse(&written, "config.toml", &[]).is_ok());
        let bytes = written.len() + longer - short;
        assert_eq!(
            load(most + 1).unwrap_err().to_string(),
            format!(
                "a.toml: with every setting written out, as in a run's config.toml, this experiment has {bytes} bytes, and no more \
                 than 262144 are read again: the run could not be resumed. Name fewer layers, or shorten what is longest"
            )
        );
    }

    /// Of one image without pixels the fewest time-steps that a norm's statistics are over decide: one of `bntt` and of
    /// `tab`, whose first step has none before it.
    #[test]
    fn statistics_of_one_value_are_refused_for_every_norm_that_has_them() {
        for (norm, lonely) in [("bntt", true), ("tab", true), ("batch_norm", false), ("tdbn", false), ("tebn", false)] {
            let parsed = parse(&["data.batch_size=1", &format!("network.layers[2]={norm}")]);
            let told = parsed.err().map(|error| error.to_string());
            let problem =
                format!("data.batch_size: layer 2 {norm} needs batches of at least 2 images to have a variance");
            assert_eq!(told.as_ref().is_some_and(|told| told.contains(&problem)), lonely, "{norm}: {told:?}");
            assert_eq!(told.is_some(), lonely, "{norm}");
        }
    }

    /// A layer's absent key takes the shared one when its config is read again, so that "none" in a layer could not be
    /// written.
    #[test]
    fn no_setting_that_layers_share_may_be_absent() {
        for (kind, table) in SHARED.tables {
            // A table that says nothing may be left out.
            let said = parse(&["network.tebn.momentum=0.2", "network.tab.momentum=0.2"]).unwrap();
            let written = toml::Table::try_from(said.experiment).unwrap();
            let Some(toml::Value::Table(shared)) = settings::get(&written, table) else { panic!("{table}") };
            for key in shared.keys() {
                let message = refused(&[&format!("{table}.{key}=nothing")]).remove(0);
                assert!(!message.contains("or \"none\""), "{kind}: {message}");
            }
        }
    }
}
