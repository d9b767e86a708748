//! From experiment files and `key=value` arguments to a typed, checked value, and back to TOML.
//!
//! ```text
//! files ── merge (figment) ── choices ── overrides ── choices ──┬── check against the schema ─────────┐
//!                                                               └── shared defaults, repeats, words ──┴── serde ── T
//! ```
//!
//! The JSON schema that schemars derives from `T` is the only description of the file: the checks, the messages,
//! [`schema`] and [`to_toml`] all read it. Every value keeps its source, so that every mistake has a place.

mod absent;
mod check;
mod choices;
mod file;
mod files;
mod form;
mod key;
mod known;
mod overrides;
mod overruled;
mod registry;
mod repair;
mod repeat;
mod schema;
pub mod settings;
mod shape;
mod shared;
mod sources;
mod stand_in;
mod syntax;
mod toml_file;
mod tree;
mod wording;
mod write;

use std::collections::BTreeSet;
use std::path::Path;

use figment::value::Value;
use figment::{Figment, Provider};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use self::file::ConfigFile;
use self::known::KnownKeys;
use self::repair::Repairs;
use self::shape::Schema;
use self::sources::{KeyProblem, PartOfKey, PlacedProblem};

use crate::error::{Error, Mistake, Result};

pub(crate) use self::key::{KeyPath, KeyStep};
pub use self::overruled::overruled;
pub(crate) use self::registry::registry;
pub use self::schema::schema;
pub use self::shared::SharedDefaults;
pub use self::sources::ConfigSources;
pub use self::stand_in::{ReadAs, StandIn};
pub use self::toml_file::{TomlFile, read_table};
pub use self::write::{is_default, to_toml};

/// Bytes of an experiment file. The longest that is shipped has 3,000, and messages take a hundred times the memory.
pub(crate) const LARGEST_FILE: u64 = 1 << 18;

/// Of more mistakes than this nobody wants to know what follows from them.
const MOST_REPAIRED: usize = 1_000;

/// A checked value and where each part of it came from.
#[derive(Debug)]
pub struct Loaded<T> {
    pub value: T,
    pub sources: ConfigSources,
}

/// Reads the file at `path` and its base files, applies `overrides` (`key.path=value`) and checks the result.
///
/// # Errors
/// [`Error::Config`] with every mistake of the files and the overrides, in the order of the files.
pub fn load<T: DeserializeOwned + JsonSchema>(
    path: &Path,
    overrides: &[String],
    shared: &SharedDefaults,
) -> Result<Loaded<T>> {
    load_with(path, overrides, shared, |_, _| Vec::new())
}

/// As [`load`]. Where there are mistakes, `rest` is asked what else is wrong with the value, read as it was perhaps
/// meant: keys and sentences, of what does not follow from the keys at the top of the file that it is given.
///
/// # Errors
/// As [`load`], with those of `rest`.
pub fn load_with<T: DeserializeOwned + JsonSchema>(
    path: &Path,
    overrides: &[String],
    shared: &SharedDefaults,
    rest: impl FnOnce(&T, &BTreeSet<String>) -> Vec<(String, String)>,
) -> Result<Loaded<T>> {
    assemble(files::read(path)?, overrides, shared, rest)
}

/// As [`load`] for a text in memory, called `name` in messages. Base files are relative to the current directory.
///
/// # Errors
/// As [`load`].
pub fn parse<T: DeserializeOwned + JsonSchema>(
    text: &str,
    name: &str,
    overrides: &[String],
    shared: &SharedDefaults,
) -> Result<Loaded<T>> {
    parse_with(text, name, overrides, shared, |_, _| Vec::new())
}

/// As [`parse`], and [`load_with`].
///
/// # Errors
/// As [`load_with`].
pub fn parse_with<T: DeserializeOwned + JsonSchema>(
    text: &str,
    name: &str,
    overrides: &[String],
    shared: &SharedDefaults,
    rest: impl FnOnce(&T, &BTreeSet<String>) -> Vec<(String, String)>,
) -> Result<Loaded<T>> {
    assemble(files::from_text(text, name)?, overrides, shared, rest)
}

/// The dotted keys of a `T`'s file whose last step is `name` or nearly that: at most three, those that fit what the
/// file at `path` has chosen, where there is one that can be read.
pub fn keys_called<T: JsonSchema>(name: &str, path: Option<&Path>) -> Vec<String> {
    let schema = Schema::new(schema::of_file::<T>());
    let files = path.and_then(|path| files::read(path).ok()).unwrap_or_default();
    let Ok(mut sources) = merge(files, &[]) else { return Vec::new() };
    choices::resolve(&schema, &mut sources);
    let (known, top) = (KnownKeys::new(&schema, &sources.tree), KeyPath::default());
    let exact = known.called(name, &top);
    let paths = if exact.is_empty() { known.like(name, &top) } else { exact };
    paths.iter().map(ToString::to_string).collect()
}

