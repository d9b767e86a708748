//! The `[provenance]` section: what is recorded of where a run comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is recorded of where a run comes from. Nothing that is computed depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvenanceConfig {
    /// What of the git repository of the current directory.
    #[serde(default)]
    pub git: GitRecord,
}

/// What of the repository of the current directory is recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GitRecord {
    /// The commit, whether anything differs from it, the names of files that are not tracked, and the diff, in
    /// `uncommitted.diff`.
    #[default]
    Diff,
    /// The commit and whether anything differs from it.
    Commit,
    /// Nothing; git is not run.
    None,
}
