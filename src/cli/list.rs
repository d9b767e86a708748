//! `bntt list`.

use super::path_argument::path;
use crate::error::Result;
use crate::report::table::{Format, Printout, Table, text};
use crate::run::listing;
use std::path::PathBuf;

/// List runs: state, epochs, best top-1 accuracy on the test images; of a run that failed or is damaged, why.
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
    let mut objects = Vec::new();
    let mut problems = vec![None];
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
        problems.push(run.problem);
    }
    let table = Table::new(&["run", "state", "started", "epochs", "best top-1", "epoch"], rows, 3);
    let mut text = String::new();
    for (line, problem) in text::render(&table, None).lines().zip(problems) {
        text += &format!("{line}\n");
        for line in problem.iter().flat_map(|problem| problem.lines()) {
            text += &format!("    {line}\n");
        }
    }
    arguments.format.print(Printout::new(text, vec![table]).with_json(objects.into()))
}
