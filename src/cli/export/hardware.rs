//! For simulators of neuromorphic hardware.

use crate::analysis::energy::{Meter, products};
use crate::analysis::hardware::{GradientMeter, InputSparsity, lists, mapped_layers, sparsity, training, workload};
use crate::cli::trained::{CheckpointChoice, Trained};
use crate::data::Batches;
use crate::error::Result;
use crate::files::output_folder::OutputFolder;
use crate::ops::loss::score_and_gradient;
use crate::terminal::logging::Log;
use crate::train::memory_check::with_memory_explained;
use std::path::Path;

/// SATA_Sim's workload, with the sparsity of all test images or the first so many; with `gradients` the network of its
/// model of training as well.
pub fn sata(
    run: &Path,
    checkpoint: CheckpointChoice,
    folder: &Path,
    (images, gradients): (Option<u32>, bool),
    log: &Log,
) -> Result<()> {
    let (_, _, own) = super::opened(run)?;
    let output = OutputFolder { option: "--sata", path: folder, own: &own };
    output.check()?;
    let overrides: Vec<String> = images.iter().map(|images| format!("data.limit.test={images}")).collect();
    let mut trained = Trained::open(run, &overrides, checkpoint, log)?;
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
    let mut files = vec![("workload.yaml", text.into_bytes())];
    if gradients {
        let mut meter = GradientMeter::new(&layers);
        count_gradients(&mut trained, &mut meter)?;
        files.push(("training.yaml", training(&layers, &found, &meter.layers, time_steps, &of).into_bytes()));
    }
    output.write(&files)?;
    let path = folder.join("workload.yaml");
    crate::cli::print(&format!(
        "{of}\n{}: {} layers, {time_steps} time-steps, sparsity {:.4}\n",
        path.display(),
        layers.len(),
        sparsity(&found)
    ))
}

/// Training steps on the test images up to the gradients, which no optimizer applies. Norms take the statistics of each
/// batch, as in training.
fn count_gradients(trained: &mut Trained, meter: &mut GradientMeter) -> Result<()> {
    let Trained { network, checked, dataset, device, .. } = trained;
    let experiment = &checked.experiment;
    network.set_firing_rate(experiment.training.firing_rate);
    let batches = Batches::evaluate(&dataset.test, &experiment.data, device)?;
    with_memory_explained(device, checked, || {
        for batch in batches.iter_from(0) {
            let batch = batch?;
            let (counted, tape, _) = network.forward(&batch.inputs, 0, &batch.indices, &mut ())?;
            let (loss, smoothing) = (&experiment.training.loss, experiment.training.label_smoothing);
            let (_, grad) = score_and_gradient(&counted, &batch.labels, loss, smoothing)?;
            network.backward(tape, grad, false, meter)?;
        }
        Ok(())
    })
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
