//! What a sweep's file says.

use super::keys;
use crate::config::{KeyPath, TomlFile};
use crate::error::{Error, Result};
use crate::experiment::check_name;
use crate::files::tilde;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
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
    /// Where all of this stands.
    pub written: TomlFile,
}

/// What is wrong with a sweep's file, and where.
#[derive(Debug)]
pub struct SweepMistake {
    pub at: KeyPath,
    /// It is the key, not its value.
    pub is_key: bool,
    pub problem: String,
}

impl SweepMistake {
    /// At the value of `at`.
    pub fn new(at: KeyPath, problem: impl Into<String>) -> Self {
        Self { at, is_key: false, problem: problem.into() }
    }
}

/// What a table of settings holds, which the base experiment describes.
type SweepSettings = BTreeMap<String, serde_json::Value>;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenSweep {
    base: PathBuf,
    name: Option<String>,
    #[serde(default)]
    #[schemars(with = "SweepSettings")]
    set: Table,
    #[serde(default)]
    #[schemars(with = "SweepSettings")]
    grid: Table,
    #[serde(default)]
    #[schemars(with = "SweepSettings")]
    zip: Table,
    #[serde(default)]
    #[schemars(with = "SweepSettings")]
    variants: Table,
    seeds: Option<Vec<u64>>,
}

pub fn read(path: &Path) -> Result<SweepFile> {
    let (source, written): (_, WrittenSweep) = TomlFile::read(path)?;
    let refuse = |found: Vec<SweepMistake>| {
        let placed = found.into_iter().map(|found| source.mistake(&found.at, found.is_key, found.problem));
        Error::of_mistakes(placed.collect())
    };
    let one = |found: SweepMistake| refuse(vec![found]);
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let name = written.name.unwrap_or(stem);
    check_name(&name).map_err(|problem| one(SweepMistake::new(top("name"), problem.to_string())))?;
    let base = beside(path, &written.base).map_err(|problem| one(SweepMistake::new(top("base"), problem)))?;
    let found = (lists("grid", written.grid), lists("zip", written.zip), variants(written.variants));
    let (grid, zip, variants) = match found {
        (Ok(grid), Ok(zip), Ok(variants)) => (grid, zip, variants),
        (grid, zip, variants) => {
            let found = [grid.err(), zip.err(), variants.err()];
            return Err(refuse(found.into_iter().flatten().flatten().collect()));
        }
    };
    let seeds = seeds(written.seeds).map_err(one)?;
    let (path, set) = (path.to_path_buf(), written.set);
    let file = SweepFile { path, name, base, set, grid, zip, variants, seeds, written: source };
    let checked = even(&file.zip).and_then(|()| count(&file)).and_then(|()| keys::check(&file));
    match checked.and_then(|()| once(&file)) {
        Ok(()) => Ok(file),
        Err(found) => Err(Error::Config(vec![file.written.mistake(&found.at, found.is_key, found.problem)])),
    }
}

fn top(key: &str) -> KeyPath {
    KeyPath::default().name(key)
}

