//! The end of a run with validation images: the test images are read, once, with the best epoch's weights.
//!
//! The line of the test is written before the checkpoint that knows of it, as an epoch's is: a run that dies in between
//! reads the test images again when it is resumed, and writes the same line.

use super::{Trainer, TrainingEnd, epoch, evaluate};
use crate::data::Batches;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::run::CheckpointKind;
use crate::run::checkpoint;
use crate::run::metrics::FinalTest;
use crate::terminal::progress::EpochBar;
use tracing::{info, warn};

/// Evaluates on the test images where that is left to do; the trained weights stay as they are.
pub(super) fn run(trainer: &mut Trainer<'_>, bar: &mut EpochBar) -> Result<TrainingEnd> {
    let Trainer { experiment, dataset, holdout, device, device_data: [_, test_data], stop, state, output } = trainer;
    if holdout.is_none() || state.progress.tested {
        return Ok(TrainingEnd::Completed);
    }
    let best = checkpoint::load(&output.folder().checkpoint(CheckpointKind::Best), device);
    let (weights, of_epoch) = match best {
        Ok(best) => (best.model, best.progress.epoch),
        // One that was damaged, and put aside by who accepted that.
        Err(problem) => {
            warn!("{problem} The weights after the last epoch are tested.");
            (state.network.state(), state.progress.epoch)
        }
    };
    let mut network = Network::build(&experiment.network, state.network.plan().clone(), experiment.seed, device)?;
    network.load_state(&weights)?;
    let options = evaluate::evaluation_options(experiment, &network)?;
    let batches = Batches::evaluate(&dataset.test, &experiment.data, device)?.with_device_cache(test_data.as_ref());
    bar.start_test(batches.steps());
    let evaluation = evaluate::evaluate_telling(&network, &batches, options, stop, &mut || bar.evaluated());
    bar.finish_epoch();
    let evaluation = evaluation.map_err(|error| match error {
        Error::Diverged(problem) => {
            Error::Diverged(format!("the test images, with the weights of epoch {of_epoch}: {problem}"))
        }
        other => other,
    })?;
    let Some(evaluation) = evaluation else {
        // Asked to stop: all but the test is saved.
        return Ok(stop.requested().map_or(TrainingEnd::Completed, TrainingEnd::Interrupted));
    };
    let test = FinalTest { of_epoch, test: epoch::percentages(&evaluation.score) };
    output.final_test(&test)?;
    state.progress.tested = true;
    output.save(CheckpointKind::Last, state)?;
    info!(
        "test loss {:.4} top-1 {:.2} % top-5 {:.2} %, with the weights of epoch {of_epoch} (the test images are read once)",
        test.test.loss, test.test.top1, test.test.top5
    );
    Ok(TrainingEnd::Completed)
}
