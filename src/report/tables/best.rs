//! Which of our means are the best of those that they compare with.

use super::cells::Cell;
use super::lines::LineKind;
use super::{Better, Measure};
use crate::analysis::statistic::Statistic;
use std::collections::{BTreeMap, BTreeSet};

/// A mean of ours, and where it stands.
pub struct OurNumber {
    row: usize,
    pub column: usize,
    pub kind: LineKind,
    pub data_set: Option<String>,
    better: Better,
    mean: f64,
}

impl OurNumber {
    pub fn new(row: usize, column: usize, cell: &Cell, statistic: Statistic) -> Self {
        let better = cell.measure.as_ref().map_or(Better::Higher, Measure::better);
        Self { row, column, kind: LineKind::Measure, data_set: cell.data_set.clone(), better, mean: statistic.mean }
    }

    pub fn of_kind(self, kind: LineKind) -> Self {
        Self { kind, ..self }
    }
}

/// The best of those that compare, where there are several and one is better than another.
pub fn best_of<K: Ord>(ours: &[OurNumber], compares: impl Fn(&OurNumber) -> K) -> BTreeSet<(usize, usize)> {
    let mut groups: BTreeMap<K, Vec<&OurNumber>> = BTreeMap::new();
    for number in ours {
        groups.entry(compares(number)).or_default().push(number);
    }
    let mut best = BTreeSet::new();
    for numbers in groups.values() {
        let means = || numbers.iter().map(|number| number.mean);
        let (least, most) = (means().fold(f64::INFINITY, f64::min), means().fold(f64::NEG_INFINITY, f64::max));
        let same_way = numbers.iter().all(|number| numbers.first().is_some_and(|first| first.better == number.better));
        let wanted = match numbers.first().map(|first| first.better) {
            Some(Better::Higher) => most,
            Some(Better::Lower) => least,
            _ => continue,
        };
        if same_way && least < most {
            best.extend(
                numbers.iter().filter(|number| number.mean == wanted).map(|number| (number.row, number.column)),
            );
        }
    }
    best
}
