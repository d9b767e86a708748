//! The tables in `tables/`.

use crate::workspace::Workspace;
use bntt::report::table::{csv, latex, markdown};
use bntt::report::tables::{FilledTable, grid, records};
use std::path::{Path, PathBuf};

/// What is confirmed: read in the paper (V) or quoted by another text (Q).
const CONFIRMED: [(&str, &str); 30] = [
    ("90.5", "V"),
    ("90.61", "Q"),
    ("90.3", "Q"),
    ("89.5", "Q"),
    ("88.7", "V"),
    ("91.2", "V"),
    ("66.6", "Q"),
    ("69.50", "Q"),
    ("58.36", "Q"),
    ("63.2", "Q"),
    ("96.6", "Q"),
    ("92.9", "Q"),
    // Sequential MNIST of others, the exit of CIFAR-10, and the lab's comparison of energies.
    ("63.3", "Q"),
    ("93.7", "Q"),
    ("96.4", "Q"),
    ("20", "Q"),
    ("2.8", "Q"),
    ("6.8", "Q"),
    ("83", "Q"),
    ("89.3", "Q"),
    ("4.5", "Q"),
    ("10", "Q"),
    ("90.5", "Q"),
    ("2.3", "Q"),
    ("91.4", "Q"),
    ("4.9", "Q"),
    ("80", "Q"),
    ("93.2", "Q"),
    ("1.3", "Q"),
    ("15", "Q"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/tables")
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("tables/").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
    files.sort();
    files
}

/// All values of a key, wherever in a file.
fn values(value: &toml::Value, key: &str) -> Vec<toml::Value> {
    match value {
        toml::Value::Table(table) => table
            .iter()
            .flat_map(|(name, value)| if name == key { vec![value.clone()] } else { values(value, key) })
            .collect(),
        toml::Value::Array(items) => items.iter().flat_map(|item| values(item, key)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_table_loads_without_a_run_and_every_config_that_it_names_is_there() {
    let empty = tempfile::tempdir().expect("a folder");
    assert!(files().len() >= 5, "{:?}", files());
    for path in files() {
        let written: toml::Table = std::fs::read_to_string(&path).expect("a file").parse().expect("TOML");
        let configs = values(&toml::Value::Table(written), "config");
        assert!(!configs.is_empty(), "{} names no config", path.display());
        for config in configs {
            assert!(folder().join(config.as_str().expect("a path")).is_file(), "{} in {}", config, path.display());
        }
        let table = FilledTable::load(&path, Some(empty.path())).unwrap_or_else(|error| panic!("{error}"));
        assert!(table.title.is_some() && table.caption.is_some() && table.label.is_some(), "{}", path.display());
        assert!(
            table.rows.iter().flat_map(|row| &row.cells).all(|cell| cell.last.is_none() && cell.missing == "not run")
        );
    }
}

#[test]
fn confirmed_numbers_are_printed_with_their_mark_and_no_others() {
    let empty = tempfile::tempdir().expect("a folder");
    let mut printed = Vec::new();
    for path in files() {
        let table = FilledTable::load(&path, Some(empty.path())).unwrap_or_else(|error| panic!("{error}"));
        let (markdown, latex, csv) =
            (markdown::render(&grid(&table)), latex::render(&grid(&table)), csv::lines(&records(&table)));
        for cell in table.rows.iter().flat_map(|row| &row.cells) {
            for number in cell.paper.iter().chain(&cell.independent) {
                let text = number.text();
                assert!(markdown.contains(&text) && latex.contains(&text), "{text} in {markdown}");
                if let Some(value) = number.confirmed() {
                    assert!(csv.contains(&format!(",{value:?},{},", number.evidence.letter())), "{text} in {csv}");
                    printed.push(text);
                }
            }
        }
        for text in [markdown, latex, csv] {
            assert!(!text.contains("57.8"), "the unconfirmed number of Tiny-ImageNet is claimed in {text}");
        }
    }
    let confirmed = CONFIRMED.map(|(value, evidence)| format!("{value} ({evidence})"));
    for number in &confirmed {
        assert!(printed.contains(number), "{number} stands in no table");
    }
    for number in &printed {
        assert!(confirmed.contains(number), "{number} is not confirmed");
    }
}

#[test]
fn the_unconfirmed_number_is_said_to_be_so() {
    let empty = tempfile::tempdir().expect("a folder");
    let table = FilledTable::load(&folder().join("bntt_accuracy.toml"), Some(empty.path())).expect("a table");
    let text = markdown::render(&grid(&table));
    let row = text.lines().find(|line| line.starts_with("| Tiny-ImageNet")).expect("a row");
    assert!(row.contains("| unconfirmed |") && row.contains(" not run |"), "{row}");
}

#[test]
fn a_run_of_a_shipped_config_finds_its_cell() {
    let workspace = Workspace::new();
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let accuracies: Vec<f64> = (1..=100).map(f64::from).collect();
    workspace.run_of(&configs.join("vgg9_cifar10_bntt.toml"), &["seed=3"], &accuracies[..90]);
    // Its own file says T 5; the table says the same by another way.
    workspace.run_of(&configs.join("mlp_mnist_direct_t5.toml"), &["data.dataset.mnist.path=/elsewhere"], &accuracies);
    let filled = |file: &str| -> Vec<(String, Option<f64>, &'static str)> {
        let table = FilledTable::load(&folder().join(file), Some(&workspace.path("runs"))).expect("a table");
        let cells = table.rows.into_iter().flat_map(|row| row.cells);
        let cells = cells.map(|cell| (cell.place, cell.last.map(|last| last.mean), cell.missing));
        cells.filter(|(_, mean, missing)| mean.is_some() || *missing != "not run").collect()
    };
    let [(place, Some(mean), _)] = &filled("rate_or_direct.toml")[..] else {
        panic!("{:?}", filled("rate_or_direct.toml"))
    };
    assert_eq!((place.as_str(), *mean), ("MLP, MNIST, direct, T 5", 100.0));
    assert_eq!(filled("bntt_accuracy.toml"), [("CIFAR-10, VGG9, BNTT, T 25".to_string(), None, "unfinished")]);
    for file in ["bntt_norm.toml", "bntt_time_steps.toml", "bntt_leak.toml"] {
        assert_eq!(filled(file).len(), 1, "{file}");
    }
}
