//! Loading a trained network and the test images for `eval`, `energy`, `attack` and their like; and what it was, in
//! words.

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use crate::data::{Batches, Dataset, SplitImages};
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, ChosenOn, Experiment};
use crate::network::Network;
use crate::run::analyses::{AnalysedCheckpoint, RecordedAnalysis};
use crate::run::checkpoint;
use crate::run::{self, RunFolder};
use crate::terminal::logging::Log;
use crate::terminal::progress::BatchBar;
use crate::train::memory_check::{refuse_evaluation_that_cannot_fit, with_memory_explained};
use candle_core::Device;
use serde::Serialize;
use std::path::{Path, PathBuf};
use tracing::warn;

/// The network of a run, on the run's test images.
#[derive(clap::Args)]
pub struct RunNetworkArguments {
    /// Run folder.
    #[arg(value_name = "RUN", value_parser = path())]
    pub run: PathBuf,
    /// Values that replace the run's, as in `data.dataset.cifar10.path=/data/cifar10` or `data.limit.test=1000`.
    #[arg(value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Which weights.
    #[arg(long, value_enum, default_value = "best")]
    pub checkpoint: CheckpointChoice,
}

/// Which run's network was evaluated, of which checkpoint, and with which values in place of the run's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvaluatedNetwork {
    /// The folder of the run, with its version.
    pub run: PathBuf,
    /// `best`, `last` or `recalibrated`.
    pub checkpoint: &'static str,
    /// The epochs that its weights were trained for.
    pub epoch: usize,
    pub overrides: Vec<String>,
    #[serde(skip)]
    chosen_on: ChosenOn,
    /// SHA-256 of the checkpoint's model.safetensors.
    #[serde(skip)]
    model_sha256: String,
}

impl EvaluatedNetwork {
    /// `runs/quickstart/v0001, checkpoint best (epoch 6, chosen on the test images), with data.limit.test=100`.
    pub fn describe(&self) -> String {
        let Self { run, checkpoint, epoch, overrides, chosen_on, .. } = self;
        let chosen = match *checkpoint == "best" && *epoch > 0 {
            true => format!(", chosen on the {} images", chosen_on.name()),
            false => String::new(),
        };
        let with = if overrides.is_empty() { String::new() } else { format!(", with {}", overrides.join(" ")) };
        format!("{}, checkpoint {checkpoint} (epoch {epoch}{chosen}){with}", run.display())
    }
}

/// A trained network with the test images of its experiment.
pub struct Trained {
    pub network: Network,
    pub subject: EvaluatedNetwork,
    pub checked: CheckedExperiment,
    pub dataset: Dataset,
    pub device: Device,
    folder: RunFolder,
    log: Log,
}

impl RunNetworkArguments {
    pub fn open(&self, log: &Log) -> Result<Trained> {
        Trained::open(&self.run, &self.overrides, self.checkpoint, log)
    }
}

impl Trained {
    /// The network of a run folder, and its data set. How far a work on its images is stands on the screen of `log`.
    pub fn open(run: &Path, overrides: &[String], which: CheckpointChoice, log: &Log) -> Result<Self> {
        let source = NetworkSource::open(run, overrides)?;
        let Some(folder) = source.folder.clone() else {
            let path = run.display();
            return Err(Error::Run(format!(
                "{path}: expected a run folder such as runs/quickstart/v0001, found a file"
            )));
        };
        let LoadedNetwork { network, checked, subject } = source.network(None, which)?;
        // Weights of a run folder are a checkpoint's.
        let subject = subject.ok_or_else(|| Error::Run(format!("{} has no checkpoint", run.display())))?;
        let dataset = checked.experiment.load_data_to_evaluate()?;
        let device = checked.experiment.training.open_device()?;
        Ok(Self { network, subject, checked, dataset, device, folder, log: log.clone() })
    }

    /// What `command` will have found of this network.
    pub fn analysis(&self, command: &str) -> RecordedAnalysis {
        let EvaluatedNetwork { checkpoint, epoch, overrides, model_sha256, .. } = &self.subject;
        let model_sha256 = model_sha256.clone();
        let checkpoint = AnalysedCheckpoint { which: (*checkpoint).into(), epoch: *epoch, model_sha256 };
        RecordedAnalysis::new(command, checkpoint, overrides)
    }

    /// Leaves it in the run's folder for tables; where that cannot be written the numbers are printed all the same.
    pub fn keep(&self, analysis: &RecordedAnalysis) {
        if let Err(error) = analysis.save(&self.folder) {
            warn!("these numbers are not kept in the run's folder, and no table will have them: {error}");
        }
    }

