//! What stands in a line, or in a column, of a row: ours, the paper's number, the differences.

use super::cells::Cell;
use super::published::Published;
use super::{FilledTable, Measure, Spread};
use crate::analysis::paired::interval;
use crate::analysis::statistic::Statistic;
use crate::experiment::ChosenOn;

/// A line of a row, by what it holds.
#[derive(Clone, Copy, PartialEq)]
pub enum LineKind {
    Measure,
    Last,
    Best,
    Paper,
    LastLessPaper,
    BestLessPaper,
    MeasureLessPaper,
    Independent,
    Against,
    Interval,
    Probability,
}

impl LineKind {
    /// Those that the cells give something for, in order.
    pub fn of_cells<'a>(cells: impl Iterator<Item = &'a Cell> + Clone) -> Vec<Self> {
        use LineKind::*;
        let any = |has: fn(&Cell) -> bool| cells.clone().any(has);
        let measures = any(|cell| cell.measure.is_some());
        let mut kinds = if measures { vec![Measure] } else { vec![Last, Best] };
        if any(|cell| cell.against.is_some()) {
            kinds.extend([Against, Interval, Probability]);
        }
        if any(|cell| cell.paper.is_some()) {
            kinds.push(Paper);
            kinds.extend_from_slice(if measures { &[MeasureLessPaper] } else { &[LastLessPaper, BestLessPaper] });
        }
        if any(|cell| cell.independent.is_some()) {
            kinds.push(Independent);
        }
        kinds
    }

    pub fn title(self, table: &FilledTable) -> String {
        match self {
            Self::Measure => "ours".into(),
            Self::Last => "last epoch".into(),
            Self::Best => best_epoch(table).into(),
            Self::Paper => "paper".into(),
            Self::LastLessPaper => "last − paper".into(),
            Self::BestLessPaper => "best − paper".into(),
            Self::MeasureLessPaper => "ours − paper".into(),
            Self::Independent => "independent".into(),
            Self::Against => format!("less {}", table.against.as_deref().unwrap_or_default()),
            Self::Interval => "95 % interval".into(),
            Self::Probability => "p".into(),
        }
    }

    /// Ours, of those kinds that are ours.
    pub fn statistic(self, cell: &Cell) -> Option<Statistic> {
        match self {
            Self::Measure => cell.shown(),
            Self::Last => cell.last,
            Self::Best => cell.best,
            _ => None,
        }
    }

    pub fn text(self, cell: &Cell, spread: Spread, with_count: bool) -> String {
        let digits = cell.measure.as_ref().map_or(2, Measure::digits);
        let signed = |value: Option<f64>| value.map_or_else(String::new, |value| signed(value, digits));
        match self {
            Self::Measure | Self::Last | Self::Best => {
                let statistic = self.statistic(cell);
                let count = statistic.filter(|_| with_count).map_or_else(String::new, |s| format!(" (n {})", s.n));
                ours(cell, statistic, spread) + &count
            }
            Self::Paper => published(&cell.paper),
            Self::Independent => published(&cell.independent),
            Self::LastLessPaper => signed(cell.difference(cell.last)),
            Self::BestLessPaper => signed(cell.difference(cell.best)),
            Self::MeasureLessPaper => signed(cell.difference(cell.shown())),
            Self::Against => signed(cell.against.map(|against| against.mean)),
            Self::Interval => cell
                .against
                .and_then(|against| against.interval)
                .map_or_else(String::new, |ends| format!("[{}]", ends.map(|end| signed(Some(end))).join(", "))),
            Self::Probability => cell.against.and_then(|against| against.p).map_or_else(String::new, probability),
        }
    }
}

/// What the best epoch's numbers are called; where cells differ in it, notes say which are which.
fn best_epoch(table: &FilledTable) -> &'static str {
    match (chosen(table, ChosenOn::Test).next(), chosen(table, ChosenOn::Validation).next()) {
        (_, None) => "best epoch, chosen on test images",
        (None, Some(_)) => "best epoch, chosen on validation images",
        (Some(_), Some(_)) => "best epoch",
    }
}

/// The cells whose best epoch is chosen `on` these images.
pub fn chosen(table: &FilledTable, on: ChosenOn) -> impl Iterator<Item = &Cell> {
    table.rows.iter().flat_map(|row| &row.cells).filter(move |cell| cell.chosen_on == Some(on))
}

fn ours(cell: &Cell, statistic: Option<Statistic>, spread: Spread) -> String {
    match statistic {
        // Epochs of others are evaluated on validation images.
        None if cell.best.is_some() => "–".into(),
        None => cell.missing.into(),
        Some(statistic) => {
            let digits = cell.measure.as_ref().map_or(2, Measure::digits);
            let half = match spread {
                Spread::Deviation => statistic.deviation,
                Spread::Interval => interval(&statistic).map(|[_, high]| high - statistic.mean),
            };
            let half = half.map_or_else(String::new, |half| format!(" ± {half:.digits$}"));
            format!("{:.digits$}{half}", statistic.mean)
        }
    }
}

fn published(number: &Option<Published>) -> String {
    number.as_ref().map_or_else(String::new, Published::text)
}

/// `+1.20`, `−0.35`, and 0 without a sign.
fn signed(value: f64, digits: usize) -> String {
    let rounded = format!("{:.digits$}", value.abs());
    match value {
        _ if rounded.chars().all(|c| c == '0' || c == '.') => rounded,
        value if value < 0.0 => format!("−{rounded}"),
        _ => format!("+{rounded}"),
    }
}

fn probability(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}
