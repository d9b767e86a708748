//! `bntt eval`.

use super::table::table;
use super::trained::RunNetworkArguments;
use crate::error::Result;
use crate::system::signals::Stop;
use crate::train::evaluate;
use crate::train::evaluate::{EvaluationOptions, evaluate};

/// Evaluate a run's network on its test images.
///
/// Prints loss, top-1 and top-5 accuracy and the firing rate of every LIF layer. The Poisson draws of evaluation are
/// fixed by the seed; --draws averages the logits of several. With --time-steps no step after so many is computed.
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
}

pub fn eval(arguments: &EvalArguments) -> Result<()> {
    let trained = arguments.of.open()?;
    let all = trained.checked.experiment.network.time_steps;
    let usual = evaluate::evaluation_options(&trained.checked.experiment, &trained.network)?;
    let draws = arguments.draws.map_or(usual.draws, |draws| draws as usize);
    let options = EvaluationOptions { draws, time_steps: arguments.time_steps.unwrap_or(usual.time_steps) };
    let evaluation = trained
        .on_test_images(options.time_steps, |network, batches| evaluate(network, batches, options, &Stop::never()))?;
    let evaluation = evaluation.unwrap_or_default();
    let (score, rates) = (evaluation.score, evaluation.activity.firing_rates()?);
    let mut rows = vec![vec!["layer".to_string(), "firing rate".into()]];
    rows.extend(rates.into_iter().map(|(layer, rate)| vec![layer, format!("{rate:.4}")]));
    let steps = match options.time_steps {
        steps if steps == all => String::new(),
        steps => format!(", {steps} of {all} time-steps"),
    };
    super::print(&format!(
        "{} images, {draws} draw{}{steps}: loss {:.4}, top-1 {:.2} %, top-5 {:.2} %\n\n{}",
        score.images,
        if draws == 1 { "" } else { "s" },
        score.loss(),
        score.top1_percent(),
        score.top5_percent(),
        table(&rows, 1)
    ))
}
