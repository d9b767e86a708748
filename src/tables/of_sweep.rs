//! A sweep as a table: a row for every setting of its axes.

use super::cells::Cell;
use super::runs::Runs;
use super::{Row, Table};
use crate::error::Result;
use crate::sweep::{Planned, Sweep};
use std::path::Path;

/// The rows stand in the sweep's order; seeds are what a mean is over.
pub fn fill(path: &Path, runs: &Path) -> Result<Table> {
    let sweep = Sweep::load(path)?;
    let runs = Runs::below(runs)?;
    let mut groups: Vec<(&Planned, Vec<u64>)> = Vec::new();
    for planned in &sweep.runs {
        match groups.iter_mut().find(|(first, _)| first.settings == planned.settings) {
            Some((_, seeds)) => seeds.push(planned.seed),
            None => groups.push((planned, vec![planned.seed])),
        }
    }
    let row = |(planned, seeds): &(&Planned, Vec<u64>)| {
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
        let experiment = &planned.checked.experiment;
        Row { labels, cells: vec![Cell::of(place, &runs.of(experiment, Some(seeds)), Some(seeds))] }
    };
    let rows = groups.iter().map(row).collect();
    let heads = if sweep.axes.is_empty() { vec!["sweep".into()] } else { sweep.axes.clone() };
    Ok(Table {
        title: Some(sweep.name.clone()),
        caption: None,
        label: None,
        heads,
        columns: Vec::new(),
        rows,
        notes: runs.notes(),
    })
}
