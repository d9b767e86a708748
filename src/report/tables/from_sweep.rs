//! A sweep as a table: a row for every setting of its axes.

use super::cells::Cell;
use super::runs;
use super::{FilledTable, TableRow};
use crate::error::Result;
use crate::sweep::{Sweep, by_setting};
use std::path::Path;

/// The rows stand in the sweep's order; seeds are what a mean is over.
pub fn fill(path: &Path, root: &Path) -> Result<FilledTable> {
    let sweep = Sweep::load(path)?;
    let folders = sweep.folders(root)?;
    let mut rows = Vec::new();
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
        rows.push(TableRow { labels, cells: vec![Cell::from_runs(place, &found, Some(&seeds))] });
    }
    let heads = if sweep.axes.is_empty() { vec!["sweep".into()] } else { sweep.axes.clone() };
    Ok(FilledTable {
        title: Some(sweep.name.clone()),
        caption: None,
        label: None,
        heads,
        columns: Vec::new(),
        rows,
        notes: Vec::new(),
    })
}
