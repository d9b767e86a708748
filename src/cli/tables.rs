//! `bntt table`.

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use crate::error::Result;
use crate::report::table::text::{self, terminal_width};
use crate::report::table::{Format, Printout, Table, json, markdown};
use crate::report::tables::{self, FilledTable};
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
    /// How to print; csv and json have a record a cell, every number with all its digits.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "markdown")]
    format: Format,
}

pub fn table(arguments: &TableArguments) -> Result<()> {
    let filled = FilledTable::load(&arguments.file, arguments.runs.as_deref())
        .map_err(|error| of_other_kind(error, &arguments.file, &[FileKind::Table, FileKind::Sweep]))?;
    let (table, records) = (tables::grid(&filled), tables::records(&filled));
    let text = text::render(&table, terminal_width()) + &markdown::notes(&table.notes);
    let of_records = Table {
        header: records.first().cloned().unwrap_or_default(),
        rows: records.iter().skip(1).cloned().collect(),
        ..Table::default()
    };
    let printout = Printout::new(text, vec![table]).with_json(json::objects(&of_records)).with_records(records);
    super::print(&printout.render(arguments.format)?)
}
