//! A filled table laid out as texts that people read.

use super::best::{OurNumber, best_of};
use super::cells::Cell;
use super::lines::{LineKind, chosen};
use super::published::{Evidence, Published};
use super::{FilledTable, Spread};
use crate::experiment::ChosenOn;
use crate::report::table::Table;

/// Notes on what the best epoch is chosen by, where some of it is not by the test images.
fn choices(table: &FilledTable) -> Vec<String> {
    let places = |on| chosen(table, on).map(|cell| cell.place.as_str()).collect::<Vec<_>>().join("; ");
    if chosen(table, ChosenOn::Validation).next().is_none() {
        return Vec::new();
    }
    let honest = "Chosen on validation images, held out of the training images; the test images are read once, with the best epoch's \
                  weights";
    match chosen(table, ChosenOn::Test).next() {
        None => vec![format!("{honest}.")],
        Some(_) => vec![
            format!("{honest}: {}", places(ChosenOn::Validation)),
            format!("Chosen on the test images: {}", places(ChosenOn::Test)),
        ],
    }
}

/// Lays a table out. Without columns, a row is a line with last, best, the paper's number and the differences as its
/// columns; with columns, these are lines of their own below each other. Where cells have measures, the measure stands
/// in the place of last and best.
pub fn grid(table: &FilledTable) -> Table {
    let cells = || table.rows.iter().flat_map(|row| &row.cells);
    let has_measures = cells().any(|cell| cell.measure.is_some());
    let mut notes = vec![what_numbers_are(table, has_measures)];
    let grid = if table.columns.is_empty() { one_line_a_row(table) } else { lines_of_rows(table) };
    if !has_measures {
        notes.extend(choices(table));
    }
    if !grid.bold.is_empty() {
        notes.push(
            "Bold (starred in plain text): the best of our means in its column, among rows of the same data set."
                .into(),
        );
    }
    notes.extend(table.against.as_ref().map(|_| ABOUT_PAIRS.to_string()));
    notes.extend(legend(cells().flat_map(|cell| cell.paper.iter().chain(&cell.independent))));
    notes.extend(sources("paper", cells().filter_map(|cell| Some((cell, cell.paper.as_ref()?)))));
    notes.extend(sources("independent", cells().filter_map(|cell| Some((cell, cell.independent.as_ref()?)))));
    notes.extend(cells().flat_map(|cell| cell.notes.clone()));
    notes.extend(table.notes.clone());
    let FilledTable { title, caption, label, .. } = table.clone();
    Table { title, caption, label, notes, ..grid }
}

const ABOUT_PAIRS: &str = "Differences to the row compared with: the mean over the seeds that both have, its 95 % interval, and p of the paired t \
                           test (two-sided, not corrected for the number of rows).";

fn what_numbers_are(table: &FilledTable, has_measures: bool) -> String {
    let spread = match table.spread {
        Spread::Deviation => "mean ± sample standard deviation over n runs with different seeds",
        Spread::Interval => "mean ± half of its 95 % interval (Student) over n runs with different seeds",
    };
    match has_measures {
        false => format!("Top-1 accuracy on the test images in %: {spread}. Differences are in points."),
        true => format!("{}. Accuracies are in %.", capital(spread)),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn one_line_a_row(table: &FilledTable) -> Table {
    let kinds = LineKind::of_cells(table.rows.iter().flat_map(|row| &row.cells));
    let mut header = table.heads.clone();
    header.push("n".into());
    let measure = table.rows.iter().flat_map(|row| &row.cells).find_map(|cell| cell.measure.as_ref());
    let of_all = measure.filter(|measure| {
        table.rows.iter().flat_map(|row| &row.cells).all(|cell| cell.measure.as_ref() == Some(*measure))
    });
    header.extend(kinds.iter().map(|kind| match (kind, of_all) {
        (LineKind::Measure, Some(measure)) => measure.name().to_string(),
        _ => kind.title(table),
    }));
    let mut rows = Vec::new();
    let mut ours = Vec::new();
    for (i, row) in table.rows.iter().enumerate() {
        let mut texts = row.labels.clone();
        for cell in &row.cells {
            let counted = cell.measured.or(cell.best).or(cell.last);
            texts.push(counted.map_or(0, |statistic| statistic.n).to_string());
            for kind in &kinds {
                ours.extend(kind.statistic(cell).map(|statistic| OurNumber::new(i, texts.len(), cell, statistic)));
                texts.push(kind.text(cell, table.spread, false));
            }
        }
        rows.push(texts);
    }
    // Each column has numbers of one kind.
    let bold = best_of(&ours, |number| (number.column, number.data_set.clone()));
    Table { header, rows, left: table.heads.len(), bold, ..Table::default() }
}

fn lines_of_rows(table: &FilledTable) -> Table {
    let kinds = LineKind::of_cells(table.rows.iter().flat_map(|row| &row.cells));
    let alone = kinds == [LineKind::Measure];
    let mut header = table.heads.clone();
    if !alone {
        header.push(String::new());
    }
    header.extend(table.columns.clone());
    let left = table.heads.len().saturating_add(usize::from(!alone));
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut ours = Vec::new();
    for row in &table.rows {
        let mut labels = row.labels.clone();
        let of_row = LineKind::of_cells(row.cells.iter());
        for kind in kinds.iter().filter(|kind| of_row.contains(kind)) {
            // The labels stand in a row's first line alone.
            let mut texts = labels.clone();
            labels.iter_mut().for_each(String::clear);
            if !alone {
                texts.push(kind.title(table));
            }
            for cell in &row.cells {
                let number = |statistic| OurNumber::new(rows.len(), texts.len(), cell, statistic).of_kind(*kind);
                ours.extend(kind.statistic(cell).map(number));
                texts.push(kind.text(cell, table.spread, true));
            }
            rows.push(texts);
        }
    }
    let bold = best_of(&ours, |number| (number.column, number.kind as usize, number.data_set.clone()));
    Table { header, rows, left, bold, ..Table::default() }
}

/// A note a source, with the cells whose numbers stand there.
fn sources<'a>(who: &str, numbers: impl Iterator<Item = (&'a Cell, &'a Published)>) -> Vec<String> {
    let mut places: Vec<(&str, Vec<&str>)> = Vec::new();
    for (cell, number) in numbers {
        match places.iter_mut().find(|(source, _)| *source == number.source) {
            Some((_, cells)) => cells.push(&cell.place),
            None => places.push((&number.source, vec![&cell.place])),
        }
    }
    places.into_iter().map(|(source, cells)| format!("{who}, {source}: {}", cells.join("; "))).collect()
}

/// What the letters mean, of those that stand in the table.
fn legend<'a>(numbers: impl Iterator<Item = &'a Published>) -> Option<String> {
    let numbers: Vec<_> = numbers.collect();
    let meant = |evidence, words| {
        let used = |number: &&&Published| number.evidence == evidence && number.confirmed().is_some();
        numbers.iter().find(used).map(|_| words)
    };
    let v = meant(Evidence::V, "V: read in the paper's text or the authors' code.");
    let q = meant(Evidence::Q, "Q: quoted by another text.");
    let words: Vec<&str> = v.into_iter().chain(q).collect();
    (!words.is_empty()).then(|| words.join(" "))
}
