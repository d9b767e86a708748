//! Every row beside one of them, by the seeds that both have.

use super::{FilledTable, TableRow};
use crate::analysis::paired::PairedDifference;
use crate::config::settings::suggestion;

/// Fills [`super::Cell::against`]: the row called `named`, or in a table with several labels a row the one that has
/// `named`'s value on its axis (`variant=BNTT`) and the others as it has them.
///
/// # Errors
/// That no row is meant, as the rest of a sentence.
pub fn compare(table: &mut FilledTable, named: &str) -> Result<(), String> {
    let meant: Vec<Option<usize>> = table.rows.iter().map(|row| meant_by(table, row, named)).collect();
    if meant.iter().all(Option::is_none) {
        let known = names(table);
        let near = suggestion(named, known.iter().map(String::as_str));
        return Err(format!("expected one of {}, found {named:?}.{near}", known.join(", ")));
    }
    let before = table.rows.clone();
    for (i, (row, meant)) in table.rows.iter_mut().zip(meant).enumerate() {
        let Some(other) = meant.filter(|other| *other != i).and_then(|other| before.get(other)) else { continue };
        for (cell, base) in row.cells.iter_mut().zip(&other.cells) {
            if cell.measure == base.measure {
                cell.against = PairedDifference::between(&cell.by_seed, &base.by_seed);
            }
        }
    }
    table.against = Some(named.into());
    Ok(())
}

/// The row that one is compared with.
fn meant_by(table: &FilledTable, row: &TableRow, named: &str) -> Option<usize> {
    let place = |labels: &[String]| table.rows.iter().position(|row| row.labels == labels);
    if let [_] = row.labels[..] {
        return place(&[named.to_string()]).or_else(|| place(&[of_axis(table, named)?.1]));
    }
    let (axis, value) = of_axis(table, named)?;
    let mut labels = row.labels.clone();
    *labels.get_mut(axis)? = value;
    place(&labels)
}

/// `variant=BNTT`: which of the labels, and what it is.
fn of_axis(table: &FilledTable, named: &str) -> Option<(usize, String)> {
    let (head, value) = named.split_once('=')?;
    let axis = table.heads.iter().position(|known| known == head.trim())?;
    Some((axis, value.trim().to_string()))
}

/// What may be named.
fn names(table: &FilledTable) -> Vec<String> {
    let mut names = Vec::new();
    for row in &table.rows {
        for (head, label) in table.heads.iter().zip(&row.labels) {
            let name = if row.labels.len() == 1 { label.clone() } else { format!("{head}={label}") };
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tables::Cell;

    fn row(labels: &[&str], values: &[(u64, f64)]) -> TableRow {
        let cell = Cell { by_seed: values.to_vec(), notes: Vec::new(), ..Cell::absent("place".into(), "") };
        TableRow { labels: labels.iter().map(ToString::to_string).collect(), cells: vec![cell] }
    }

    fn differences(table: &FilledTable) -> Vec<Option<f64>> {
        table.rows.iter().map(|row| row.cells[0].against.map(|difference| difference.mean)).collect()
    }

    #[test]
    fn rows_are_compared_by_the_seeds_that_both_have() {
        let rows = vec![
            row(&["BNTT"], &[(0, 50.0), (1, 52.0)]),
            row(&["tdBN"], &[(1, 51.0), (0, 51.0)]),
            row(&["none"], &[(2, 40.0)]),
        ];
        let mut table = FilledTable { heads: vec!["norm".into()], rows, ..FilledTable::default() };
        compare(&mut table, "BNTT").unwrap();
        // (51 - 50 + 51 - 52) / 2.
        assert_eq!(differences(&table), [None, Some(0.0), None]);
        compare(&mut table, "norm=tdBN").unwrap();
        assert_eq!(differences(&table)[0], Some(0.0));
        let problem = compare(&mut table, "BNT").unwrap_err();
        assert_eq!(problem, "expected one of BNTT, tdBN, none, found \"BNT\". Did you mean `BNTT`?");
    }

    #[test]
    fn with_several_axes_the_others_stay_as_they_are() {
        let rows = vec![
            row(&["BNTT", "5"], &[(0, 1.0)]),
            row(&["BNTT", "10"], &[(0, 2.0)]),
            row(&["tdBN", "5"], &[(0, 4.0)]),
            row(&["tdBN", "10"], &[(0, 8.0)]),
        ];
        let heads = vec!["variant".into(), "network.time_steps".into()];
        let mut table = FilledTable { heads, rows, ..FilledTable::default() };
        compare(&mut table, "variant=BNTT").unwrap();
        assert_eq!(differences(&table), [None, None, Some(3.0), Some(6.0)]);
        let problem = compare(&mut table, "BNTT").unwrap_err();
        assert!(problem.starts_with("expected one of variant=BNTT, network.time_steps=5, "), "{problem}");
    }
}
