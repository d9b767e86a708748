//! `bntt eval`, and how a trained network is found.

use super::fit::with_memory_explained;
use super::table::table;
use crate::checkpoint;
use crate::data::Batches;
use crate::error::{Error, Result};
use crate::evaluate::evaluate;
use crate::experiment::{Checked, Experiment};
use crate::network::Network;
use crate::run::{self, RunFolder};
use crate::stop::Stop;
use std::path::{Path, PathBuf};

/// Evaluate a run's network on its test images.
///
/// Prints loss, top-1 and top-5 accuracy and the firing rate of every LIF layer. The Poisson draws of evaluation are fixed by
/// the seed; --draws averages the logits of several.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt eval runs/quickstart/v0001 --checkpoint last --draws 3")]
pub struct Arguments {
    /// Run folder.
    run: PathBuf,
    /// Values that replace the run's, as in `data.dataset.cifar10.path=/data/cifar10`.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Which weights.
    #[arg(long, value_enum, default_value = "best")]
    checkpoint: Which,
    /// Poisson draws whose logits are averaged; as in training unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    draws: Option<u32>,
}

/// A run's two checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// Highest top-1 accuracy on the test images: chosen on test data.
    Best,
    /// After the last epoch.
    Last,
}

impl From<Which> for run::Which {
    fn from(which: Which) -> Self {
        match which {
            Which::Best => Self::Best,
            Which::Last => Self::Last,
        }
    }
}

/// Where a network's description comes from.
pub struct Source {
    pub checked: Checked,
    folder: Option<RunFolder>,
}

impl Source {
    /// A run folder, or an experiment file.
    pub fn open(path: &Path, overrides: &[String]) -> Result<Self> {
        let folder = if path.is_file() { None } else { Some(RunFolder::open(path)?) };
        let config = folder.as_ref().map_or_else(|| path.to_path_buf(), RunFolder::config);
        Ok(Self { checked: Experiment::load(&config, overrides)?, folder })
    }

    /// The network with the weights of `file`, or of the run's checkpoint.
    pub fn network(self, file: Option<&Path>, which: Which) -> Result<(Network, Checked)> {
        let Self { checked: Checked { experiment, shape, plan }, folder } = self;
        let device = experiment.training.open_device()?;
        let mut network = Network::build(&experiment.network, plan.clone(), experiment.seed, &device)?;
        let (path, tensors) = match (file, folder) {
            (Some(file), _) => (file.to_path_buf(), checkpoint::load_tensors(file, &device)?),
            (None, Some(folder)) => {
                let path = folder.checkpoint(which.into());
                (path.join("model.safetensors"), checkpoint::load(&path, &device)?.model)
            }
            (None, None) => {
                return Err(Error::Weights("an experiment file has no weights: name them with --weights FILE".into()));
            }
        };
        checkpoint::matching(&network.state_shapes(), &tensors, &path)?;
        network.load_state(&tensors)?;
        Ok((network, Checked { experiment, shape, plan }))
    }
}

pub fn eval(arguments: &Arguments) -> Result<()> {
    let source = Source::open(&arguments.run, &arguments.overrides)?;
    if source.folder.is_none() {
        let path = arguments.run.display();
        return Err(Error::Run(format!("{path}: expected a run folder such as runs/quickstart/v0001, found a file")));
    }
    let (network, checked) = source.network(None, arguments.checkpoint)?;
    let experiment = &checked.experiment;
    let dataset = experiment.load_data()?;
    let device = experiment.training.open_device()?;
    let batches = Batches::evaluate(&dataset.test, &experiment.data, &device)?;
    let draws = arguments.draws.map_or(experiment.training.evaluation_draws, |draws| draws as usize);
    let evaluation = with_memory_explained(&device, &checked, || evaluate(&network, &batches, draws, &Stop::never()))?;
    let evaluation = evaluation.unwrap_or_default();
    let (score, rates) = (evaluation.score, evaluation.activity.firing_rates()?);
    let mut rows = vec![vec!["layer".to_string(), "firing rate".into()]];
    rows.extend(rates.into_iter().map(|(layer, rate)| vec![layer, format!("{rate:.4}")]));
    super::print(&format!(
        "{} images, {draws} draw{}: loss {:.4}, top-1 {:.2} %, top-5 {:.2} %\n\n{}",
        score.images,
        if draws == 1 { "" } else { "s" },
        score.loss(),
        score.top1_percent(),
        score.top5_percent(),
        table(&rows, 1)
    ))
}
