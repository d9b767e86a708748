//! `bntt table`.

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use crate::error::Result;
use crate::report::compare::Filter;
use crate::report::table::text::{self, terminal_width};
use crate::report::table::{Format, Printout, Table, json, markdown};
use crate::report::tables::{self, FilledTable, Measure, Spread, SweepColumns};
use std::path::PathBuf;

/// Print a table of runs beside published numbers: mean and deviation over seeds, after the last and the best epoch.
///
/// A run belongs to a cell when it computes the same as the cell's experiment: its config.toml says the same, apart
/// from seed, name and what changes no number (where the data lie, training.device, threads, checkpoint_every,
/// tensorboard, provenance), and its data had the same checksums. The best epoch is chosen on the test images.
/// Published numbers that are not confirmed are not printed. With measures, cells show other numbers: those of
/// training, and those that eval, energy, attack and early-exit left in the runs' folders.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bntt table configs/tables/bntt_accuracy.toml\n  bntt table sweeps/leak.toml --format latex > leak.tex\n  \
                  bntt table sweeps/norms.toml --against variant=BNTT --measure top1,firing_rate,energy.ratio"
)]
pub struct TableArguments {
    /// The file of a table, or of a sweep for a row a setting.
    #[arg(value_name = "TABLE.toml|SWEEP.toml", value_parser = path())]
    file: PathBuf,
    /// Where run folders are: what the file says, or ./runs, unless given.
    #[arg(long, value_name = "DIR", value_parser = path())]
    runs: Option<PathBuf>,
    /// What a sweep's columns show, as in `top1,loss,energy.ratio,attack.fgsm@8/255`; a table's file says so itself.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',', value_parser = measure)]
    measure: Vec<Measure>,
    /// Of a sweep, only the runs with this value, as in `network.time_steps=10`; all of several conditions.
    #[arg(long = "where", value_name = "KEY=VALUE")]
    filters: Vec<Filter>,
    /// The row that all others are compared with by the seeds that both have: its label, or `variant=BNTT` among
    /// several axes. Shows the difference, its 95 % interval and p of the paired t test.
    #[arg(long, value_name = "ROW")]
    against: Option<String>,
    /// What stands behind a mean.
    #[arg(long, value_enum, default_value = "deviation")]
    spread: Spread,
    /// How to print; csv and json have a record a cell, every number with all its digits.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "markdown")]
    format: Format,
}

/// A measure's name on the command line.
pub fn measure(text: &str) -> std::result::Result<Measure, String> {
    Measure::try_from(text.to_string())
}

pub fn table(arguments: &TableArguments) -> Result<()> {
    let TableArguments { file, runs, measure, filters, against, spread, .. } = arguments;
    let of_sweep = SweepColumns { measures: measure, filters };
    let filled = FilledTable::load_with(file, runs.as_deref(), of_sweep, against.as_deref())
        .map_err(|error| of_other_kind(error, file, &[FileKind::Table, FileKind::Sweep]))?;
    let filled = FilledTable { spread: *spread, ..filled };
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
