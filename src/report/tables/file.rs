//! What a table's file says. The grammar stands in [the module above](super).

use super::measure::Measure;
use super::published::Published;
use crate::config::settings::suggestion;
use crate::config::{KeyPath, TomlFile};
use crate::error::{Error, Mistake, Result};
use crate::files::tilde;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::Table;

/// A checked file: labels are unique, and every cell has one place to look for its runs or a reason why there are none.
#[derive(Debug)]
pub struct TableFile {
    pub title: Option<String>,
    pub caption: Option<String>,
    pub label: Option<String>,
    /// What the rows are.
    pub head: String,
    /// As the file has it: relative to the file.
    pub runs: Option<PathBuf>,
    /// Empty where every row is one cell.
    pub columns: Vec<String>,
    pub rows: Vec<(String, Vec<CellSpec>)>,
    /// The row that the others are compared with.
    pub against: Option<String>,
    /// Where all of this stands.
    pub written: TomlFile,
}

impl TableFile {
    /// A mistake at `at`, as an error.
    pub fn refuse(&self, at: &KeyPath, problem: String) -> Error {
        Error::Config(vec![self.written.mistake(at, false, problem)])
    }
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSpec {
    /// Its place, as messages name it.
    pub place: String,
    /// Its row in the file, and its column where there is one.
    pub at: Vec<KeyPath>,
    pub source: CellSource,
    /// Only runs with these seeds.
    pub seeds: Option<Vec<u64>>,
    /// What it shows in place of the accuracies after the last epoch and of the best.
    pub measure: Option<Measure>,
    pub paper: Option<Published>,
    pub independent: Option<Published>,
}

/// Where a cell's experiment comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum CellSource {
    Config {
        path: PathBuf,
        set: Table,
    },
    Sweep {
        path: PathBuf,
        settings: Table,
    },
    /// There can be no run, for a reason.
    Absent(String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenTable {
    title: Option<String>,
    caption: Option<String>,
    label: Option<String>,
    #[serde(default)]
    head: String,
    runs: Option<PathBuf>,
    seeds: Option<Vec<u64>>,
    measure: Option<Measure>,
    against: Option<String>,
    rows: Vec<RowSpec>,
    #[serde(default)]
    columns: Vec<ColumnSpec>,
    #[serde(default)]
    cells: Vec<KnownCell>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RowSpec {
    label: String,
    config: Option<PathBuf>,
    #[serde(default)]
    #[schemars(with = "CellSettings")]
    set: Table,
    sweep: Option<PathBuf>,
    #[serde(default)]
    #[schemars(with = "CellSettings")]
    settings: Table,
    seeds: Option<Vec<u64>>,
    measure: Option<Measure>,
    paper: Option<Published>,
    independent: Option<Published>,
    absent: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ColumnSpec {
    label: String,
    config: Option<PathBuf>,
    #[serde(default)]
    #[schemars(with = "CellSettings")]
    set: Table,
    sweep: Option<PathBuf>,
    #[serde(default)]
    #[schemars(with = "CellSettings")]
    settings: Table,
    measure: Option<Measure>,
}

/// What a table of settings holds, which a config or a sweep describes.
type CellSettings = BTreeMap<String, serde_json::Value>;

/// What is known of one cell of a table with columns.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KnownCell {
    row: String,
    column: String,
    paper: Option<Published>,
    independent: Option<Published>,
    absent: Option<String>,
}

/// Reads and checks a file; no config or sweep that it names is opened.
///
/// # Errors
/// [`Error::Io`] when it cannot be read, [`Error::Run`] naming the place of a mistake.
pub fn read(path: &Path) -> Result<TableFile> {
    let (text, written): (_, WrittenTable) = TomlFile::read(path)?;
    check(&written).map_err(|(at, problem)| Error::Config(vec![text.mistake(&at, false, problem)]))?;
    let beside = |other: &PathBuf| path.parent().unwrap_or(Path::new("")).join(other);
    let columns: Vec<Option<&ColumnSpec>> = match written.columns.is_empty() {
        true => vec![None],
        false => written.columns.iter().map(Some).collect(),
    };
    let mut rows = Vec::new();
    let mut mistakes: Vec<Mistake> = Vec::new();
    for (number, row) in written.rows.iter().enumerate() {
        let at_row = top("rows").index(number);
        let mut entry = |(at_column, column): (usize, &Option<&ColumnSpec>)| {
            let known = column.and_then(|column| {
                written.cells.iter().find(|known| known.row == row.label && known.column == column.label)
            });
            let place = column.map_or(row.label.clone(), |column| format!("{}, {}", row.label, column.label));
            let absent = known.and_then(|known| known.absent.as_ref()).or(row.absent.as_ref());
            let source = match absent.map(|reason| Ok(CellSource::Absent(reason.clone()))) {
                Some(absent) => absent,
                None => source(row, *column, beside),
            };
            let source = match source {
                Ok(source) => source,
                Err(problem) => {
                    mistakes.push(text.mistake(&at_row, false, format!("{place}: {problem}.")));
                    return None;
                }
            };
            let at = [Some(at_row.clone()), column.map(|_| top("columns").index(at_column))];
            let at = at.into_iter().flatten().collect();
            let seeds = row.seeds.clone().or_else(|| written.seeds.clone());
            let measure = written.measure_of(row, *column);
            let paper = known.and_then(|known| known.paper.clone()).or_else(|| row.paper.clone());
            let independent = known.and_then(|known| known.independent.clone()).or_else(|| row.independent.clone());
            Some(CellSpec { place, at, source, seeds, measure, paper, independent })
        };
        let cells: Vec<CellSpec> = columns.iter().enumerate().filter_map(&mut entry).collect();
        rows.push((row.label.clone(), cells));
    }
    if !mistakes.is_empty() {
        return Err(Error::of_mistakes(mistakes));
    }
    Ok(TableFile {
        title: written.title,
        caption: written.caption,
        label: written.label,
        head: written.head,
        runs: written.runs.as_ref().map(beside),
        columns: written.columns.into_iter().map(|column| column.label).collect(),
        rows,
        against: written.against,
        written: text,
    })
}

fn top(key: &str) -> KeyPath {
    KeyPath::default().name(key)
}

impl WrittenTable {
    /// What a cell shows: as its row, its column or the table says; `top1` where only others say something.
    fn measure_of(&self, row: &RowSpec, column: Option<&ColumnSpec>) -> Option<Measure> {
        let of_cell = column.and_then(|column| column.measure.as_ref()).or(row.measure.as_ref());
        let of_others = self.rows.iter().find_map(|row| row.measure.as_ref());
        let of_others = of_others.or(self.columns.iter().find_map(|column| column.measure.as_ref()));
        let of_table = || self.measure.clone().or(of_others.map(|_| Measure::top1()));
        of_cell.cloned().or_else(of_table)
    }
}

/// A row's and a column's share of a cell, put together.
fn source(
    row: &RowSpec,
    column: Option<&ColumnSpec>,
    beside: impl Fn(&PathBuf) -> PathBuf,
) -> Result<CellSource, String> {
    let of_column = |part: fn(&ColumnSpec) -> Option<&PathBuf>| column.and_then(part);
    let configs: Vec<_> = row.config.iter().chain(of_column(|column| column.config.as_ref())).collect();
    let sweeps: Vec<_> = row.sweep.iter().chain(of_column(|column| column.sweep.as_ref())).collect();
    let both = |of_row: &Table, of_column: Option<&Table>| -> Table {
        let pairs = of_row.iter().chain(of_column.into_iter().flatten());
        pairs.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let set = both(&row.set, column.map(|column| &column.set));
    let settings = both(&row.settings, column.map(|column| &column.settings));
    match (configs.as_slice(), sweeps.as_slice()) {
        ([config], []) if settings.is_empty() => Ok(CellSource::Config { path: beside(config), set }),
        ([], [sweep]) if set.is_empty() => Ok(CellSource::Sweep { path: beside(sweep), settings }),
        ([_], []) => Err("`settings` choose runs of a sweep, but there is a `config`: write `set`".into()),
        ([], [_]) => Err("`set` changes a config, but there is a `sweep`: write `settings`".into()),
        ([], []) => Err("expected a `config` or a `sweep` in the row or the column, found neither; \
                         where there can be no run, write `absent = \"the reason\"`"
            .into()),
        _ => Err("expected one `config` or `sweep`, in the row or in the column, found several".into()),
    }
}

/// Where something is wrong, and what.
type TableMistake = (KeyPath, String);

/// Numbers that cannot be, of what their cells show.
fn check_published(written: &WrittenTable) -> Result<(), TableMistake> {
    let of_rows = written.rows.iter().enumerate();
    let of_rows = of_rows.map(|(number, row)| (top("rows").index(number), row, None, [&row.paper, &row.independent]));
    let of_cells = written.cells.iter().enumerate().filter_map(|(number, cell)| {
        let row = written.rows.iter().find(|row| row.label == cell.row)?;
        let column = written.columns.iter().find(|column| column.label == cell.column);
        Some((top("cells").index(number), row, column, [&cell.paper, &cell.independent]))
    });
    for (at, row, column, published) in of_rows.chain(of_cells) {
        let is_percent = written.measure_of(row, column).is_none_or(|measure| measure.is_percent());
        for (key, published) in ["paper", "independent"].into_iter().zip(published) {
            if let Some(mistake) = published.as_ref().and_then(|number| number.mistake(is_percent)) {
                return Err((at.name(key), format!("{}: {mistake}.", row.label)));
            }
        }
    }
    Ok(())
}

fn check_paths(written: &WrittenTable) -> Result<(), TableMistake> {
    let of_rows = written.rows.iter().map(|row| (row.label.as_str(), &row.config, &row.sweep)).enumerate();
    let of_columns =
        written.columns.iter().map(|column| (column.label.as_str(), &column.config, &column.sweep)).enumerate();
    let of_rows = of_rows.map(|(number, row)| (top("rows").index(number), row));
    let of_columns = of_columns.map(|(number, column)| (top("columns").index(number), column));
    for (at, (label, config, sweep)) in of_rows.chain(of_columns) {
        for (key, path) in [("config", config), ("sweep", sweep)] {
            if let Some(problem) = path.as_deref().and_then(tilde::mistake) {
                return Err((at.name(key), format!("{label}: {key}: {problem}.")));
            }
        }
    }
    match written.runs.as_deref().and_then(tilde::mistake) {
        Some(problem) => Err((top("runs"), format!("runs: {problem}."))),
        None => Ok(()),
    }
}

fn check(written: &WrittenTable) -> Result<(), TableMistake> {
    if written.rows.is_empty() {
        return Err((top("rows"), "expected at least one [[rows]], found none.".into()));
    }
    check_paths(written)?;
    let rows: Vec<&str> = written.rows.iter().map(|row| row.label.as_str()).collect();
    let columns: Vec<&str> = written.columns.iter().map(|column| column.label.as_str()).collect();
    for (what, labels) in [("rows", &rows), ("columns", &columns)] {
        let mut seen = BTreeSet::new();
        if let Some((number, twice)) = labels.iter().enumerate().find(|(_, label)| !seen.insert(**label)) {
            let problem = format!("{what}: the label {twice:?} stands twice, so that nothing could name one of them.");
            return Err((top(what).index(number).name("label"), problem));
        }
    }
    for (number, KnownCell { row, column, .. }) in written.cells.iter().enumerate() {
        for (what, label, labels) in [("row", row, &rows), ("column", column, &columns)] {
            if !labels.contains(&label.as_str()) {
                let meant = suggestion(label, labels.iter().copied());
                let problem = format!("cells: expected the label of a {what}, found {label:?}.{meant}");
                return Err((top("cells").index(number).name(what), problem));
            }
        }
    }
    let measures = |measure: fn(&ColumnSpec) -> bool| written.columns.iter().any(measure);
    let of_row = written.rows.iter().enumerate().find(|(_, row)| row.measure.is_some());
    if let (Some((number, row)), true) = (of_row, measures(|column| column.measure.is_some())) {
        let problem =
            format!("{}: `measure` stands in rows and in columns: leave it out of the one or the other.", row.label);
        return Err((top("rows").index(number).name("measure"), problem));
    }
    check_published(written)?;
    let mut rows = written.rows.iter().enumerate();
    let of_row = rows.find(|(_, row)| row.paper.is_some() || row.independent.is_some());
    if let (Some((number, row)), false) = (of_row, columns.is_empty()) {
        let key = if row.paper.is_some() { "paper" } else { "independent" };
        let problem = format!(
            "{}: in a table with columns a published number belongs to one cell: move it to [[cells]].",
            row.label
        );
        return Err((top("rows").index(number).name(key), problem));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || ":-_.".contains(c);
    match &written.label {
        Some(label) if !label.chars().all(plain) => {
            let problem = format!("label: expected letters, digits, `:`, `-`, `_` and `.`, found {label:?}.");
            Err((top("label"), problem))
        }
        _ => Ok(()),
    }
}
