//! For simulators of neuromorphic hardware.

use crate::analysis::energy::{Meter, products};
use crate::analysis::hardware::{InputSparsity, lists, mapped_layers, sparsity, workload};
use crate::cli::trained::{CheckpointChoice, Trained};
use crate::error::Result;
use crate::files::output_folder::OutputFolder;
use crate::terminal::logging::Log;
use std::path::Path;

/// SATA_Sim's workload, with the sparsity of all test images or the first `images`.
pub fn sata(run: &Path, checkpoint: CheckpointChoice, folder: &Path, images: Option<u32>, log: &Log) -> Result<()> {
    let (_, _, own) = super::opened(run)?;
    let output = OutputFolder { option: "--sata", path: folder, own: &own };
    output.check()?;
    let overrides: Vec<String> = images.iter().map(|images| format!("data.limit.test={images}")).collect();
    let trained = Trained::open(run, &overrides, checkpoint, log)?;
    let (network, plan) = (&trained.checked.experiment.network, &trained.checked.plan);
    let (layers, time_steps) = (mapped_layers(network, plan), plan.time_steps);
    // What the reader cannot say is refused before images are evaluated.
    workload(&layers, &[], time_steps, "")?;
    let counted = InputSparsity::counted(&products(network, plan));
    let mut meter = Meter::new(&counted, time_steps);
    let mut images = 0u64;
    trained.on_test_images(time_steps, |network, batches| {
        for batch in batches.iter_from(0) {
            let batch = batch?;
            network.evaluate_steps(&batch.inputs, 0, &batch.indices, time_steps, &mut meter)?;
            images = images.saturating_add(batch.indices.len() as u64);
        }
        Ok(())
    })?;
    let found = InputSparsity::read(&counted, &meter, images, time_steps);
    let of = format!("{}; {images} test images", trained.subject.describe());
    let text = workload(&layers, &found, time_steps, &of)?;
    output.write(&[("workload.yaml", text.into_bytes())])?;
    let path = folder.join("workload.yaml");
    crate::cli::print(&format!(
        "{of}\n{}: {} layers, {time_steps} time-steps, sparsity {:.4}\n",
        path.display(),
        layers.len(),
        sparsity(&found)
    ))
}

/// SpikeSim's lists.
pub fn spikesim(run: &Path, folder: &Path) -> Result<()> {
    let (source, _, own) = super::opened(run)?;
    let output = OutputFolder { option: "--spikesim", path: folder, own: &own };
    let (network, plan) = (&source.checked.experiment.network, &source.checked.plan);
    let layers = mapped_layers(network, plan);
    let text = lists(&layers, network, plan, &run.display().to_string())?;
    output.write(&[("spikesim_lists.py", text.into_bytes())])?;
    let convolutions = layers.iter().filter(|layer| layer.conv.is_some()).count();
    let path = folder.join("spikesim_lists.py");
    crate::cli::print(&format!("{}: {convolutions} convolutions; linear layers have no place in it\n", path.display()))
}
