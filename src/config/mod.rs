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
mod key;
mod overrides;
mod overruled;
mod registry;
mod repeat;
mod schema;
pub mod settings;
mod shape;
mod shared;
mod sources;
mod stand_in;
mod tree;
mod wording;
mod write;

use std::path::Path;

use figment::value::Value;
use figment::{Figment, Provider};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use self::file::ConfigFile;
use self::shape::Schema;

use crate::error::{Error, Mistake, Result};

pub(crate) use self::key::KeyPath;
pub use self::overruled::overruled;
pub(crate) use self::registry::registry;
pub use self::schema::schema;
pub use self::shared::SharedDefaults;
pub use self::sources::ConfigSources;
pub use self::stand_in::{ReadAs, StandIn};
pub use self::write::{is_default, to_toml};

/// Bytes of an experiment file. The longest that is shipped has 3,000, and messages take a hundred times the memory.
pub(crate) const LARGEST_FILE: u64 = 1 << 18;

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
    assemble(files::read(path)?, overrides, shared)
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
    assemble(files::from_text(text, name)?, overrides, shared)
}

fn assemble<T: DeserializeOwned + JsonSchema>(
    files: Vec<ConfigFile>,
    overrides: &[String],
    shared: &SharedDefaults,
) -> Result<Loaded<T>> {
    let schema = Schema::new(schema::of_file::<T>());
    let mut figment = Figment::new();
    for file in &files {
        figment = figment.merge(file);
    }
    let merged = figment.data().map_err(|e| plain(e.to_string()))?.into_values().next().unwrap_or_default();
    let mut sources = ConfigSources::new(files, figment, Value::from(merged));

    choices::resolve(&schema, &mut sources);
    let mut findings = overrides::apply(overrides, &mut sources.tree);
    choices::resolve(&schema, &mut sources);

    let written = sources.tree.clone();
    shared::inherit(&schema, &mut sources.tree, shared);
    findings.extend(check::check(&schema, &written, &sources.tree));
    if !findings.is_empty() {
        return Err(sources.error_of(findings));
    }
    let mut written_out = sources.tree.clone();
    match repeat::expand(&mut written_out, shared, |tag| sources.rank(tag)) {
        Ok(origins) => (sources.tree, sources.origins) = (written_out, origins),
        Err(mistake) => return Err(sources.error([mistake])),
    }
    // What entries stood for shares defaults too.
    shared::inherit(&schema, &mut sources.tree, shared);
    let mut complete = sources.tree.clone();
    absent::leave_out(&schema, schema.root(), &mut complete);
    match serde_json::from_value(tree::to_json(&complete)) {
        Ok(value) => Ok(Loaded { value, sources }),
        // Only where the types refuse more than their schema says.
        Err(error) => Err(sources.error([(String::new(), format!("{error}."))])),
    }
}

/// A mistake without a place.
fn plain(problem: String) -> Error {
    Error::Config(vec![Mistake { place: String::new(), key: String::new(), problem }])
}
