//! `bntt list`.

mod choice;

use super::path_argument::path;
use crate::error::Result;
use crate::report::table::{Format, Printout, Table, text};
use crate::run::metrics::ChosenOn;
use crate::run::{archive, listing};
use crate::terminal::amounts::bytes;
use choice::{ListOrder, ListedRun, RunChoice};
use std::path::PathBuf;

/// Letters of a note that stand in the table.
const LONGEST_NOTE: usize = 40;

/// List runs: state, epochs, best top-1 accuracy on the test images; of a run that failed or is damaged, why.
///
/// The best epoch of a run with validation images is chosen there, and tested when training has ended. Epochs are a
/// dash where nothing is trained: of converted and imported runs. Tags and notes are shown where a run has any; json
/// has them whole, and the bytes of every folder. Runs of a sweep with variants have theirs beside them.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt list --runs runs\n  \
                        bntt list --where network.time_steps=10 --state completed --sort best\n  \
                        bntt list --tag paper --sort size --format json")]
pub struct ListArguments {
    /// Where run folders are.
    #[arg(long, value_name = "DIR", default_value = "runs", value_parser = path())]
    runs: PathBuf,
    #[command(flatten)]
    choice: RunChoice,
    /// Show what every run's folder takes.
    #[arg(long)]
    size: bool,
    /// List those that `bntt archive` has put away, instead.
    #[arg(long)]
    archived: bool,
    #[command(flatten)]
    format: super::FormatArgument,
}

pub fn list(arguments: &ListArguments) -> Result<()> {
    let root = if arguments.archived { archive::folder(&arguments.runs) } else { arguments.runs.clone() };
    let found = listing::list(&root)?;
    let is_text = arguments.format.format == Format::Text;
    if found.is_empty() && is_text {
        let advice = if arguments.archived { "" } else { ": start one with bntt run CONFIG" };
        return super::print(&format!("no runs under {}{advice}\n", root.display()));
    }
    let runs = arguments.choice.apply(found)?;
    if runs.is_empty() && is_text {
        return super::print(&format!(
            "no run under {} is as asked for: leave out a --where, --state or --tag\n",
            root.display()
        ));
    }
    let table = table(&runs, arguments.size || arguments.choice.sort == ListOrder::Size);
    let mut text = String::new();
    let problems =
        runs.iter().map(|ListedRun { summary, .. }| summary.problem.as_ref().or(summary.ended_early.as_ref()));
    for (line, problem) in text::render(&table, None).lines().zip(std::iter::once(None).chain(problems)) {
        text += &format!("{line}\n");
        for line in problem.iter().flat_map(|problem| problem.lines()) {
            text += &format!("    {line}\n");
        }
    }
    let objects: Vec<serde_json::Value> = runs.iter().map(object).collect();
    arguments.format.print(Printout::new(text, vec![table]).with_json(objects.into()))
}

fn table(runs: &[ListedRun], with_size: bool) -> Table {
    let column = |cell: &dyn Fn(&ListedRun) -> String| runs.iter().map(cell).collect::<Vec<String>>();
    let mut columns = vec![("run".to_string(), column(&|run| run.summary.path.display().to_string()))];
    let variants = column(&|run| variant(run).unwrap_or_default());
    if variants.iter().any(|variant| !variant.is_empty()) {
        columns.push(("variant".into(), variants));
    }
    columns.extend([("state".into(), column(&|run| run.summary.state.into())), ("started".into(), column(&started))]);
    let tags = |run: &ListedRun| run.summary.labels.tags.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    for (name, cells) in [("tags", column(&tags)), ("note", column(&note))] {
        if cells.iter().any(|cell| !cell.is_empty()) {
            columns.push((name.into(), cells));
        }
    }
    let left = columns.len();
    for (name, place) in [("epochs", 0), ("best top-1", 1), ("epoch", 2)] {
        let cell = |run: &ListedRun| run.summary.result_cells().into_iter().nth(place).unwrap_or_default();
        columns.push((name.into(), column(&cell)));
    }
    let validation =
        |run: &ListedRun| run.summary.validation_accuracy.map_or(String::new(), |top1| format!("{top1:.2} %"));
    let validation = column(&validation);
    if validation.iter().any(|cell| !cell.is_empty()) {
        columns.push(("validation top-1".into(), validation));
    }
    if with_size {
        columns.push(("size".into(), column(&|run| bytes(run.bytes as usize))));
    }
    Table::from_columns(columns, left)
}

fn variant(run: &ListedRun) -> Option<String> {
    run.summary.sweep.as_ref()?.variant.clone()
}

/// `2026-11-29 21:00`.
fn started(run: &ListedRun) -> String {
    run.summary.started.as_deref().and_then(|time| time.get(..16)).unwrap_or_default().replace('T', " ")
}

/// The beginning of a note's first line.
fn note(run: &ListedRun) -> String {
    let note = run.summary.labels.note.as_deref().unwrap_or_default();
    let first = note.lines().next().unwrap_or_default();
    let begin: String = first.chars().take(LONGEST_NOTE).collect();
    if begin.len() < note.len() { format!("{} ...", begin.trim_end()) } else { begin }
}

fn object(run: &ListedRun) -> serde_json::Value {
    let ListedRun { summary, bytes } = run;
    let mut object = serde_json::json!({
        "run": summary.path.display().to_string(),
        "state": summary.state,
        "started": summary.started,
        "epochs_done": summary.epochs_done,
        "epochs": summary.epochs,
        "best_top1": summary.best_accuracy,
        "best_epoch": summary.best_epoch,
        "problem": summary.problem,
        "tags": summary.labels.tags,
        "note": summary.labels.note,
        "bytes": bytes,
    });
    if let Some(fields) = object.as_object_mut() {
        fields.extend(variant(run).map(|variant| ("variant".to_string(), variant.into())));
        if summary.chosen_on == ChosenOn::Validation {
            fields.insert("validation_top1".into(), summary.validation_accuracy.into());
        }
        fields.extend(summary.ended_early.iter().map(|why| ("ended_early".to_string(), why.as_str().into())));
    }
    object
}
