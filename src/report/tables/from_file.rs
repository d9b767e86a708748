//! A table's file filled with runs.

use super::cells::Cell;
use super::file::{CellSource, CellSpec, TableFile};
use super::measured::RunMeasures;
use super::runs::{Runs, of_sweep};
use super::{FilledTable, TableRow};
use crate::config::{KeyPath, settings};
use crate::error::{Error, Mistake, Result};
use crate::experiment::Experiment;
use crate::run::RunFolder;
use crate::sweep::{Sweep, SweepRun};
use std::collections::{BTreeMap, btree_map};
use std::path::{Path, PathBuf};

/// Loads every experiment that the file names and finds its runs.
pub fn fill(file: TableFile, runs: Option<&Path>) -> Result<FilledTable> {
    let root = runs.or(file.runs.as_deref()).unwrap_or(Path::new("runs"));
    let runs = Runs::below(root)?;
    let mut sources = RunSources { root, runs, sweeps: BTreeMap::new(), measures: RunMeasures::default() };
    let mut rows = Vec::new();
    for (label, entries) in &file.rows {
        let cells = entries.iter().map(|entry| sources.cell(entry).map_err(|error| at(&file, entry, error)));
        rows.push(TableRow { labels: vec![label.clone()], cells: cells.collect::<Result<_>>()? });
    }
    let TableFile { title, caption, label, head, columns, against, .. } = file;
    let notes = sources.runs.notes();
    Ok(FilledTable {
        title,
        caption,
        label,
        heads: vec![head],
        columns,
        rows,
        notes,
        against,
        ..FilledTable::default()
    })
}

/// An error of a cell: what its row or column sets wrongly stands where they do.
fn at(file: &TableFile, entry: &CellSpec, error: Error) -> Error {
    let nowhere = KeyPath::default();
    let row = entry.at.first().unwrap_or(&nowhere);
    let Error::Config(found) = error else { return file.refuse(row, format!("{}: {error}", entry.place)) };
    let of_cell = |mistake: &Mistake| {
        let CellSource::Config { set, .. } = &entry.source else { return None };
        let (part, places) = (mistake.argument?, entry.at.iter().rev());
        let key = set.keys().nth(part.number)?;
        let place = places.map(|at| at.name("set").name(key)).find(|place| file.written.has(place))?;
        let (key, problem) = (mistake.key.clone(), mistake.problem.clone());
        Some(Mistake { key, ..file.written.mistake(&place, part.is_key, problem) })
    };
    let elsewhere = |mistake: Mistake| Mistake {
        problem: format!("{} So it is in {} of {}.", mistake.problem, entry.place, file.written.name()),
        ..mistake
    };
    Error::of_mistakes(
        found.into_iter().map(|mistake| of_cell(&mistake).unwrap_or_else(|| elsewhere(mistake))).collect(),
    )
}

/// Where the runs of all cells come from.
struct RunSources<'a> {
    root: &'a Path,
    runs: Runs,
    /// Every sweep that was asked for, and its runs' folders.
    sweeps: BTreeMap<PathBuf, (Sweep, Vec<Option<RunFolder>>)>,
    measures: RunMeasures,
}

impl RunSources<'_> {
    fn cell(&mut self, entry: &CellSpec) -> Result<Cell> {
        let place = entry.place.clone();
        let (seeds, measure) = (entry.seeds.clone(), entry.measure.as_ref());
        let cell = match &entry.source {
            CellSource::Absent(reason) => Cell::absent(place, reason),
            CellSource::Config { path, set } => {
                let overrides: Vec<String> = set.iter().map(|(key, value)| format!("{key}={value}")).collect();
                let experiment = Experiment::load(path, &overrides)?.experiment;
                let set: Vec<String> = set.keys().cloned().collect();
                let runs = self.runs.matching(&experiment, &set, seeds.as_deref());
                Cell::from_runs(place, &runs, seeds.as_deref(), (measure, &mut self.measures))
                    .of_experiment(&experiment)
            }
            CellSource::Sweep { path, settings } => {
                let (sweep, folders) = self.sweep(path)?;
                let planned = chosen(sweep, settings)?;
                if planned.is_empty() {
                    return Err(none(sweep, settings));
                }
                let seeds = seeds.unwrap_or_else(|| planned.iter().map(|run| run.seed).collect());
                let experiment = planned.first().map(|run| run.checked.experiment.clone());
                let names: Vec<&String> = planned.iter().map(|run| &run.name).collect();
                let wanted = |run: &SweepRun| names.contains(&&run.name) && seeds.contains(&run.seed);
                let found = of_sweep(sweep, folders, wanted);
                let cell = Cell::from_runs(place, &found, Some(&seeds), (measure, &mut self.measures));
                experiment.map_or(cell.clone(), |experiment| cell.of_experiment(&experiment))
            }
        };
        let (paper, independent) = (entry.paper.clone(), entry.independent.clone());
        Ok(Cell { measure: entry.measure.clone(), paper, independent, ..cell })
    }

    fn sweep(&mut self, path: &Path) -> Result<&(Sweep, Vec<Option<RunFolder>>)> {
        Ok(match self.sweeps.entry(path.to_path_buf()) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(unknown) => {
                let sweep = Sweep::load(path)?;
                let folders = sweep.folders(self.root)?;
                unknown.insert((sweep, folders))
            }
        })
    }
}

/// The runs of a sweep that differ in their seeds alone.
fn chosen<'a>(sweep: &'a Sweep, settings: &toml::Table) -> Result<Vec<&'a SweepRun>> {
    if let Some(key) = settings.keys().find(|key| !sweep.axes.contains(key)) {
        let meant = settings::suggestion(key, sweep.axes.iter().map(String::as_str));
        let (axes, path) = (sweep.axes.join(", "), sweep.path.display());
        return Err(Error::Run(format!("settings: expected an axis of {path} ({axes}), found {key}.{meant}")));
    }
    let fits = |run: &&SweepRun| {
        settings.iter().all(|(key, wanted)| {
            let value = run.settings.iter().find(|(axis, _)| axis == key).map(|(_, text)| settings::parse(text));
            value
                .is_some_and(|value| settings::same(&value, wanted) || settings::text(&value) == settings::text(wanted))
        })
    };
    let runs: Vec<&SweepRun> = sweep.runs.iter().filter(fits).collect();
    if let Some(first) = runs.first()
        && let Some(other) = runs.iter().find(|run| run.settings != first.settings)
    {
        return Err(Error::Run(format!(
            "settings: expected the settings of one experiment of {}, found several, {} and {}: name more axes",
            sweep.path.display(),
            first.name,
            other.name
        )));
    }
    Ok(runs)
}

fn none(sweep: &Sweep, settings: &toml::Table) -> Error {
    let wanted: Vec<String> = settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    Error::Run(format!("settings: no run of {} has {}", sweep.path.display(), wanted.join(", ")))
}
