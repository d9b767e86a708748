//! The energy of an operation and of a memory access, from a table such as `45nm.toml`.

use crate::config::TomlFile;
use crate::error::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The costs of a technology in picojoule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constants {
    /// A product and a sum.
    #[schemars(range(min = 0.0))]
    pub multiply_accumulate: f64,
    /// A sum alone, for an input that is a spike.
    #[schemars(range(min = 0.0))]
    pub accumulate: f64,
    /// One number read or written.
    #[schemars(range(min = 0.0))]
    pub memory_access: f64,
}

/// The table of 45 nm.
const TABLE: &str = include_str!("45nm.toml");

impl Constants {
    /// The table in `file`, or that of 45 nm.
    ///
    /// # Errors
    /// As [`TomlFile::read`]: a file that is missing or no such table, or a cost below 0.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        match file {
            None => toml::from_str(TABLE).map_err(|error| Error::Run(format!("45nm.toml: {}", error.message()))),
            Some(path) => TomlFile::read(path).map(|(_, costs)| costs).map_err(explained),
        }
    }
}

/// After the mistakes of a table, what one holds.
fn explained(error: Error) -> Error {
    let Error::Config(mut mistakes) = error else { return error };
    if let Some(last) = mistakes.last_mut() {
        last.problem.push_str(" Costs are in picojoule, as in `multiply_accumulate = 4.6`.");
    }
    Error::Config(mistakes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_table_has_the_papers_costs() {
        let costs = Constants::load(None).unwrap();
        assert_eq!([costs.multiply_accumulate, costs.accumulate], [4.6, 0.9]);
    }

    #[test]
    fn a_table_that_is_none_is_named_with_what_was_expected() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let name = file.path().display().to_string();
        for (text, expected) in [
            (
                "multiply_accumulate = 4.6\naccumulate = -1\nmemory_access = 5",
                "costs.toml:2:14: accumulate: expected a number of at least 0, found -1. Costs are in picojoule, as in \
                 `multiply_accumulate = 4.6`.\n2 | accumulate = -1\n  |              ^^",
            ),
            (
                "multiply_accumulate = 4.6\naccumulate = 1\nmemory_acess = 2",
                "costs.toml:3:1: memory_acess: unknown key; did you mean `memory_access`? The keys here are \
                 `multiply_accumulate`, `accumulate`, `memory_access`. Costs are in picojoule, as in \
                 `multiply_accumulate = 4.6`.\n3 | memory_acess = 2\n  | ^^^^^^^^^^^^",
            ),
            (
                "multiply_accumulate = 4.6\naccumulate = 1",
                "costs.toml: memory_access: this key is missing; expected a number of at least 0. Costs are in picojoule, \
                 as in `multiply_accumulate = 4.6`.",
            ),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let error = Constants::load(Some(file.path())).unwrap_err().to_string();
            assert_eq!(error.replace(&name, "costs.toml"), expected);
        }
    }
}
