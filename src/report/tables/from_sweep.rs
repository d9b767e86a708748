//! A sweep as a table: a row for every setting of its axes.

use super::cells::Cell;
use super::measured::RunMeasures;
use super::runs;
use super::{FilledTable, SweepColumns, TableRow};
use crate::error::Result;
use crate::report::compare::keep_planned;
use crate::sweep::{Sweep, by_setting};
use std::path::Path;

/// The rows stand in the sweep's order; seeds are what a mean is over. Every measure has a column; without one, a row
/// has the accuracies after the last epoch and of the best.
pub fn fill(path: &Path, root: &Path, shown: SweepColumns<'_>) -> Result<FilledTable> {
    let SweepColumns { measures, filters } = shown;
    let sweep = keep_planned(Sweep::load(path)?, filters)?;
    let folders = sweep.folders(root)?;
    let (mut rows, mut read) = (Vec::new(), RunMeasures::default());
    for group in by_setting(&sweep.runs, |run| &run.settings) {
        let Some(planned) = group.first() else { continue };
        let seeds: Vec<u64> = group.iter().map(|run| run.seed).collect();
        let mut labels: Vec<String> = planned.settings.iter().map(|(_, value)| value.clone()).collect();
        let place = match labels.is_empty() {
            true => sweep.name.clone(),
            false => {
                planned.settings.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ")
            }
        };
        if labels.is_empty() {
            labels.push(sweep.name.clone());
        }
        let found = runs::of_sweep(&sweep, &folders, |run| run.settings == planned.settings);
        let mut cell = |measure| {
            let cell = Cell::from_runs(place.clone(), &found, Some(&seeds), (measure, &mut read));
            cell.of_experiment(&planned.checked.experiment)
        };
        let cells = match measures {
            [] => vec![cell(None)],
            measures => measures.iter().map(|measure| cell(Some(measure))).collect(),
        };
        rows.push(TableRow { labels, cells });
    }
    let heads = if sweep.axes.is_empty() { vec!["sweep".into()] } else { sweep.axes.clone() };
    let columns = measures.iter().map(|measure| measure.name().to_string()).collect();
    Ok(FilledTable { title: Some(sweep.name.clone()), heads, columns, rows, ..FilledTable::default() })
}
