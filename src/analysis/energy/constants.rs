//! The energy of an operation and of a memory access, from a table such as `45nm.toml`.

use crate::error::{Error, Result};
use crate::files::reading;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The costs of a technology in picojoule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constants {
    /// A product and a sum.
    pub multiply_accumulate: f64,
    /// A sum alone, for an input that is a spike.
    pub accumulate: f64,
    /// One number read or written.
    pub memory_access: f64,
}

/// The table of 45 nm.
const TABLE: &str = include_str!("45nm.toml");

/// Bytes of a table that is read.
const LONGEST: u64 = 1 << 16;

impl Constants {
    /// The table in `file`, or that of 45 nm.
    ///
    /// # Errors
    /// A file that is missing or no such table, or a cost below 0.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let name = file.map_or_else(|| "45nm.toml".into(), |path| path.display().to_string());
        let wrong = |problem: String| {
            Error::Run(format!(
                "{name}: {problem}; expected multiply_accumulate, accumulate and memory_access in picojoule, as in \
                 `multiply_accumulate = 4.6`."
            ))
        };
        let costs: Self = match file {
            Some(path) => reading::toml(path, LONGEST).map_err(|error| wrong(error.to_string()))?.1,
            None => toml::from_str(TABLE).map_err(|error| wrong(error.message().to_string()))?,
        };
        let all = [costs.multiply_accumulate, costs.accumulate, costs.memory_access];
        match all.iter().find(|cost| !(cost.is_finite() && **cost >= 0.0)) {
            Some(cost) => Err(wrong(format!("a cost is {cost}"))),
            None => Ok(costs),
        }
    }
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
        for (text, problem) in [
            ("multiply_accumulate = 4.6\naccumulate = -1\nmemory_access = 5", "a cost is -1"),
            ("multiply_accumulate = 4.6\naccumulate = 1", "missing field `memory_access`"),
            ("accumulates = 1", "unknown field `accumulates`"),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let error = Constants::load(Some(file.path())).unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("in picojoule"), "{error}");
        }
    }
}
