//! What a sweep's file says.

use crate::config::LARGEST_FILE;
use crate::error::{Error, Result};
use crate::reading;
use crate::run::check_name;
use crate::tilde;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// A checked file: every list of the grid has values, those of the zip as many as each other.
pub struct File {
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
struct Written {
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
    #[serde(default)]
    seeds: Vec<u64>,
}

pub fn read(path: &Path) -> Result<File> {
    let refuse = |problem: String| Error::Run(format!("{}: {problem}", path.display()));
    let (_, written): (_, Written) = reading::toml(path, LARGEST_FILE).map_err(|e| refuse(e.to_string()))?;
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let name = written.name.unwrap_or(stem);
    check_name(&name).map_err(|problem| refuse(problem.to_string()))?;
    let lists = |what: &str, table: Table| {
        let list = |(key, value): (String, Value)| match value {
            Value::Array(values) if !values.is_empty() => Ok((key, values)),
            other => {
                Err(refuse(format!("{what}.\"{key}\": expected a list of values such as [5, 10], found {other}.")))
            }
        };
        table.into_iter().map(list).collect::<Result<Vec<_>>>()
    };
    let (grid, zip) = (lists("grid", written.grid)?, lists("zip", written.zip)?);
    let first = zip.first().map(|(key, values)| (key.clone(), values.len()));
    let differs = zip.iter().find(|(_, values)| first.as_ref().is_some_and(|(_, expected)| values.len() != *expected));
    if let (Some((first, expected)), Some((key, values))) = (first, differs) {
        let found = values.len();
        return Err(refuse(format!(
            "zip.\"{key}\": expected {expected} values, as \"{first}\" has, found {found}: the lists of a zip go side by side."
        )));
    }
    let variant = |(name, value): (String, Value)| match value {
        Value::Table(table) => Ok((Some(name), table)),
        other => Err(refuse(format!(
            "variants.\"{name}\": expected a table such as {{ \"network.lif.leak\" = 0.9 }}, found {other}."
        ))),
    };
    let mut variants = written.variants.into_iter().map(variant).collect::<Result<Vec<_>>>()?;
    if variants.is_empty() {
        variants.push((None, Table::new()));
    }
    let mut seeds: Vec<Option<u64>> = written.seeds.into_iter().map(Some).collect();
    if seeds.is_empty() {
        seeds.push(None);
    }
    let base = beside(path, &written.base)?;
    Ok(File { path: path.to_path_buf(), name, base, set: written.set, grid, zip, variants, seeds })
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
