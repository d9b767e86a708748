//! `bntt rm`.

use super::path_argument::path;
use crate::error::{Error, Result};
use crate::report::table::{Table, text};
use crate::run::removal::{RemovableRun, clear_leftovers};
use crate::terminal::amounts::bytes;
use crate::terminal::printing::visible;
use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;
use tracing::info;

/// Remove runs for good, with their checkpoints and all else in their folders.
///
/// On a terminal it shows what would be lost and asks; elsewhere it refuses without --yes. What is no version of a run,
/// a link, or a run at work is refused, and then nothing is removed. A run is renamed before it is removed: whatever
/// stops the program, a run is whole or gone.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bntt rm runs/quickstart/v0001\n  bntt rm --yes $(bntt list --state failed --format json | jq -r '.[].run')"
)]
pub struct RmArguments {
    /// Run folders, each of one version.
    #[arg(required = true, value_name = "RUN", value_parser = path())]
    runs: Vec<PathBuf>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub fn rm(arguments: &RmArguments) -> Result<()> {
    let mut seen = BTreeSet::new();
    // A run that is named twice is removed once.
    let is_new = |run: &&PathBuf| seen.insert(run.canonicalize().unwrap_or_else(|_| (*run).clone()));
    let runs: Vec<&PathBuf> = arguments.runs.iter().filter(is_new).collect();
    let found = runs.into_iter().map(|run| RemovableRun::find(run)).collect::<Result<Vec<_>>>()?;
    if !arguments.yes && !confirmed(&found)? {
        info!("nothing was removed");
        return Ok(());
    }
    let roots: BTreeSet<PathBuf> = found.iter().map(|run| run.place.root.clone()).collect();
    for run in found {
        let (path, size) = (run.folder.path().display().to_string(), bytes(run.bytes as usize));
        run.remove()?;
        info!("removed {path}, {size}");
    }
    for root in roots {
        let left = clear_leftovers(&root)?;
        if left > 0 {
            info!("removed {left} folders in {} that a removal before had left", root.display());
        }
    }
    Ok(())
}

/// Shows what would be lost, and asks.
fn confirmed(runs: &[RemovableRun]) -> Result<bool> {
    let lost = lost(runs);
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        return Err(Error::Run(format!(
            "nothing was removed: there is no terminal to ask on, and --yes was not given. To be removed:\n{lost}"
        )));
    }
    let question = match runs {
        [_] => "Remove this run for good? [y/N] ".to_string(),
        runs => format!("Remove these {} runs for good? [y/N] ", runs.len()),
    };
    let mut answer = String::new();
    let asked = write!(stderr(), "{}{question}", visible(&lost)).and_then(|()| stderr().flush());
    asked.and_then(|()| stdin().lock().read_line(&mut answer)).map_err(Error::io("ask on", "the terminal"))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// A line a run, and the total where they are several.
fn lost(runs: &[RemovableRun]) -> String {
    let row = |run: &RemovableRun| {
        let results = run.summary.result_cells();
        let labels = [run.folder.path().display().to_string(), run.summary.state.to_string()];
        [labels.to_vec(), results.to_vec(), vec![bytes(run.bytes as usize)]].concat()
    };
    let mut rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    if rows.len() > 1 {
        let all = runs.iter().map(|run| run.bytes).fold(0, u64::saturating_add);
        let mut total = vec![String::new(); 6];
        if let [first, .., last] = total.as_mut_slice() {
            (*first, *last) = ("total".into(), bytes(all as usize));
        }
        rows.push(total);
    }
    text::render(&Table::new(&["run", "state", "epochs", "best top-1", "epoch", "size"], rows, 2), None)
}
