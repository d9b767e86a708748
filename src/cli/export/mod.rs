//! `bntt export`.

mod hardware;
mod pytorch;
mod trackers;

use super::path_argument::path;
use super::trained::{CheckpointChoice, NetworkSource};
use crate::error::{Error, Result};
use crate::run::RunFolder;
use crate::terminal::logging::Log;
use std::path::{Path, PathBuf};

/// Write a run for other programs: its network for PyTorch, its layers for simulators of hardware, its numbers for
/// trackers of experiments.
///
/// One of these at a time. Files of the names below are replaced; nothing is written over a run's own.
///
/// --pytorch: weights.pt, a state dictionary under this program's names, and network.py, a module of at most 80 lines
/// that reads it and gives the logits of `bntt predict`: running statistics, no dropout. The images it takes are
/// normalised. Of a Poisson encoder the draws are PyTorch's own; a coded sequence is taken as well.
///
/// --sata: workload.yaml, as SATA_Sim's inference reads it: time-steps, shapes, and the share of multiply-accumulates
/// whose input was zero on the test images. With --gradients also training.yaml, the network as SATA_Sim's model of
/// training reads it, with the numbers for its energy_cal.py: the share of gradients that were zero in training steps
/// on the same images, without a move of the weights.
///
/// --spikesim: spikesim_lists.py, the lists of SpikeSim's ela_spikesim.py. It takes no sparsity.
///
/// --mlflow: the runs in MLflow's file store, an experiment a name: config, metrics by epoch, note and tags.
///
/// --trackio: the run's metrics by epoch, as trackio.import_csv reads them.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt export runs/quickstart/v0001 --pytorch exported\n  \
    cd exported && python3 -c 'from network import Network; print(Network())'\n  \
    bntt export runs/quickstart/v0001 --sata sata --images 100\n  \
    bntt export runs/quickstart/v* --mlflow mlruns")]
pub struct ExportArguments {
    /// Run folder; several with --mlflow.
    #[arg(value_name = "RUN", required = true, value_parser = path())]
    runs: Vec<PathBuf>,
    /// Which weights, where weights are exported or evaluated.
    #[arg(long, value_enum, default_value = "best")]
    checkpoint: CheckpointChoice,
    #[command(flatten)]
    to: ExportTarget,
    /// The most test images that sparsity is counted on; all unless given.
    #[arg(long, value_name = "N", requires = "sata", value_parser = clap::value_parser!(u32).range(1..))]
    images: Option<u32>,
    /// Count the zeros among gradients, too.
    #[arg(long, requires = "sata")]
    gradients: bool,
}

/// For whom.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct ExportTarget {
    /// A folder for PyTorch; it is made where there is none.
    #[arg(long, value_name = "FOLDER", value_parser = path())]
    pytorch: Option<PathBuf>,
    /// A folder for SATA_Sim.
    #[arg(long, value_name = "FOLDER", value_parser = path())]
    sata: Option<PathBuf>,
    /// A folder for SpikeSim.
    #[arg(long, value_name = "FOLDER", value_parser = path())]
    spikesim: Option<PathBuf>,
    /// MLflow's folder of experiments, new or with others in it.
    #[arg(long, value_name = "FOLDER", value_parser = path())]
    mlflow: Option<PathBuf>,
    /// A CSV file for trackio.
    #[arg(long, value_name = "FILE", value_parser = path())]
    trackio: Option<PathBuf>,
}

pub fn export(arguments: &ExportArguments, log: &Log) -> Result<()> {
    let ExportArguments { runs, checkpoint, to, images, gradients } = arguments;
    if let Some(folder) = &to.mlflow {
        return trackers::mlflow(runs, folder);
    }
    let [run] = &runs[..] else {
        let found = runs.len();
        return Err(Error::Run(format!("expected one run, found {found}: only --mlflow takes several.")));
    };
    match to {
        ExportTarget { sata: Some(folder), .. } => hardware::sata(run, *checkpoint, folder, (*images, *gradients), log),
        ExportTarget { spikesim: Some(folder), .. } => hardware::spikesim(run, folder),
        ExportTarget { trackio: Some(file), .. } => trackers::trackio(run, file),
        // One of them is given: clap's group requires it.
        ExportTarget { pytorch: Some(folder), .. } => pytorch::pytorch(run, *checkpoint, folder),
        _ => Ok(()),
    }
}

/// A run's folder with its config, and what no file may be written over.
fn opened(run: &Path) -> Result<(NetworkSource, RunFolder, Vec<PathBuf>)> {
    let source = NetworkSource::open(run, &[])?;
    let Some(folder) = source.folder.clone() else {
        let path = run.display();
        return Err(Error::Run(format!("{path}: expected a run folder such as runs/quickstart/v0001, found a file.")));
    };
    let own = folder.own_files();
    Ok((source, folder, own))
}
