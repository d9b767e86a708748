//! `bntt predict`.

use super::path_argument::path;
use super::trained::{LoadedNetwork, NetworkSource};
use crate::data::{Batches, DataConfig, read_unlabelled};
use crate::error::{Error, Result};
use crate::files::output;
use crate::files::weights;
use crate::ops::finite;
use crate::run::RunFolder;
use crate::terminal::logging::Log;
use crate::terminal::progress::BatchBar;
use crate::train::evaluate::{self, EvaluationOptions};
use crate::train::memory_check::refuse_evaluation_that_cannot_fit;
use candle_core::Tensor;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Classify images of a safetensors file with a trained network.
///
/// The input holds `images` [N, C, H, W] (u8 or f32), or `sequences` [N, T, C, H, W] for encoder = "none"; they are
/// normalised as in training. The output holds `logits` [N, classes] (f32) and `labels` [N] (u32), the classes with the
/// largest logits.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bntt predict runs/quickstart/v0001 --input images.safetensors --output labels.safetensors\n  \
                        bntt predict configs/quickstart.toml --weights model.safetensors --input in.safetensors --output out.safetensors"
)]
pub struct PredictArguments {
    /// Run folder, or experiment file together with --weights.
    #[arg(value_parser = path())]
    run_or_config: PathBuf,
    /// Weights; the run's best checkpoint unless given.
    #[arg(long, value_name = "FILE", value_parser = path())]
    weights: Option<PathBuf>,
    /// Images to classify.
    #[arg(long, value_name = "FILE", value_parser = path())]
    input: PathBuf,
    /// Time-steps to compute, at most the network's: no step after them. As many as in training unless given.
    #[arg(long, value_name = "N")]
    time_steps: Option<usize>,
    /// Where logits and labels go.
    #[arg(long, value_name = "FILE", value_parser = path())]
    output: PathBuf,
}

pub fn predict(arguments: &PredictArguments, log: &Log) -> Result<()> {
    let source = NetworkSource::open(&arguments.run_or_config, &[])?;
    let own = source.folder.as_ref().map_or_else(|| vec![arguments.run_or_config.clone()], RunFolder::own_files);
    let inputs = [vec![arguments.input.clone()], arguments.weights.iter().cloned().collect(), own].concat();
    output::check(&arguments.output, &inputs)?;
    let LoadedNetwork { network, checked, subject } =
        source.network(arguments.weights.as_deref(), super::trained::CheckpointChoice::Best)?;
    let experiment = &checked.experiment;
    let coded = checked.shape.time_steps.is_some();
    let split = read_unlabelled(&arguments.input, if coded { "sequences" } else { "images" })?;
    let shape = checked.shape;
    let mut expected = vec![shape.channels, shape.height, shape.width];
    expected.splice(0..0, shape.time_steps);
    if split.shape != expected {
        let (found, input) = (&split.shape, arguments.input.display());
        return Err(Error::Data(format!(
            "{input}: expected images of {expected:?}, as the network was built for, found {found:?}"
        )));
    }
    let device = experiment.training.open_device()?;
    // The batch size changes memory alone, never a result.
    let data = DataConfig { batch_size: experiment.data.batch_size.max(1), ..experiment.data.clone() };
    let usual = evaluate::evaluation_options(experiment, &network)?;
    let options = EvaluationOptions { time_steps: arguments.time_steps.unwrap_or(usual.time_steps), ..usual };
    refuse_evaluation_that_cannot_fit(&checked, &device, split.len(), options.time_steps)?;
    let mut logits = Vec::new();
    let batches = Batches::evaluate(&split, &data, &device)?;
    let bar = BatchBar::new(log, "images", batches.steps());
    let done = |batches| bar.done(batches);
    for batch in batches.telling(&done).iter_from(0) {
        logits.push(evaluate::logits(&network, &batch?, options)?.0);
    }
    let logits = Tensor::cat(&logits, 0)?.to_device(&candle_core::Device::Cpu)?;
    finite::check_logits(&logits)?;
    let labels = logits.argmax(1)?;
    let count = labels.elem_count();
    let tensors = BTreeMap::from([("logits".into(), logits), ("labels".into(), labels)]);
    output::write(&arguments.output, &weights::to_bytes(&arguments.output, &tensors)?, &inputs)?;
    let by = subject.map_or_else(String::new, |subject| format!("{}\n", subject.describe()));
    super::print(&format!("{by}{count} images classified: {}\n", arguments.output.display()))
}
