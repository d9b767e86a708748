//! `bntt note`.

use super::path_argument::path;
use crate::error::Result;
use crate::run::RunFolder;
use crate::run::labels::Labels;
use std::path::PathBuf;

/// Write a note about a run, or show it.
///
/// It stands in the run's labels.toml, which nothing that is computed hangs on, and is shown by `list` and `report`.
/// The run may be at work.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bntt note runs/quickstart/v0001 \"the baseline of table 2\"\n  bntt note runs/quickstart/v0001 \"\"    # no note any more"
)]
pub struct NoteArguments {
    /// Run folder; the newest version if it is the folder of a run's name.
    #[arg(value_name = "RUN", value_parser = path())]
    run: PathBuf,
    /// The note, in place of the one there; "" takes it away. The note is shown where it is left out.
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    text: Option<String>,
}

pub fn note(arguments: &NoteArguments) -> Result<()> {
    let run = RunFolder::open(&arguments.run)?;
    match &arguments.text {
        Some(text) => Labels::change(&run, |labels| labels.set_note(text)).map(drop),
        None => Labels::load(&run)?.note.map_or(Ok(()), |note| super::print(&format!("{note}\n"))),
    }
}
