//! `bntt export`.

use super::path_argument::path;
use super::trained::{CheckpointChoice, LoadedNetwork, NetworkSource};
use crate::encoders::EncoderConfig;
use crate::error::{Error, Result};
use crate::files::{atomic, output};
use crate::ops::Precision;
use crate::pytorch;
use crate::run::RunFolder;
use std::path::PathBuf;

/// Write a run's network as a state dictionary and a module of PyTorch.
///
/// FOLDER gets weights.pt, a state dictionary under this program's names, and network.py, a module of at most 80 lines
/// that reads it and gives the logits of `bntt predict`: running statistics, no dropout. The images it takes are
/// normalised. Of a Poisson encoder the draws are PyTorch's own; a coded sequence is taken as well. Files of these
/// names are replaced.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt export runs/quickstart/v0001 --pytorch exported\n  \
    cd exported && python3 -c 'from network import Network; print(Network())'")]
pub struct ExportArguments {
    /// Run folder.
    #[arg(value_name = "RUN", value_parser = path())]
    run: PathBuf,
    /// Which weights.
    #[arg(long, value_enum, default_value = "best")]
    checkpoint: CheckpointChoice,
    /// The folder that the files go to; it is made where there is none.
    #[arg(long, value_name = "FOLDER", required = true, value_parser = path())]
    pytorch: PathBuf,
}

pub fn export(arguments: &ExportArguments) -> Result<()> {
    let (run, folder) = (&arguments.run, &arguments.pytorch);
    let source = NetworkSource::open(run, &[])?;
    let Some(own) = source.folder.as_ref().map(RunFolder::own_files) else {
        let path = run.display();
        return Err(Error::Run(format!("{path}: expected a run folder such as runs/quickstart/v0001, found a file.")));
    };
    if folder.exists() && !folder.is_dir() {
        let path = folder.display();
        return Err(Error::Run(format!("--pytorch {path}: expected a folder, found a file. Name another.")));
    }
    let whole = |path: &PathBuf| path.canonicalize().ok().filter(|path| path.is_dir());
    let of_run = |own: &PathBuf| whole(folder).zip(whole(own)).is_some_and(|(folder, own)| folder.starts_with(own));
    if own.iter().any(of_run) {
        let path = folder.display();
        return Err(Error::Run(format!("--pytorch {path}: these are the run's checkpoints. Name another folder.")));
    }
    let LoadedNetwork { network, checked, subject } = source.network(None, arguments.checkpoint)?;
    let module = pytorch::module(&checked, &format!("The network of {}", run.display()))?;
    let weights = pytorch::to_archive(&network.state())?;
    atomic::create_folders(folder)?;
    let files = [("weights.pt", weights), ("network.py", module.into_bytes())];
    files.iter().try_for_each(|(name, _)| output::check(&folder.join(name), &own))?;
    files.iter().try_for_each(|(name, bytes)| output::write(&folder.join(name), bytes, &own))?;
    let mut told = subject.map_or_else(String::new, |subject| format!("{}\n", subject.describe()));
    told += &format!("{}: {} tensors\n", folder.join("weights.pt").display(), network.state().len());
    told += &format!("{}: import Network from it\n", folder.join("network.py").display());
    if checked.experiment.training.precision != Precision::F32 {
        told += "The run computes in another precision than f32, in which the module does: logits differ by its rounding.\n";
    }
    if matches!(checked.experiment.network.encoder, EncoderConfig::Poisson(_)) {
        told += "Its Poisson draws are PyTorch's: for equal logits, give it the coded sequence.\n";
    }
    super::print(&told)
}
