//! Tables of runs beside published numbers.
//!
//! ```toml
//! title = "Leak and time-steps"                       # title, caption and label (of LaTeX) may be left out
//! caption = "VGG9 on CIFAR-10."
//! label = "tab:leak"
//! head = "leak"                                       # what the rows are
//! runs = "../runs"                                    # relative to this file; else --runs, which is ./runs by itself
//! seeds = [0, 1, 2]                                   # only these; all that there are unless given, here or in a row
//! measure = "energy.ratio"                            # what all cells, a row or a column show; accuracies unless given
//! against = "0.95"                                    # the row that all others are compared with, seed by seed
//!
//! [[rows]]                                            # a cell's experiment: the config of its row or its column,
//! label = "0.9"                                       # with the values that both `set`
//! config = "../configs/vgg9_cifar10_bntt.toml"        # relative to this file
//! set = { "network.lif.leak" = 0.9 }
//!
//! [[rows]]
//! label = "0.95"
//! sweep = "../sweeps/leak.toml"                       # or: the run of a sweep that has these settings on its axes
//! settings = { "network.lif.leak" = 0.95 }
//!
//! [[rows]]
//! label = "ANN"
//! absent = "no network is trained without spikes"     # or: why there can be no run
//!
//! [[columns]]                                         # without columns, every row is one cell
//! label = "T 10"                                      # here config, set, sweep and settings may stand too
//! set = { "network.time_steps" = 10 }
//!
//! [[cells]]                                           # what is known of one cell; without columns this stands in the row
//! row = "0.9"
//! column = "T 10"
//! paper = { value = 90.5, evidence = "V", source = "figure 1" }     # printed only if confirmed: V or Q, not I or U
//! independent = { value = "90.60", evidence = "Q", source = "..." } # somebody else's run of the same experiment
//! absent = "..."
//! ```
//!
//! **Which runs belong to a cell**: those that compute the same as the cell's experiment ([`crate::run::identity`])
//! with whatever seed, wherever they are below the folder of runs; a key that the row or the column sets always counts.
//! Of a sweep, those that the sweep itself takes for its own. Of several runs with the same seed the newest complete
//! one counts, since they repeat each other. A run counts when it has done all its epochs.
//!
//! **What a cell shows**: without a measure anywhere in the table, the accuracies after the last epoch and of the best.
//! Otherwise one number, a [`Measure`]; a cell without one has `top1`.

mod against;
mod best;
mod cells;
mod file;
mod from_file;
mod from_sweep;
mod grid;
mod lines;
mod measure;
mod measured;
mod published;
mod records;
mod runs;

pub use cells::Cell;
pub use grid::grid;
pub use measure::{Better, Measure};
pub use measured::{MeasuredValue, RunMeasures};
pub use published::{Evidence, Published};
pub use records::records;

use crate::config::TomlFile;
use crate::error::{Error, Result};
use crate::report::compare::Filter;
use std::collections::BTreeMap;
use std::path::Path;

/// A table whose cells are filled.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FilledTable {
    pub title: Option<String>,
    pub caption: Option<String>,
    /// For references in LaTeX.
    pub label: Option<String>,
    /// What the labels of the rows are, one for each.
    pub heads: Vec<String>,
    /// Empty where every row is one cell.
    pub columns: Vec<String>,
    pub rows: Vec<TableRow>,
    /// What belongs to no cell, as sentences.
    pub notes: Vec<String>,
    /// The row that the others are compared with.
    pub against: Option<String>,
    pub spread: Spread,
}

/// What a table of a sweep shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct SweepColumns<'a> {
    /// A column each; without any, the accuracies after the last epoch and of the best.
    pub measures: &'a [Measure],
    /// Which of its runs.
    pub filters: &'a [Filter],
}

/// What stands behind a mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Spread {
    /// The sample standard deviation over the seeds.
    #[default]
    Deviation,
    /// Half of the 95 % interval of the mean, by Student's distribution.
    Interval,
}

/// A row's labels and cells.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    pub labels: Vec<String>,
    pub cells: Vec<Cell>,
}

impl FilledTable {
    /// Reads a table's file, or a sweep's (a row for every setting of its axes), and the runs below `runs`; `None`
    /// takes the folder that the file names, or `./runs`.
    ///
    /// # Errors
    /// [`Error::Run`] or [`Error::Config`] naming the file and the place of a mistake; [`Error::Io`] when something
    /// cannot be read.
    pub fn load(path: &Path, runs: Option<&Path>) -> Result<Self> {
        Self::load_with(path, runs, SweepColumns::default(), None)
    }

    /// The same, with a sweep's columns, and with every row beside the one that `against` names, or the file:
    /// [`Cell::against`].
    ///
    /// # Errors
    /// As [`FilledTable::load`]; [`Error::Run`] for a row that there is not, and for measures of a table's file.
    pub fn load_with(
        path: &Path,
        runs: Option<&Path>,
        of_sweep: SweepColumns<'_>,
        against: Option<&str>,
    ) -> Result<Self> {
        let mut table = Self::filled(path, runs, of_sweep)?;
        if let Some(named) = against.map(String::from).or(table.against.take()) {
            let place = if against.is_some() { "--against".into() } else { format!("{}: against", path.display()) };
            against::compare(&mut table, &named).map_err(|problem| Error::Run(format!("{place}: {problem}")))?;
        }
        Ok(table)
    }

    fn filled(path: &Path, runs: Option<&Path>, of_sweep: SweepColumns<'_>) -> Result<Self> {
        let refuse = |problem: String| Error::Run(format!("{}: {problem}", path.display()));
        let (_, table): (_, BTreeMap<String, serde_json::Value>) = TomlFile::read(path)?;
        match (table.contains_key("rows"), table.contains_key("network"), table.contains_key("base")) {
            (true, ..) if !of_sweep.filters.is_empty() => {
                Err(refuse("this is a table's file, whose rows stand in it: --where chooses runs of a sweep.".into()))
            }
            (true, ..) if !of_sweep.measures.is_empty() => Err(refuse(
                "this is a table's file, which says itself what its cells show: write `measure` there, not --measure."
                    .into(),
            )),
            (true, ..) => from_file::fill(file::read(path)?, runs),
            (false, false, true) => from_sweep::fill(path, runs.unwrap_or(Path::new("runs")), of_sweep),
            _ => Err(refuse(
                "expected the file of a table, with [[rows]], or of a sweep, with `base` and `grid`, found neither. \
                 The tables that come with the program are in configs/tables/."
                    .into(),
            )),
        }
    }
}
