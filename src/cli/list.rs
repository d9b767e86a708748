//! `bntt list`.

use super::path_argument::path;
use crate::error::Result;
use crate::report::table::{Format, Printout, Table, text};
use crate::run::listing;
use crate::run::metrics::ChosenOn;
use std::path::PathBuf;

/// List runs: state, epochs, best top-1 accuracy on the test images; of a run that failed or is damaged, why.
///
/// The best epoch of a run with validation images is chosen there, and tested when training has ended. Runs of a sweep
/// with variants have theirs beside them.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt list --runs runs")]
pub struct ListArguments {
    /// Where run folders are.
    #[arg(long, value_name = "DIR", default_value = "runs", value_parser = path())]
    runs: PathBuf,
    #[command(flatten)]
    format: super::FormatArgument,
}

pub fn list(arguments: &ListArguments) -> Result<()> {
    let runs = listing::list(&arguments.runs)?;
    if runs.is_empty() && arguments.format.format == Format::Text {
        return super::print(&format!("no runs under {}: start one with bntt run CONFIG\n", arguments.runs.display()));
    }
    let mut rows = Vec::new();
    let mut objects: Vec<serde_json::Value> = Vec::new();
    let mut validation = Vec::new();
    let mut problems = vec![None];
    let variants: Vec<Option<String>> = runs.iter().map(|run| run.sweep.as_ref()?.variant.clone()).collect();
    for run in runs {
        let started = run.started.as_deref().and_then(|time| time.get(..16)).unwrap_or_default().replace('T', " ");
        let labels = vec![run.path.display().to_string(), run.state.into(), started];
        rows.push([labels, run.result_cells().to_vec()].concat());
        objects.push(serde_json::json!({
            "run": run.path.display().to_string(),
            "state": run.state,
            "started": run.started,
            "epochs_done": run.epochs_done,
            "epochs": run.epochs,
            "best_top1": run.best_accuracy,
            "best_epoch": run.best_epoch,
            "problem": run.problem,
        }));
        if let (ChosenOn::Validation, Some(object)) =
            (run.chosen_on, objects.last_mut().and_then(|o| o.as_object_mut()))
        {
            object.insert("validation_top1".into(), run.validation_accuracy.into());
        }
        validation.push(run.validation_accuracy.map_or(String::new(), |top1| format!("{top1:.2} %")));
        if let (Some(why), Some(object)) = (&run.ended_early, objects.last_mut().and_then(|o| o.as_object_mut())) {
            object.insert("ended_early".into(), why.as_str().into());
        }
        problems.push(run.problem.or(run.ended_early));
    }
    let mut header = vec!["run", "state", "started", "epochs", "best top-1", "epoch"];
    if validation.iter().any(|cell| !cell.is_empty()) {
        header.push("validation top-1");
        rows.iter_mut().zip(validation).for_each(|(row, cell)| row.push(cell));
    }
    let mut left = 3;
    if variants.iter().any(Option::is_some) {
        left = 4;
        header.insert(1, "variant");
        rows.iter_mut().zip(&variants).for_each(|(row, variant)| row.insert(1, variant.clone().unwrap_or_default()));
        for (object, variant) in objects.iter_mut().filter_map(|object| object.as_object_mut()).zip(variants) {
            object.insert("variant".into(), variant.into());
        }
    }
    let table = Table::new(&header, rows, left);
    let mut text = String::new();
    for (line, problem) in text::render(&table, None).lines().zip(problems) {
        text += &format!("{line}\n");
        for line in problem.iter().flat_map(|problem| problem.lines()) {
            text += &format!("    {line}\n");
        }
    }
    arguments.format.print(Printout::new(text, vec![table]).with_json(objects.into()))
}
