//! `bntt table`.

use super::path_argument::path;
use crate::error::Result;
use crate::report::tables::{FilledTable, csv, latex, markdown};
use std::path::PathBuf;

/// Print a table of runs beside published numbers: mean and deviation over seeds, after the last and the best epoch.
///
/// A run belongs to a cell when it computes the same as the cell's experiment: its config.toml says the same, apart
/// from seed, name and what changes no number (where the data lie, training.device, threads, checkpoint_every,
/// tensorboard, provenance), and its data had the same checksums. The best epoch is chosen on the test images.
/// Published numbers that are not confirmed are not printed.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bntt table configs/tables/bntt_accuracy.toml\n  bntt table sweeps/leak.toml --format latex > leak.tex"
)]
pub struct TableArguments {
    /// The file of a table, or of a sweep for a row a setting.
    #[arg(value_name = "TABLE.toml|SWEEP.toml", value_parser = path())]
    file: PathBuf,
    /// Where run folders are: what the file says, or ./runs, unless given.
    #[arg(long, value_name = "DIR", value_parser = path())]
    runs: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "markdown")]
    format: TableFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TableFormat {
    Markdown,
    /// Needs booktabs.
    Latex,
    /// A record a cell, all digits.
    Csv,
}

pub fn table(arguments: &TableArguments) -> Result<()> {
    let table = FilledTable::load(&arguments.file, arguments.runs.as_deref())?;
    super::print(&match arguments.format {
        TableFormat::Markdown => markdown::render(&table),
        TableFormat::Latex => latex::render(&table),
        TableFormat::Csv => csv::render(&table),
    })
}