fn merge(files: Vec<ConfigFile>, overrides: &[String]) -> Result<ConfigSources> {
    let mut figment = Figment::new();
    for file in &files {
        figment = figment.merge(file);
    }
    let merged = figment.data().map_err(|e| plain(e.to_string()))?.into_values().next().unwrap_or_default();
    Ok(ConfigSources::new(files, overrides, figment, Value::from(merged)))
}

fn assemble<T: DeserializeOwned + JsonSchema>(
    files: Vec<ConfigFile>,
    overrides: &[String],
    shared: &SharedDefaults,
    rest: impl FnOnce(&T, &BTreeSet<String>) -> Vec<(String, String)>,
) -> Result<Loaded<T>> {
    let schema = Schema::new(schema::of_file::<T>());
    let mut sources = merge(files, overrides)?;
    choices::resolve(&schema, &mut sources);
    let mut findings = overrides::apply(overrides, &mut sources.tree);
    choices::resolve(&schema, &mut sources);

    let written = sources.tree.clone();
    shared::inherit(&schema, &mut sources.tree, shared);
    findings.extend(check::check(&schema, &written, &sources.tree));
    if findings.is_empty() {
        return match read_value(&schema, &mut sources, shared) {
            Ok(value) => Ok(Loaded { value, sources }),
            Err(mistake) => Err(sources.error([mistake])),
        };
    }
    let placed = mistakes_behind(&schema, &mut sources, shared, (findings, written), rest);
    Err(sources.error_of(placed))
}

/// The value of a tree without mistakes; what stands for others in it is written out.
///
/// # Errors
/// A key and a sentence.
fn read_value<T: DeserializeOwned>(
    schema: &Schema,
    sources: &mut ConfigSources,
    shared: &SharedDefaults,
) -> Result<T, (String, String)> {
    let mut written_out = sources.tree.clone();
    let origins = repeat::expand(&mut written_out, shared, |tag| sources.rank(tag))?;
    (sources.tree, sources.origins) = (written_out, origins);
    // What entries stood for shares defaults too.
    shared::inherit(schema, &mut sources.tree, shared);
    let mut complete = sources.tree.clone();
    absent::leave_out(schema, schema.root(), &mut complete);
    // Only where the types refuse more than their schema says.
    serde_json::from_value(tree::to_json(&complete)).map_err(|error| (String::new(), format!("{error}.")))
}

/// The `findings` about a tree as it was `written`, and what else is wrong once they are mended.
fn mistakes_behind<T: DeserializeOwned>(
    schema: &Schema,
    sources: &mut ConfigSources,
    shared: &SharedDefaults,
    (findings, written): (Vec<KeyProblem>, Value),
    rest: impl FnOnce(&T, &BTreeSet<String>) -> Vec<(String, String)>,
) -> Vec<PlacedProblem> {
    if findings.len() > MOST_REPAIRED {
        return sources.place(findings);
    }
    let (mut repairs, mut tree) = (Repairs::default(), written);
    repairs.apply(&mut tree, &findings);
    let mut placed = sources.place(findings);
    // What was not looked at under a wrong name is looked at now.
    for _ in 0..2 {
        sources.tree = tree;
        sources.renamed = repairs.renamed.clone();
        choices::resolve(schema, sources);
        tree = sources.tree.clone();
        shared::inherit(schema, &mut sources.tree, shared);
        let more = check::check(schema, &tree, &sources.tree);
        if more.is_empty() {
            break;
        }
        let is_new = |found: &KeyProblem| repairs.renamed.keys().any(|key| found.key.0.starts_with(key));
        if !more.iter().all(is_new) {
            return placed;
        }
        repairs.apply(&mut tree, &more);
        placed.extend(sources.place(more));
    }
    if let Ok(value) = read_value(schema, sources, shared) {
        let later = rest(&value, &repairs.unknown)
            .into_iter()
            .map(|(key, problem)| KeyProblem::new(KeyPath::parse(&key).unwrap_or_default(), PartOfKey::Value, problem));
        placed.extend(sources.place(later.collect()));
    }
    placed
}

/// A mistake without a place.
fn plain(problem: String) -> Error {
    Error::Config(vec![Mistake { problem, ..Mistake::default() }])
}
