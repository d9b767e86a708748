//! For PyTorch: a state dictionary and a module.

use crate::cli::trained::{CheckpointChoice, LoadedNetwork};
use crate::encoders::EncoderConfig;
use crate::error::Result;
use crate::files::output_folder::OutputFolder;
use crate::ops::Precision;
use crate::pytorch;
use std::path::Path;

pub fn pytorch(run: &Path, checkpoint: CheckpointChoice, folder: &Path) -> Result<()> {
    let (source, _, own) = super::opened(run)?;
    let output = OutputFolder { option: "--pytorch", path: folder, own: &own };
    output.check()?;
    let LoadedNetwork { network, checked, subject } = source.network(None, checkpoint)?;
    let module = pytorch::module(&checked, &format!("The network of {}", run.display()))?;
    let weights = pytorch::to_archive(&network.state())?;
    output.write(&[("weights.pt", weights), ("network.py", module.into_bytes())])?;
    let mut told = subject.map_or_else(String::new, |subject| format!("{}\n", subject.describe()));
    told += &format!("{}: {} tensors\n", folder.join("weights.pt").display(), network.state().len());
    told += &format!("{}: import Network from it\n", folder.join("network.py").display());
    if checked.experiment.training.precision != Precision::F32 {
        told += "The run computes in another precision than f32, in which the module does: logits differ by its rounding.\n";
    }
    if matches!(checked.experiment.network.encoder, EncoderConfig::Poisson(_)) {
        told += "Its Poisson draws are PyTorch's: for equal logits, give it the coded sequence.\n";
    }
    crate::cli::print(&told)
}