/// The experiment that a sweep's file names as a `base`.
///
/// # Errors
/// A sentence for one that begins with `~`.
pub fn beside(file: &Path, path: &Path) -> Result<PathBuf, String> {
    match tilde::mistake(path) {
        Some(problem) => Err(format!("base: {problem}.")),
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

fn lists(what: &str, table: Table) -> Result<Vec<(String, Vec<Value>)>, Vec<SweepMistake>> {
    let list = |key: String, value: Value| match value {
        Value::Array(values) if !values.is_empty() => Ok((key, values)),
        other => {
            let dotted = match &other {
                Value::Table(_) => " Write a key with dots in quotes, as in \"network.time_steps\" = [5, 10].",
                _ => "",
            };
            let problem =
                format!("{what}.\"{key}\": expected a list of values such as [5, 10], found {other}.{dotted}");
            Err(SweepMistake::new(top(what).name(&key), problem))
        }
    };
    all(table.into_iter().map(|(key, value)| list(key, value)))
}

/// All that is right, or all that is wrong.
fn all<T>(checked: impl Iterator<Item = Result<T, SweepMistake>>) -> Result<Vec<T>, Vec<SweepMistake>> {
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    checked.for_each(|one| match one {
        Ok(one) => right.push(one),
        Err(one) => wrong.push(one),
    });
    if wrong.is_empty() { Ok(right) } else { Err(wrong) }
}

type NamedTables = Vec<(Option<String>, Table)>;

fn variants(table: Table) -> Result<NamedTables, Vec<SweepMistake>> {
    let variant = |name: String, value: Value| match value {
        Value::Table(table) => Ok((Some(name), table)),
        other => {
            let problem = format!(
                "variants.\"{name}\": expected a table such as {{ \"network.lif.leak\" = 0.9 }}, found {other}."
            );
            Err(SweepMistake::new(top("variants").name(&name), problem))
        }
    };
    let variants = all(table.into_iter().map(|(name, value)| variant(name, value)))?;
    Ok(if variants.is_empty() { vec![(None, Table::new())] } else { variants })
}

fn seeds(written: Option<Vec<u64>>) -> Result<Vec<Option<u64>>, SweepMistake> {
    match written {
        None => Ok(vec![None]),
        Some(seeds) if seeds.is_empty() => {
            let problem = "seeds: expected seeds such as [0, 1, 2], found none. Leave `seeds` out for the base's own.";
            Err(SweepMistake::new(top("seeds"), problem))
        }
        Some(seeds) => Ok(seeds.into_iter().map(Some).collect()),
    }
}

fn even(zip: &[(String, Vec<Value>)]) -> Result<(), SweepMistake> {
    let Some((first, values)) = zip.first() else { return Ok(()) };
    let expected = values.len();
    match zip.iter().find(|(_, values)| values.len() != expected) {
        Some((key, values)) => {
            let problem = format!(
                "zip.\"{key}\": expected {expected} values, as \"{first}\" has, found {}: the lists of a zip go side by side.",
                values.len()
            );
            Err(SweepMistake::new(top("zip").name(key), problem))
        }
        None => Ok(()),
    }
}

/// Refuses more runs than anyone means, before any of them is made.
fn count(file: &SweepFile) -> Result<(), SweepMistake> {
    let zip = file.zip.first().map_or(1, |(_, values)| values.len());
    let lists = file.grid.iter().map(|(_, values)| values.len()).chain([zip, file.variants.len(), file.seeds.len()]);
    let runs = lists.map(|count| count as u128).try_fold(1u128, u128::checked_mul);
    match runs {
        Some(runs) if runs <= MOST_RUNS as u128 => Ok(()),
        _ => {
            let runs = runs.map_or_else(|| format!("more than {}", u128::MAX), |runs| runs.to_string());
            let problem = format!(
                "this sweep would have {runs} runs, and at most {MOST_RUNS} are taken: every value of the grid goes with every other. Shorten \
                 its lists, or put those that belong together into `zip`."
            );
            Err(SweepMistake { is_key: true, ..SweepMistake::new(top("grid"), problem) })
        }
    }
}

/// Refuses what would make two runs that are the same.
fn once(file: &SweepFile) -> Result<(), SweepMistake> {
    for (key, values) in &file.grid {
        if let Some((first, second)) = twice(values, same) {
            let problem = format!("grid.\"{key}\": {} say the same. Remove one of them.", both(first, second));
            let place = values.iter().position(|value| std::ptr::eq(value, second)).unwrap_or_default();
            return Err(SweepMistake::new(top("grid").name(key).index(place), problem));
        }
    }
    let rows = side_by_side(&file.zip);
    let same_row =
        |a: &Vec<(&str, &Value)>, b: &Vec<(&str, &Value)>| a.iter().zip(b).all(|((_, a), (_, b))| same(a, b));
    if let (false, Some((first, second))) = (file.zip.is_empty(), twice(&rows, same_row)) {
        let shown = |row: &[(&str, &Value)]| {
            row.iter().map(|(key, value)| format!("\"{key}\" {value}")).collect::<Vec<_>>().join(", ")
        };
        let problem = format!("zip: {} and {} say the same. Remove one of them.", shown(first), shown(second));
        return Err(SweepMistake { is_key: true, ..SweepMistake::new(top("zip"), problem) });
    }
    match twice(&file.seeds, |a, b| a == b) {
        Some((Some(seed), _)) => {
            Err(SweepMistake::new(top("seeds"), format!("seeds: {seed} stands twice. Remove one of them.")))
        }
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
