//! Loading a trained network and the test images for `eval`, `energy`, `attack` and their like.

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use crate::data::{Batches, Dataset, SplitImages};
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, Experiment};
use crate::network::Network;
use crate::run::checkpoint;
use crate::run::{self, RunFolder};
use crate::train::memory_check::{refuse_evaluation_that_cannot_fit, with_memory_explained};
use candle_core::Device;
use std::path::{Path, PathBuf};

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

/// A trained network with the test images of its experiment.
pub struct Trained {
    pub network: Network,
    pub checked: CheckedExperiment,
    pub dataset: Dataset,
    pub device: Device,
}

impl RunNetworkArguments {
    pub fn open(&self) -> Result<Trained> {
        Trained::open(&self.run, &self.overrides, self.checkpoint)
    }
}

impl Trained {
    /// The network of a run folder, and its data set.
    pub fn open(run: &Path, overrides: &[String], which: CheckpointChoice) -> Result<Self> {
        let source = NetworkSource::open(run, overrides)?;
        if source.folder.is_none() {
            let path = run.display();
            return Err(Error::Run(format!(
                "{path}: expected a run folder such as runs/quickstart/v0001, found a file"
            )));
        }
        let (network, checked) = source.network(None, which)?;
        let dataset = checked.experiment.load_data_to_evaluate()?;
        let device = checked.experiment.training.open_device()?;
        Ok(Self { network, checked, dataset, device })
    }

    /// What `work` makes of the network and the test images when it computes so many time-steps; where there is no
    /// memory for it, an error says what would fit.
    pub fn on_test_images<R>(
        &self,
        time_steps: usize,
        work: impl FnOnce(&Network, &Batches<'_>) -> Result<R>,
    ) -> Result<R> {
        self.on((&self.dataset.test).into(), time_steps, work)
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
        self.on(SplitImages::at(&self.dataset.train, &holdout.validation), time_steps, work)
    }

    fn on<R>(
        &self,
        images: SplitImages<'_>,
        time_steps: usize,
        work: impl FnOnce(&Network, &Batches<'_>) -> Result<R>,
    ) -> Result<R> {
        refuse_evaluation_that_cannot_fit(&self.checked, &self.device, images.len(), time_steps)?;
        let batches = Batches::evaluate(images, &self.checked.experiment.data, &self.device)?;
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

/// Where a network's description comes from.
pub struct NetworkSource {
    pub checked: CheckedExperiment,
    pub folder: Option<RunFolder>,
}

impl NetworkSource {
    /// A run folder, or an experiment file.
    pub fn open(path: &Path, overrides: &[String]) -> Result<Self> {
        let folder = if path.is_file() { None } else { Some(RunFolder::open(path)?) };
        let config = folder.as_ref().map_or_else(|| path.to_path_buf(), RunFolder::config);
        let checked = Experiment::load_to_evaluate(&config, overrides);
        let checked = checked.map_err(|error| of_other_kind(error, &config, &[FileKind::Experiment]))?;
        Ok(Self { checked, folder })
    }

    /// The network with the weights of `file`, or of the run's checkpoint.
    pub fn network(self, file: Option<&Path>, which: CheckpointChoice) -> Result<(Network, CheckedExperiment)> {
        let Self { checked: CheckedExperiment { experiment, shape, plan }, folder } = self;
        let device = experiment.training.open_device()?;
        let mut network = Network::build(&experiment.network, plan.clone(), experiment.seed, &device)?;
        match (file, folder) {
            (Some(file), _) => network.load_file(file)?,
            (None, Some(folder)) => {
                let path = folder.checkpoint(which.into());
                let found = checkpoint::load(&path, &device)?;
                checkpoint::matching(&network.state_shapes(), &found.model, &path.join("model.safetensors"))?;
                network.load_state(&found.model)?;
            }
            (None, None) => {
                return Err(Error::Weights("an experiment file has no weights: name them with --weights FILE".into()));
            }
        }
        Ok((network, CheckedExperiment { experiment, shape, plan }))
    }
}
