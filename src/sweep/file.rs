//! What a sweep's file says.

use super::keys;
use crate::config::LARGEST_FILE;
use crate::error::{Error, Result};
use crate::experiment::check_name;
use crate::files::reading;
use crate::files::tilde;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// More runs than this are taken for a mistake. Each is read, checked and listed, in a millisecond or so.
const MOST_RUNS: usize = 10_000;

/// A checked file: every list of the grid has values, those of the zip as many as each other, no value stands twice,
/// and no two places set the same key.
pub struct SweepFile {
    pub path: PathBuf,
    pub name: String,
    /// The base experiment, found from where the program runs.
    pub base: PathBuf,
    pub set: Table,
    pub grid: Vec<(String, Vec<Value>)>,
    pub zip: Vec<(String, Vec<Value>)>,
    /// One without a name where the file has none.
    pub variants: Vec<(Option<String>, Table)>,
    /// One that is `None` where the base's own seed is meant.
    pub seeds: Vec<Option<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSweep {
    base: PathBuf,
    name: Option<String>,
    #[serde(default)]
    set: Table,
    #[serde(default)]
    grid: Table,
    #[serde(default)]
    zip: Table,
    #[serde(default)]
    variants: Table,
    seeds: Option<Vec<u64>>,
}

pub fn read(path: &Path) -> Result<SweepFile> {
    let refuse = |problem: String| Error::Run(format!("{}: {problem}", path.display()));
    let (_, written): (_, WrittenSweep) = reading::toml(path, LARGEST_FILE).map_err(|e| refuse(e.to_string()))?;
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let name = written.name.unwrap_or(stem);
    check_name(&name).map_err(|problem| refuse(problem.to_string()))?;
    let file = SweepFile {
        path: path.to_path_buf(),
        name,
        base: beside(path, &written.base)?,
        set: written.set,
        grid: lists("grid", written.grid).map_err(refuse)?,
        zip: lists("zip", written.zip).map_err(refuse)?,
        variants: variants(written.variants).map_err(refuse)?,
        seeds: seeds(written.seeds).map_err(refuse)?,
    };
    even(&file.zip).and_then(|()| count(&file)).and_then(|()| keys::check(&file)).map_err(refuse)?;
    once(&file).map_err(refuse)?;
    Ok(file)
}

/// The experiment that a sweep's file names as a `base`.
///
/// # Errors
/// [`Error::Run`] for one that begins with `~`.
pub fn beside(file: &Path, path: &Path) -> Result<PathBuf> {
    match tilde::mistake(path) {
        Some(problem) => Err(Error::Run(format!("{}: base: {problem}.", file.display()))),
        None => Ok(file.parent().unwrap_or(Path::new("")).join(path)),
    }
}

/// The first value of every key, the second of every key, and so on.
pub fn side_by_side(lists: &[(String, Vec<Value>)]) -> Vec<Vec<(&str, &Value)>> {
    let count = lists.first().map_or(0, |(_, values)| values.len());
    if count == 0 {
        return vec![Vec::new()];
    }
    let at = |i: usize| lists.iter().filter_map(|(key, values)| Some((key.as_str(), values.get(i)?))).collect();
    (0..count).map(at).collect()
}

fn lists(what: &str, table: Table) -> Result<Vec<(String, Vec<Value>)>, String> {
    let list = |(key, value): (String, Value)| match value {
        Value::Array(values) if !values.is_empty() => Ok((key, values)),
        Value::Table(_) => Err(format!(
            "{what}.\"{key}\": expected a list of values such as [5, 10], found {value}. Write a key with dots in quotes, as in \
             \"network.time_steps\" = [5, 10]."
        )),
        other => Err(format!("{what}.\"{key}\": expected a list of values such as [5, 10], found {other}.")),
    };
    table.into_iter().map(list).collect()
}

fn variants(table: Table) -> Result<Vec<(Option<String>, Table)>, String> {
    let variant = |(name, value): (String, Value)| match value {
        Value::Table(table) => Ok((Some(name), table)),
        other => Err(format!(
            "variants.\"{name}\": expected a table such as {{ \"network.lif.leak\" = 0.9 }}, found {other}."
        )),
    };
    let variants = table.into_iter().map(variant).collect::<Result<Vec<_>, _>>()?;
    Ok(if variants.is_empty() { vec![(None, Table::new())] } else { variants })
}

fn seeds(written: Option<Vec<u64>>) -> Result<Vec<Option<u64>>, String> {
    match written {
        None => Ok(vec![None]),
        Some(seeds) if seeds.is_empty() => {
            Err("seeds: expected seeds such as [0, 1, 2], found none. Leave `seeds` out for the base's own.".into())
        }
        Some(seeds) => Ok(seeds.into_iter().map(Some).collect()),
    }
}

fn even(zip: &[(String, Vec<Value>)]) -> Result<(), String> {
    let Some((first, values)) = zip.first() else { return Ok(()) };
    let expected = values.len();
    match zip.iter().find(|(_, values)| values.len() != expected) {
        Some((key, values)) => Err(format!(
            "zip.\"{key}\": expected {expected} values, as \"{first}\" has, found {}: the lists of a zip go side by side.",
            values.len()
        )),
        None => Ok(()),
    }
}

/// Refuses more runs than anyone means, before any of them is made.
fn count(file: &SweepFile) -> Result<(), String> {
    let zip = file.zip.first().map_or(1, |(_, values)| values.len());
    let lists = file.grid.iter().map(|(_, values)| values.len()).chain([zip, file.variants.len(), file.seeds.len()]);
    let runs = lists.map(|count| count as u128).try_fold(1u128, u128::checked_mul);
    match runs {
        Some(runs) if runs <= MOST_RUNS as u128 => Ok(()),
        _ => {
            let runs = runs.map_or_else(|| format!("more than {}", u128::MAX), |runs| runs.to_string());
            Err(format!(
                "this sweep would have {runs} runs, and at most {MOST_RUNS} are taken: every value of the grid goes with every other. Shorten \
                 its lists, or put those that belong together into `zip`."
            ))
        }
    }
}

/// Refuses what would make two runs that are the same.
fn once(file: &SweepFile) -> Result<(), String> {
    for (key, values) in &file.grid {
        if let Some((first, second)) = twice(values, same) {
            return Err(format!("grid.\"{key}\": {} say the same. Remove one of them.", both(first, second)));
        }
    }
    let rows = side_by_side(&file.zip);
    let same_row =
        |a: &Vec<(&str, &Value)>, b: &Vec<(&str, &Value)>| a.iter().zip(b).all(|((_, a), (_, b))| same(a, b));
    if let (false, Some((first, second))) = (file.zip.is_empty(), twice(&rows, same_row)) {
        let shown = |row: &[(&str, &Value)]| {
            row.iter().map(|(key, value)| format!("\"{key}\" {value}")).collect::<Vec<_>>().join(", ")
        };
        return Err(format!("zip: {} and {} say the same. Remove one of them.", shown(first), shown(second)));
    }
    match twice(&file.seeds, |a, b| a == b) {
        Some((Some(seed), _)) => Err(format!("seeds: {seed} stands twice. Remove one of them.")),
        _ => Ok(()),
    }
}

fn both(first: &Value, second: &Value) -> String {
    match (first.to_string(), second.to_string()) {
        (first, second) if first == second => format!("two values, {first} and {second},"),
        (first, second) => format!("{first} and {second}"),
    }
}

/// The first value that another before it equals, and that one before it.
fn twice<T>(values: &[T], same: impl Fn(&T, &T) -> bool) -> Option<(&T, &T)> {
    let before =
        |(i, second): (usize, _)| values.iter().take(i).find(|first| same(first, second)).map(|first| (first, second));
    values.iter().enumerate().find_map(before)
}

/// Whether two values would give the same run: 1 is 1.0, and what a name shows alike could not be told apart.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Integer(whole), Value::Float(part)) | (Value::Float(part), Value::Integer(whole)) => {
            *whole as f64 == *part
        }
        (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Table(a), Value::Table(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::String(text), other) | (other, Value::String(text)) if !other.is_str() => *text == other.to_string(),
        (a, b) => a == b,
    }
}
