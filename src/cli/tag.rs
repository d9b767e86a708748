//! `bntt tag`.

use super::path_argument::path;
use crate::error::Result;
use crate::run::RunFolder;
use crate::run::labels::Labels;
use std::path::PathBuf;

/// Add tags to a run, take them away, or show them.
///
/// They stand in the run's labels.toml, which nothing that is computed hangs on, are shown by `list` and `report`, and
/// chosen by with `list --tag`. The run may be at work.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt tag runs/quickstart/v0001 paper +good -draft\n  bntt list --tag paper")]
pub struct TagArguments {
    /// Run folder; the newest version if it is the folder of a run's name.
    #[arg(value_name = "RUN", value_parser = path())]
    run: PathBuf,
    /// Tags to add, as in paper or +paper, and to take away, as in -paper; those of the run are shown where none is
    /// given. Options stand before the run.
    #[arg(value_name = "[+]TAG|-TAG", allow_hyphen_values = true)]
    changes: Vec<String>,
}

pub fn tag(arguments: &TagArguments) -> Result<()> {
    let run = RunFolder::open(&arguments.run)?;
    if arguments.changes.is_empty() {
        return super::print(&Labels::load(&run)?.tags.iter().map(|tag| format!("{tag}\n")).collect::<String>());
    }
    let change = |labels: &mut Labels| arguments.changes.iter().try_for_each(|change| labels.change_tag(change));
    Labels::change(&run, change).map(drop)
}