    /// What `work` makes of the network and the test images when it computes so many time-steps; where there is no
    /// memory for it, an error says what would fit.
    pub fn on_test_images<R>(
        &self,
        time_steps: usize,
        work: impl FnOnce(&Network, &Batches<'_>) -> Result<R>,
    ) -> Result<R> {
        self.on(("test images", (&self.dataset.test).into()), time_steps, work)
    }

    /// The same of the training images that are held out.
    ///
    /// # Errors
    /// [`Error::Run`] where the run has none.
    pub fn on_validation_images<R>(
        &self,
        time_steps: usize,
        work: impl FnOnce(&Network, &Batches<'_>) -> Result<R>,
    ) -> Result<R> {
        let Some(holdout) = self.checked.experiment.holdout(&self.dataset)? else {
            let problem = "the run has no validation images: data.validation is absent. Leave out --images validation.";
            return Err(Error::Run(problem.into()));
        };
        let images = SplitImages::at(&self.dataset.train, &holdout.validation);
        self.on(("validation images", images), time_steps, work)
    }

    /// What `work` makes of the network and the training images, all of them, each as one image.
    pub fn on_training_images<R>(&self, work: impl FnOnce(&Network, &Batches<'_>) -> Result<R>) -> Result<R> {
        self.on(("training images", (&self.dataset.train).into()), 1, work)
    }

    fn on<R>(
        &self,
        (name, images): (&'static str, SplitImages<'_>),
        time_steps: usize,
        work: impl FnOnce(&Network, &Batches<'_>) -> Result<R>,
    ) -> Result<R> {
        refuse_evaluation_that_cannot_fit(&self.checked, &self.device, images.len(), time_steps)?;
        let batches = Batches::evaluate(images, &self.checked.experiment.data, &self.device)?;
        let bar = BatchBar::new(&self.log, name, batches.steps());
        let done = |batches| bar.done(batches);
        let batches = batches.telling(&done);
        with_memory_explained(&self.device, &self.checked, || work(&self.network, &batches))
    }
}

/// A run's checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CheckpointChoice {
    /// Highest top-1 accuracy on the validation images or, where there are none, on the test images: chosen on test
    /// data then.
    Best,
    /// After the last epoch.
    Last,
    /// With running statistics that `bntt recalibrate` estimated again.
    Recalibrated,
}

impl From<CheckpointChoice> for run::CheckpointKind {
    fn from(which: CheckpointChoice) -> Self {
        match which {
            CheckpointChoice::Best => Self::Best,
            CheckpointChoice::Last => Self::Last,
            CheckpointChoice::Recalibrated => Self::Recalibrated,
        }
    }
}

/// A network with weights.
pub struct LoadedNetwork {
    pub network: Network,
    pub checked: CheckedExperiment,
    /// Whose weights it has, where they are a run's.
    pub subject: Option<EvaluatedNetwork>,
}

/// Where a network's description comes from.
pub struct NetworkSource {
    pub checked: CheckedExperiment,
    pub folder: Option<RunFolder>,
    overrides: Vec<String>,
}

impl NetworkSource {
    /// A run folder, or an experiment file.
    pub fn open(path: &Path, overrides: &[String]) -> Result<Self> {
        let folder = if path.is_file() { None } else { Some(RunFolder::open(path)?) };
        let config = folder.as_ref().map_or_else(|| path.to_path_buf(), RunFolder::config);
        let checked = Experiment::load_to_evaluate(&config, overrides);
        let checked = checked.map_err(|error| of_other_kind(error, &config, &[FileKind::Experiment]))?;
        Ok(Self { checked, folder, overrides: overrides.to_vec() })
    }

    /// The network with the weights of `file`, or of the run's checkpoint, and which that is.
    pub fn network(self, file: Option<&Path>, which: CheckpointChoice) -> Result<LoadedNetwork> {
        let Self { checked: CheckedExperiment { experiment, shape, plan }, folder, overrides } = self;
        let device = experiment.training.open_device()?;
        let mut network = Network::build(&experiment.network, plan.clone(), experiment.seed, &device)?;
        let subject = match (file, folder) {
            (Some(file), _) => {
                network.load_file(file)?;
                None
            }
            (None, Some(folder)) => {
                let which = run::CheckpointKind::from(which);
                let path = folder.checkpoint(which);
                let found = checkpoint::load(&path, &device)?;
                checkpoint::matching(&network.state_shapes(), &found.model, &path.join("model.safetensors"))?;
                network.load_state(&found.model)?;
                Some(EvaluatedNetwork {
                    run: folder.path().to_path_buf(),
                    checkpoint: which.name(),
                    epoch: found.progress.epoch,
                    overrides,
                    chosen_on: experiment.chosen_on(),
                    model_sha256: found.progress.model_sha256,
                })
            }
            (None, None) => {
                return Err(Error::Weights("an experiment file has no weights: name them with --weights FILE".into()));
            }
        };
        Ok(LoadedNetwork { network, checked: CheckedExperiment { experiment, shape, plan }, subject })
    }
}
