//! A filled table laid out as texts that people read.

use super::cells::Cell;
use super::published::{Evidence, Published};
use super::{FilledTable, TableRow};
use crate::analysis::statistic::Statistic;
use crate::experiment::ChosenOn;
use crate::report::table::Table;

/// What the best epoch's numbers are called; where cells differ in it, notes say which are which.
fn best_epoch(table: &FilledTable) -> &'static str {
    match (chosen(table, ChosenOn::Test).next(), chosen(table, ChosenOn::Validation).next()) {
        (_, None) => "best epoch, chosen on test images",
        (None, Some(_)) => "best epoch, chosen on validation images",
        (Some(_), Some(_)) => "best epoch",
    }
}

/// The cells whose best epoch is chosen `on` these images.
fn chosen(table: &FilledTable, on: ChosenOn) -> impl Iterator<Item = &Cell> {
    table.rows.iter().flat_map(|row| &row.cells).filter(move |cell| cell.chosen_on == Some(on))
}

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
/// columns; with columns, these are lines of their own below each other.
pub fn grid(table: &FilledTable) -> Table {
    let mut notes = vec![
        "Top-1 accuracy on the test images in %: mean ± sample standard deviation over n runs with different seeds. \
         Differences are in points."
            .to_string(),
    ];
    let grid = if table.columns.is_empty() { one_line_a_row(table) } else { lines_of_rows(table) };
    let cells = || table.rows.iter().flat_map(|row| &row.cells);
    notes.extend(choices(table));
    notes.extend(legend(cells().flat_map(|cell| cell.paper.iter().chain(&cell.independent))));
    notes.extend(sources("paper", cells().filter_map(|cell| Some((cell, cell.paper.as_ref()?)))));
    notes.extend(sources("independent", cells().filter_map(|cell| Some((cell, cell.independent.as_ref()?)))));
    notes.extend(cells().flat_map(|cell| cell.notes.clone()));
    notes.extend(table.notes.clone());
    let FilledTable { title, caption, label, .. } = table.clone();
    Table { title, caption, label, notes, ..grid }
}

fn one_line_a_row(table: &FilledTable) -> Table {
    let cells = || table.rows.iter().flat_map(|row| &row.cells);
    let papers = cells().any(|cell| cell.paper.is_some());
    let independent = cells().any(|cell| cell.independent.is_some());
    let mut header = table.heads.clone();
    header.extend(["n", "last epoch", best_epoch(table)].map(String::from));
    if papers {
        header.extend(["paper", "last − paper", "best − paper"].map(String::from));
    }
    if independent {
        header.push("independent".into());
    }
    let row = |row: &TableRow| {
        let mut texts = row.labels.clone();
        for cell in &row.cells {
            texts.extend([
                cell.best.map_or(0, |best| best.n).to_string(),
                ours(cell, cell.last),
                ours(cell, cell.best),
            ]);
            if papers {
                texts.extend([published(&cell.paper), difference(cell, cell.last), difference(cell, cell.best)]);
            }
            if independent {
                texts.push(published(&cell.independent));
            }
        }
        texts
    };
    Table { header, rows: table.rows.iter().map(row).collect(), left: table.heads.len(), ..Table::default() }
}

fn lines_of_rows(table: &FilledTable) -> Table {
    let mut header = table.heads.clone();
    header.push(String::new());
    header.extend(table.columns.clone());
    let mut rows = Vec::new();
    for row in &table.rows {
        let mut labels = row.labels.clone();
        let mut line = |what: &str, text: &dyn Fn(&Cell) -> String| {
            // The labels stand in a row's first line alone.
            let mut texts = labels.clone();
            labels.iter_mut().for_each(String::clear);
            texts.push(what.into());
            texts.extend(row.cells.iter().map(text));
            rows.push(texts);
        };
        line("last epoch", &|cell| counted(cell, cell.last));
        line(best_epoch(table), &|cell| counted(cell, cell.best));
        if row.cells.iter().any(|cell| cell.paper.is_some()) {
            line("paper", &|cell| published(&cell.paper));
            line("last − paper", &|cell| difference(cell, cell.last));
            line("best − paper", &|cell| difference(cell, cell.best));
        }
        if row.cells.iter().any(|cell| cell.independent.is_some()) {
            line("independent", &|cell| published(&cell.independent));
        }
    }
    Table { header, rows, left: table.heads.len().saturating_add(1), ..Table::default() }
}

fn ours(cell: &Cell, statistic: Option<Statistic>) -> String {
    match statistic {
        // Epochs of others are evaluated on validation images.
        None if cell.best.is_some() => "–".into(),
        None => cell.missing.into(),
        Some(statistic) => statistic.to_string(),
    }
}

fn counted(cell: &Cell, statistic: Option<Statistic>) -> String {
    let count = statistic.map_or_else(String::new, |statistic| format!(" (n {})", statistic.n));
    ours(cell, statistic) + &count
}

fn published(number: &Option<Published>) -> String {
    number.as_ref().map_or_else(String::new, Published::text)
}

fn difference(cell: &Cell, ours: Option<Statistic>) -> String {
    let signed = |points: f64| {
        let rounded = format!("{:.2}", points.abs());
        match rounded.as_str() {
            "0.00" => rounded,
            _ if points < 0.0 => format!("−{rounded}"),
            _ => format!("+{rounded}"),
        }
    };
    cell.difference(ours).map_or_else(String::new, signed)
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
