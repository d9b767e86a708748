//! `bntt import`.

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, Experiment};
use crate::files::atomic::write_atomically;
use crate::files::weights;
use crate::network::Network;
use crate::ops::{device, finite};
use crate::pytorch::{self, Assigned};
use crate::report::table::{Printout, Table, text};
use crate::run::RunFolder;
use crate::run::provenance::{Git, ImportRecord, Outcome, Provenance};
use crate::train;
use std::path::{Path, PathBuf};

/// Make a run of a state dictionary of PyTorch.
///
/// FILE is what torch.save wrote: a dict of tensors by name, alone or in a dict beside other things; nothing of it is
/// run. CONFIG describes its network. Tensors under this program's names (of `bntt export`, or safetensors) are taken
/// by name; others by kind and order: convolutions, linear layers and batch norms, each first to last. A list of batch
/// norms (bntt1.0, bntt1.1, ...) is one layer with a norm for every time-step. All shapes are compared, and the table
/// says what was taken for what. The new run has the config's name; `eval` and its like take it.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  bntt import model.pth.tar --config configs/vgg9_cifar10_bntt.toml network.time_steps=25"
)]
pub struct ImportArguments {
    /// File of torch.save, or safetensors.
    #[arg(value_name = "FILE", value_parser = path())]
    file: PathBuf,
    /// Experiment file of the network that the tensors are of.
    #[arg(long, value_name = "CONFIG", value_parser = path())]
    config: PathBuf,
    /// Values that replace the experiment's, as in `network.time_steps=25`.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Where the new run goes.
    #[arg(long, value_name = "DIR", default_value = "runs", value_parser = path())]
    runs: PathBuf,
    #[command(flatten)]
    format: super::FormatArgument,
}

pub fn import(arguments: &ImportArguments) -> Result<()> {
    let ImportArguments { file, config, overrides, runs, .. } = arguments;
    let checked = Experiment::load(config, overrides);
    let checked = checked.map_err(|error| of_other_kind(error, config, &[FileKind::Experiment]))?;
    let CheckedExperiment { mut experiment, plan, .. } = checked;
    let found = pytorch::read(file)?;
    let device = experiment.training.open_device()?;
    let mut network = Network::build(&experiment.network, plan, experiment.seed, &device)?;
    let Assigned { model, sources } = pytorch::assign(&network.ordered_shapes(), found, file)?;
    finite::check_weights(&model, file)?;
    network.load_state(&model)?;
    if let Some(problem) = network.unfit_threshold()? {
        return Err(Error::Weights(format!("{}: {problem}.", file.display())));
    }
    let dataset = experiment.load_data()?;
    experiment.training.initial_weights = None;
    experiment.make_paths_absolute();
    let (git, uncommitted) = Git::read(Path::new("."), experiment.provenance.git);
    let (data, threads) = (dataset.checksums.clone(), rayon::current_num_threads());
    let mut provenance = Provenance::begin(experiment.seed, &device::name(&device), threads, data, git);
    provenance.imported = Some(ImportRecord {
        from: std::path::absolute(file).unwrap_or_else(|_| file.clone()),
        sha256: weights::sha256(file)?,
        tensors: sources.clone(),
    });
    provenance.finish(Outcome::Imported);
    let (run, _lock) = RunFolder::create_with(runs, &experiment.name, |folder| {
        write_atomically(&folder.config(), experiment.to_toml()?.as_bytes())?;
        uncommitted.write(&folder.uncommitted_diff())?;
        provenance.save(&folder.provenance())?;
        train::save_checkpoints_untrained(&experiment, &dataset, folder, &mut network)
    })?;
    let rows = sources.iter().map(|(name, source)| vec![name.clone(), source.clone()]).collect();
    let table = Table::new(&["tensor", "in the file"], rows, 2);
    let (from, to) = (file.display(), run.path().display().to_string());
    let text = format!("{from} -> {to}\n\n{}\nbntt eval {to} says what it gets right.\n", text::render(&table, None));
    let json = serde_json::json!({
        "run": to,
        "from": from.to_string(),
        "tensors": sources.into_iter().map(|(name, source)| (name, source.into())).collect::<serde_json::Map<_, _>>(),
    });
    arguments.format.print(Printout::new(text, vec![table]).with_json(json))
}
