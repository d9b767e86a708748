//! A TOML file that is no experiment: a sweep's, a table's. It stands alone, and its mistakes are told as those of an
//! experiment are.

use std::path::Path;

use figment::value::{Tag, Value};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::file::ConfigFile;
use super::key::KeyPath;
use super::shape::Schema;
use super::sources::PartOfKey;
use super::{LARGEST_FILE, check, schema, sources};

use crate::error::{Error, Mistake, Result};
use crate::files::reading;

/// Where everything stands in it.
#[derive(Debug)]
pub struct TomlFile(ConfigFile);

impl TomlFile {
    /// Reads the file at `path`, and what it says.
    ///
    /// # Errors
    /// [`Error::Run`] when it cannot be read, [`Error::Config`] with every mistake of its syntax, or else of its keys
    /// and types.
    pub fn read<T: DeserializeOwned + JsonSchema>(path: &Path) -> Result<(Self, T)> {
        let name = path.display().to_string();
        let text = reading::text(path, LARGEST_FILE).map_err(|error| Error::Run(format!("{name}: {error}")))?;
        let file = ConfigFile::parse(&name, path, text.clone()).map_err(|found| sources::error(found, 0))?;
        let file = Self(file);
        let schema = Schema::new(schema::of_plain_file::<T>());
        let tree = Value::Dict(Tag::Default, file.0.dict().clone());
        let mut found = Vec::new();
        for problem in check::check(&schema, &tree, &tree) {
            let (order, mistake) = file.placed(&problem.key, problem.at == PartOfKey::Key, problem.problem);
            found.push((order, Mistake { key: problem.key.to_string(), ..mistake }));
        }
        found.sort_by_key(|(order, _)| *order);
        if !found.is_empty() {
            return Err(sources::error(found.into_iter().map(|(_, mistake)| mistake).collect(), 0));
        }
        match toml::from_str(&text) {
            Ok(value) => Ok((file, value)),
            // Only where the types refuse more than their schema says.
            Err(error) => {
                let mistake = file.0.mistake(&error.span().unwrap_or(0..0), "", format!("{}.", error.message()));
                Err(Error::Config(vec![mistake]))
            }
        }
    }

    /// As messages name it.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn has(&self, key: &KeyPath) -> bool {
        self.0.position(key).is_some()
    }

    /// A mistake at the key `at`, or its value, or else at what is nearest around it. The key stands in `problem`.
    pub(crate) fn mistake(&self, at: &KeyPath, is_key: bool, problem: String) -> Mistake {
        self.placed(at, is_key, problem).1
    }

    fn placed(&self, at: &KeyPath, is_key: bool, problem: String) -> (usize, Mistake) {
        for depth in (1..=at.0.len()).rev() {
            let path = KeyPath(at.0.iter().take(depth).cloned().collect());
            if let Some(position) = self.0.position(&path) {
                let part = if is_key || depth < at.0.len() { position.key } else { position.value };
                return (part.start, self.0.mistake(&part, "", problem));
            }
        }
        (usize::MAX, Mistake { place: self.0.name.clone(), problem, ..Mistake::default() })
    }
}
