//! A TOML file that is no experiment: a sweep's, a table's. It stands alone, and its mistakes are told as those of an
//! experiment are.

use std::path::Path;

use figment::value::{Tag, Value};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use toml::Table;

use super::file::ConfigFile;
use super::key::KeyPath;
use super::shape::Schema;
use super::sources::PartOfKey;
use super::{LARGEST_FILE, check, schema, sources};

use crate::error::{Error, Mistake, Result};
use crate::files::{nearest, reading};

/// The keys and values of the file at `path`, whatever they are: of a run's config.toml, which is not merged with
/// anything.
///
/// # Errors
/// As [`TomlFile::read`].
pub fn read_table(path: &Path) -> Result<Table> {
    let (file, text) = TomlFile::parse(path)?;
    file.value(&text)
}

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
        let (file, text) = Self::parse(path)?;
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
        let value = file.value(&text)?;
        Ok((file, value))
    }

    /// The file at `path` and its text.
    fn parse(path: &Path) -> Result<(Self, String)> {
        let name = path.display().to_string();
        let text = reading::text(path, LARGEST_FILE).map_err(|reason| {
            let end = nearest::ending(Path::new(""), path, &reason);
            Error::Run(format!("{name}: {reason}{}", end.trim_end_matches('.')))
        })?;
        let file = ConfigFile::parse(&name, path, text.clone()).map_err(|found| sources::error(found, 0))?;
        Ok((Self(file), text))
    }

    /// What its `text` says; refused only where the types refuse more than their schema says.
    fn value<T: DeserializeOwned>(&self, text: &str) -> Result<T> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().unwrap_or(0..0);
            Error::Config(vec![self.0.mistake(&at, "", format!("{}.", error.message()))])
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_wrong_or_nested_too_deep_is_refused_with_its_place_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        let read = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            read_table(&path).map_err(|error| error.to_string().replace(&path.display().to_string(), "a.toml"))
        };
        assert_eq!(read(b"a = 1").unwrap(), Table::from_iter([("a".to_owned(), toml::Value::Integer(1))]));
        let text = read(b"a = 1\nb = = 2").unwrap_err();
        assert!(text.starts_with("a.toml:2:5: ") && text.ends_with("\n2 | b = = 2\n  |     ^"), "{text}");
        let text = read(b"\xef\xbb\xbfx = = 1\r\n").unwrap_err();
        assert!(text.starts_with("a.toml:1:5: ") && text.ends_with("\n1 | x = = 1\n  |     ^"), "{text}");
        // Dotted keys within brackets within dotted keys: what made the parser run out of stack.
        let square = format!("b = 1\na = {}1{}", "{a.a.a.a=".repeat(500), "}".repeat(500));
        let text = read(square.as_bytes()).unwrap_err();
        assert!(text.starts_with("a.toml:2:") && text.contains(" deep"), "{text}");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            read_table(&path).unwrap_err().to_string().rsplit(": ").next(),
            Some("No such file or directory (os error 2)")
        );
    }
}
