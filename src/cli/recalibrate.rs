//! `bntt recalibrate`.

use super::trained::{NetworkSource, RunNetworkArguments};
use crate::data::{Batches, SplitImages};
use crate::error::{Error, Result};
use crate::network::Network;
use crate::report::table::{Printout, Table, text};
use crate::run::RunFolder;
use crate::system::signals::Stop;
use crate::system::threads;
use crate::terminal::logging::Log;
use crate::terminal::progress::BatchBar;
use crate::train::evaluate::{evaluate, evaluation_options};
use crate::train::memory_check::{refuse_evaluation_that_cannot_fit, with_memory_explained};
use crate::train::recalibrate as estimate;

/// Estimate the running statistics of a run's norms again, with the weights of a checkpoint.
///
/// They become the mean of the batch statistics over N batches of training images, without augmentation and without
/// those held out, and are saved with the weights as the checkpoint `recalibrated`, which the other commands take with
/// --checkpoint recalibrated; the run's own checkpoints stay as they are. Prints the accuracy before and after, on the
/// validation images where the run has any, or else on the test images.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt recalibrate runs/quickstart/v0001 --batches 40\n  \
                        bntt eval runs/quickstart/v0001 --checkpoint recalibrated")]
pub struct RecalibrateArguments {
    #[command(flatten)]
    of: RunNetworkArguments,
    /// Batches to take the mean over; an epoch's where it has fewer.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    batches: u32,
    #[command(flatten)]
    format: super::FormatArgument,
}

pub fn recalibrate(arguments: &RecalibrateArguments, log: &Log) -> Result<()> {
    let RunNetworkArguments { run, overrides, checkpoint } = &arguments.of;
    let NetworkSource { checked, folder, .. } = NetworkSource::open(run, overrides)?;
    let Some(folder) = folder else {
        let problem = "expected a run folder such as runs/quickstart/v0001, found a file";
        return Err(Error::Run(format!("{}: {problem}", run.display())));
    };
    // It writes beside the checkpoints of a run that may be at work.
    let _lock = folder.take_lock()?;
    threads::start(checked.experiment.training.threads);
    let device = checked.experiment.training.open_device()?;
    let dataset = checked.experiment.load_data_to_evaluate()?;
    let holdout = checked.experiment.holdout(&dataset)?;
    let (images, name) = match &holdout {
        None => (SplitImages::from(&dataset.test), "test"),
        Some(holdout) => (SplitImages::at(&dataset.train, &holdout.validation), "validation"),
    };
    refuse_evaluation_that_cannot_fit(&checked, &device, images.len(), checked.experiment.network.time_steps)?;
    let most = arguments.batches as usize;
    let found = with_memory_explained(&device, &checked, || {
        estimate::recalibrate(&checked, &folder, (*checkpoint).into(), &dataset, most, (&device, log))
    })?;
    let batches = Batches::evaluate(images, &checked.experiment.data, &device)?;
    let score = |network: &Network| {
        let options = evaluation_options(&checked.experiment, network)?;
        let bar =
            BatchBar::new(log, if holdout.is_some() { "validation images" } else { "test images" }, batches.steps());
        let done = |batches| bar.done(batches);
        let batches = batches.clone().telling(&done);
        let evaluated =
            with_memory_explained(&device, &checked, || evaluate(network, &batches, options, &Stop::never()))?;
        Ok::<_, Error>(evaluated.unwrap_or_default().score)
    };
    let scores = [("before", score(&found.before)?), ("after", score(&found.after)?)];
    found.save(&folder)?;
    print(arguments, &folder, &found, name, scores)
}

fn print(
    arguments: &RecalibrateArguments,
    folder: &RunFolder,
    found: &estimate::Recalibration,
    name: &str,
    scores: [(&str, crate::ops::cross_entropy::BatchScore); 2],
) -> Result<()> {
    let row = |(when, score): &(&str, crate::ops::cross_entropy::BatchScore)| {
        let percent = |share: f64| format!("{share:.2} %");
        let loss = format!("{:.4}", score.loss());
        vec![(*when).into(), loss, percent(score.top1_percent()), percent(score.top5_percent())]
    };
    let table = Table::new(&["", "loss", "top-1", "top-5"], scores.iter().map(row).collect(), 1);
    let saved = folder.checkpoint(crate::run::CheckpointKind::Recalibrated);
    let (batches, epoch) = (found.batches, found.epoch);
    let [images, _] = scores.each_ref().map(|(_, score)| score.images);
    let text = format!(
        "running statistics of epoch {epoch} over {batches} batch{}, on {images} {name} images:\n\n{}\nsaved as {}\n",
        if batches == 1 { "" } else { "es" },
        text::render(&table, None),
        saved.display()
    );
    let numbers = |(_, score): &(&str, crate::ops::cross_entropy::BatchScore)| serde_json::json!({ "loss": score.loss(), "top1": score.top1_percent(), "top5": score.top5_percent() });
    let [before, after] = scores.each_ref().map(numbers);
    let json = serde_json::json!({
        "epoch": epoch, "batches": batches, "images": images, "on": name, "before": before, "after": after,
        "checkpoint": saved.display().to_string(),
    });
    arguments.format.print(Printout::new(text, vec![table]).with_json(json))
}
