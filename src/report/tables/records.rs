//! A filled table as records for programs: a record a cell, every number with all its digits, what is unknown empty.

use super::published::Published;
use super::{Cell, FilledTable, Measure, TableRow};
use crate::analysis::statistic::Statistic;
use crate::experiment::ChosenOn;

const NUMBERS: [&str; 13] = [
    "n",
    "last_mean",
    "last_deviation",
    "best_on_test_mean",
    "best_on_test_deviation",
    "missing",
    "paper",
    "paper_evidence",
    "last_minus_paper",
    "best_minus_paper",
    "independent",
    "independent_evidence",
    "notes",
];

/// Of cells whose best epoch is chosen on validation images; absent where there are none.
const VALIDATION: [&str; 2] = ["best_on_validation_mean", "best_on_validation_deviation"];

/// Of cells with measures; absent where there are none.
const MEASURES: [&str; 4] = ["measure", "mean", "deviation", "ours_minus_paper"];

/// Of tables whose rows are compared with one of them.
const AGAINST: [&str; 5] = ["against_mean", "against_low", "against_high", "against_p", "against_n"];

/// The columns that a table has beside those of every table.
#[derive(Clone, Copy)]
struct MoreColumns {
    validation: bool,
    measures: bool,
    against: bool,
}

/// A header and a record a cell. Accuracies are in percent, differences in points; numbers that are not confirmed are
/// left out.
pub fn records(table: &FilledTable) -> Vec<Vec<String>> {
    let head = |(i, head): (usize, &String)| {
        if head.is_empty() { format!("row{}", i.saturating_add(1)) } else { head.clone() }
    };
    let mut header: Vec<String> = table.heads.iter().enumerate().map(head).collect();
    if !table.columns.is_empty() {
        header.push("column".into());
    }
    header.extend(NUMBERS.map(String::from));
    let any = |has: fn(&Cell) -> bool| table.rows.iter().flat_map(|row| &row.cells).any(has);
    let more = MoreColumns {
        validation: any(|cell| cell.chosen_on == Some(ChosenOn::Validation)),
        measures: any(|cell| cell.measure.is_some()),
        against: table.against.is_some(),
    };
    let optional = [(more.validation, &VALIDATION[..]), (more.measures, &MEASURES[..]), (more.against, &AGAINST[..])];
    for (_, names) in optional.iter().filter(|(is_there, _)| *is_there) {
        header.extend(names.iter().map(ToString::to_string));
    }
    let mut records = vec![header];
    records.extend(table.rows.iter().flat_map(|row| records_of(table, row, more)));
    records
}

fn records_of(table: &FilledTable, TableRow { labels, cells }: &TableRow, more: MoreColumns) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    for (i, cell) in cells.iter().enumerate() {
        let mut record = labels.clone();
        record.extend(table.columns.get(i).cloned());
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:?}"));
        let mean = |statistic: Option<Statistic>| number(statistic.map(|s| s.mean));
        let deviation = |statistic: Option<Statistic>| number(statistic.and_then(|s| s.deviation));
        let value = |published: &Option<Published>| number(published.as_ref().and_then(Published::confirmed));
        let evidence =
            |published: &Option<Published>| published.as_ref().map_or("", |p| p.evidence.letter()).to_string();
        let on = |images| cell.best.filter(|_| cell.chosen_on.unwrap_or_default() == images);
        record.extend([
            cell.best.or(cell.last).or(cell.measured).map_or(0, |ours| ours.n).to_string(),
            mean(cell.last),
            deviation(cell.last),
            mean(on(ChosenOn::Test)),
            deviation(on(ChosenOn::Test)),
            if cell.last.or(cell.best).or(cell.measured).is_none() { cell.missing.into() } else { String::new() },
            value(&cell.paper),
            evidence(&cell.paper),
            number(cell.difference(cell.last)),
            number(cell.difference(cell.best)),
            value(&cell.independent),
            evidence(&cell.independent),
            cell.notes.join(" "),
        ]);
        if more.validation {
            record.extend([mean(on(ChosenOn::Validation)), deviation(on(ChosenOn::Validation))]);
        }
        if more.measures {
            let name = cell.measure.as_ref().map_or("", Measure::name).to_string();
            let less = number(cell.difference(cell.measured));
            record.extend([name, mean(cell.measured), deviation(cell.measured), less]);
        }
        if more.against {
            let ends = cell.against.and_then(|against| against.interval).map_or([None; 2], |ends| ends.map(Some));
            let pairs = cell.against.map_or_else(String::new, |against| against.n.to_string());
            let [low, high] = ends.map(number);
            record.extend([number(cell.against.map(|against| against.mean)), low, high]);
            record.extend([number(cell.against.and_then(|against| against.p)), pairs]);
        }
        records.push(record);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::table::csv::lines;

    #[test]
    fn names_that_a_spreadsheet_would_run_are_texts_and_negative_differences_stay_numbers() {
        let mut cell = Cell::absent("@place".into(), "why");
        cell.last = Statistic::from_values(&[-1.5]);
        cell.notes = vec!["-note".into()];
        let table = FilledTable {
            heads: vec!["=head".into()],
            columns: vec!["+column".into()],
            rows: vec![TableRow { labels: vec!["=1+1".into()], cells: vec![cell] }],
            ..FilledTable::default()
        };
        let text = lines(&records(&table));
        let [header, record] = [0, 1].map(|line| text.lines().nth(line).unwrap());
        assert!(header.starts_with("'=head,column,n,"), "{header}");
        assert_eq!(record, "'=1+1,'+column,1,-1.5,,,,,,,,,,,'-note");
    }
}
