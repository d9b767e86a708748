//! `bntt eval`.

use super::trained::RunNetworkArguments;
use crate::data::Batches;
use crate::error::Result;
use crate::network::Network;
use crate::report::table::{Printout, Table, text};
use crate::system::signals::Stop;
use crate::terminal::logging::Log;
use crate::train::evaluate;
use crate::train::evaluate::{EvaluationOptions, evaluate};

/// Evaluate a run's network on its test images, or on its validation images.
///
/// Prints which run, checkpoint and values were taken, loss, top-1 and top-5 accuracy and the firing rate of every LIF
/// layer. The Poisson draws of evaluation are fixed by the seed; --draws averages the logits of several. With
/// --time-steps no step after so many is computed.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt eval runs/quickstart/v0001 --checkpoint last --draws 3")]
pub struct EvalArguments {
    #[command(flatten)]
    of: RunNetworkArguments,
    /// Poisson draws whose logits are averaged; as in training unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    draws: Option<u32>,
    /// Time-steps to compute, at most the network's; as many as in training unless given.
    #[arg(long, value_name = "N")]
    time_steps: Option<usize>,
    /// Which images: those that the run is tested on, or the training images that it holds out.
    #[arg(long, value_enum, default_value = "test")]
    images: ImagesChoice,
    #[command(flatten)]
    format: super::FormatArgument,
}

/// The images that a network is evaluated on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ImagesChoice {
    /// The test images.
    Test,
    /// The validation images of `data.validation`.
    Validation,
}

pub fn eval(arguments: &EvalArguments, log: &Log) -> Result<()> {
    let trained = arguments.of.open(log)?;
    let all = trained.checked.experiment.network.time_steps;
    let usual = evaluate::evaluation_options(&trained.checked.experiment, &trained.network)?;
    let draws = arguments.draws.map_or(usual.draws, |draws| draws as usize);
    let options = EvaluationOptions { draws, time_steps: arguments.time_steps.unwrap_or(usual.time_steps) };
    let work = |network: &Network, batches: &Batches<'_>| evaluate(network, batches, options, &Stop::never());
    let evaluation = match arguments.images {
        ImagesChoice::Test => trained.on_test_images(options.time_steps, work)?,
        ImagesChoice::Validation => trained.on_validation_images(options.time_steps, work)?,
    };
    let evaluation = evaluation.unwrap_or_default();
    let (score, rates) = (evaluation.score, evaluation.activity.firing_rates()?);
    let row = |(layer, rate): &(String, f64)| vec![layer.clone(), format!("{rate:.4}")];
    let table = Table::new(&["layer", "firing rate"], rates.iter().map(row).collect(), 1);
    let steps = match options.time_steps {
        steps if steps == all => String::new(),
        steps => format!(", {steps} of {all} time-steps"),
    };
    let of = if arguments.images == ImagesChoice::Validation { " validation" } else { "" };
    let text = format!(
        "{}\n{}{of} images, {draws} draw{}{steps}: loss {:.4}, top-1 {:.2} %, top-5 {:.2} %\n\n{}",
        trained.subject.describe(),
        score.images,
        if draws == 1 { "" } else { "s" },
        score.loss(),
        score.top1_percent(),
        score.top5_percent(),
        text::render(&table, None)
    );
    let json = serde_json::json!({
        "run": trained.subject.run.display().to_string(),
        "checkpoint": trained.subject.checkpoint,
        "epoch": trained.subject.epoch,
        "overrides": trained.subject.overrides,
        "images": score.images,
        "draws": draws,
        "time_steps": options.time_steps,
        "loss": score.loss(),
        "top1": score.top1_percent(),
        "top5": score.top5_percent(),
        "firing_rates": rates.into_iter().map(|(layer, rate)| (layer, rate.into())).collect::<serde_json::Map<_, _>>(),
    });
    let mut analysis = trained.analysis("eval");
    let on = if arguments.images == ImagesChoice::Test { "test" } else { "validation" };
    analysis.settings = serde_json::json!({ "images": on, "draws": draws, "time_steps": options.time_steps });
    analysis.conditions = conditions(options, usual);
    if arguments.images == ImagesChoice::Test {
        let measures = [("top1", score.top1_percent()), ("top5", score.top5_percent()), ("loss", score.loss())];
        analysis.measures = measures.map(|(name, value)| (format!("eval.{name}"), value)).into();
    }
    analysis.results = json.clone();
    trained.keep(&analysis);
    let number = |key: &str| json.get(key).map_or(String::new(), ToString::to_string);
    let keys = ["images", "draws", "time_steps", "loss", "top1", "top5"];
    let records = vec![keys.map(String::from).to_vec(), keys.map(number).to_vec()];
    arguments.format.print(Printout::new(text, vec![table]).with_records(records).with_json(json))
}

/// What is not as the run evaluates in training.
fn conditions(options: EvaluationOptions, usual: EvaluationOptions) -> Vec<String> {
    let of_draws = (options.draws != usual.draws).then(|| format!("{} draws", options.draws));
    let of_steps = (options.time_steps != usual.time_steps).then(|| format!("{} time-steps", options.time_steps));
    of_draws.into_iter().chain(of_steps).collect()
}
