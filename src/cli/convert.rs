//! `bntt convert`.

use super::path_argument::path;
use super::trained::RunNetworkArguments;
use crate::analysis::conversion::{self, ConversionEncoder, ConversionOptions, Converted};
use crate::error::{Error, Result};
use crate::experiment::CheckedExperiment;
use crate::files::atomic::write_atomically;
use crate::network::{Network, NetworkPlan};
use crate::ops::device;
use crate::report::table::{Printout, Table, text};
use crate::run::RunFolder;
use crate::run::checkpoint::TrainingProgress;
use crate::run::provenance::{ConversionRecord, Git, Outcome, Provenance};
use crate::terminal::logging::Log;
use crate::train;
use std::path::{Path, PathBuf};

/// Convert a run's network of rectified linear units into one of spiking neurons.
///
/// The run is one of `network.neuron = "relu"`. Its units become integrate-and-fire neurons with a soft reset, whose
/// thresholds are balanced on the training images: of each layer the given percentile of its activations. Weights and
/// batch norms are those of the run, as far as spikes of the value 1 allow. The new network is a run of its own, of the
/// next version beside the other, which `eval`, `energy`, `early-exit` and `attack` take: nothing is trained.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt convert runs/quickstart_ann/v0001 --time-steps 256 --percentile 99.9")]
pub struct ConvertArguments {
    #[command(flatten)]
    of: RunNetworkArguments,
    /// Length of the new network's sequences.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..))]
    time_steps: u32,
    /// Percent of a layer's activations that its threshold is not below; 100 takes the largest.
    #[arg(long, value_name = "P", default_value_t = 99.9)]
    percentile: f64,
    /// How images become sequences.
    #[arg(long, value_enum, default_value = "direct")]
    encoder: ConversionEncoder,
    /// Where the new run goes; beside the run that is converted unless given.
    #[arg(long, value_name = "DIR", value_parser = path())]
    runs: Option<PathBuf>,
    #[command(flatten)]
    format: super::FormatArgument,
}

pub fn convert(arguments: &ConvertArguments, log: &Log) -> Result<()> {
    let &ConvertArguments { percentile, encoder, .. } = arguments;
    if !(percentile > 0.0 && percentile <= 100.0) {
        return Err(Error::Run(format!("--percentile: expected a number above 0 and up to 100, found {percentile}")));
    }
    let options = ConversionOptions { time_steps: arguments.time_steps as usize, percentile, encoder };
    let trained = arguments.of.open(log)?;
    let experiment = &trained.checked.experiment;
    conversion::check(&experiment.network)?;
    let activations = trained
        .on_training_images(|network, batches| conversion::activations(network, &experiment.network, batches))?;
    let converted = conversion::convert(experiment, &trained.network.state(), &activations, options)?;

    let source = RunFolder::open(&arguments.of.run)?;
    let checkpoint = source.checkpoint(arguments.of.checkpoint.into());
    let record = ConversionRecord {
        from: std::path::absolute(source.path()).unwrap_or_else(|_| source.path().to_path_buf()),
        model_sha256: TrainingProgress::load(&checkpoint)?.model_sha256,
        percentile,
        images: activations.images,
        thresholds: converted.thresholds.clone(),
    };
    let root = match &arguments.runs {
        Some(root) => root.clone(),
        None => beside(&source),
    };
    let run = write(&root, converted, &trained, record)?;
    arguments.format.print(describe(&run, &arguments.of.run, &activations.images, options)?)
}

/// The folder of runs that holds a run.
fn beside(run: &RunFolder) -> PathBuf {
    let root = |path: &Path| path.parent()?.parent().filter(|root| !root.as_os_str().is_empty()).map(Path::to_path_buf);
    let whole = || root(&run.path().canonicalize().ok()?);
    root(run.path()).or_else(whole).unwrap_or_else(|| PathBuf::from("runs"))
}

/// Makes the new run's folder, with all that is in it.
fn write(
    root: &Path,
    converted: Converted,
    trained: &super::trained::Trained,
    record: ConversionRecord,
) -> Result<RunFolder> {
    let Converted { mut experiment, model, .. } = converted;
    experiment.make_paths_absolute();
    let CheckedExperiment { shape, plan, .. } = &trained.checked;
    let plan = NetworkPlan::new(&experiment.network, shape, plan.precision).map_err(|mistakes| {
        let told: Vec<String> = mistakes.into_iter().map(|(key, problem)| format!("{key}: {problem}")).collect();
        Error::Run(format!("the network cannot be converted: {}.", told.join("; ")))
    })?;
    let mut network = Network::build(&experiment.network, plan, experiment.seed, &trained.device)?;
    network.load_state(&model)?;
    let (git, uncommitted) = Git::read(Path::new("."), experiment.provenance.git);
    let data = trained.dataset.checksums.clone();
    let threads = rayon::current_num_threads();
    let mut provenance = Provenance::begin(experiment.seed, &device::name(&trained.device), threads, data, git);
    provenance.converted = Some(record);
    provenance.finish(Outcome::Converted);
    let (run, _lock) = RunFolder::create_with(root, &experiment.name, |folder| {
        write_atomically(&folder.config(), experiment.to_toml()?.as_bytes())?;
        uncommitted.write(&folder.uncommitted_diff())?;
        provenance.save(&folder.provenance())?;
        train::save_checkpoints_untrained(&experiment, &trained.dataset, folder, &mut network)
    })?;
    Ok(run)
}

fn describe(run: &RunFolder, from: &Path, images: &u64, options: ConversionOptions) -> Result<Printout> {
    let provenance = Provenance::load(&run.provenance())?;
    let thresholds = provenance.converted.map(|record| record.thresholds).unwrap_or_default();
    let row = |(layer, threshold): &(String, f64)| vec![layer.clone(), format!("{threshold:.4}")];
    let table = Table::new(&["layer", "threshold"], thresholds.iter().map(row).collect(), 1);
    let ConversionOptions { time_steps, percentile, .. } = options;
    let (path, from) = (run.path().display().to_string(), from.display().to_string());
    let text = format!(
        "{from} -> {path}: {time_steps} time-steps; thresholds at {percentile} % of the activations on {images} training \
         images\n\n{}\nbntt eval {path} says what it gets right.\n",
        text::render(&table, None)
    );
    let json = serde_json::json!({
        "run": path,
        "from": from,
        "time_steps": time_steps,
        "percentile": percentile,
        "images": images,
        "thresholds": thresholds.into_iter().map(|(layer, value)| (layer, value.into())).collect::<serde_json::Map<_, _>>(),
    });
    Ok(Printout::new(text, vec![table]).with_json(json))
}
