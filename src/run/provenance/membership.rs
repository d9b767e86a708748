//! Which run of which sweep a run is.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::error::{Error, Result};
use crate::files::atomic::write_atomically;
use crate::files::reading;

/// Bytes of the file beside a config. Names and values are a sweep file's, which is no larger.
const LARGEST_FILE: u64 = 1 << 20;

/// What a run is in its sweep. It says nothing of what is computed: two runs are the same whatever stands here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepMembership {
    /// The sweep's.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The keys that the sweep's variants set, `base` where they begin from other files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variant_keys: Vec<String>,
    /// The run's values on the other axes, as text: `network.time_steps` is `5`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl SweepMembership {
    /// Writes it beside the config of the run, for the process that will train it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_beside(&self, config: &Path) -> Result<()> {
        let path = config.with_extension("sweep");
        let text =
            serde_json::to_string(self).map_err(|e| Error::Run(format!("cannot write {}: {e}.", path.display())))?;
        write_atomically(&path, text.as_bytes())
    }

    /// What stands beside a config; nothing beside one that an older version wrote. A run is trained all the same where
    /// it cannot be read, with a warning.
    pub fn read_beside(config: &Path) -> Option<Self> {
        let path = config.with_extension("sweep");
        if !path.exists() {
            return None;
        }
        let bytes = reading::bytes(&path, LARGEST_FILE).map_err(|e| e.to_string());
        let read = bytes.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|e| e.to_string()));
        read.map_err(|problem| warn!("{} cannot be read, and the variant is not recorded: {problem}", path.display()))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_beside_a_config_is_read_there_and_beside_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let membership = SweepMembership {
            name: "norms".into(),
            variant: Some("no \"norm\"".into()),
            variant_keys: vec!["network.norm".into()],
            settings: [("network.time_steps".to_string(), "5".to_string())].into(),
        };
        let config = folder.path().join("norms.no_norm-time_steps5.seed0.toml");
        membership.write_beside(&config).unwrap();
        assert_eq!(SweepMembership::read_beside(&config), Some(membership));
        assert_eq!(SweepMembership::read_beside(&folder.path().join("norms.no_norm-time_steps5.toml")), None);
        std::fs::write(config.with_extension("sweep"), "{").unwrap();
        assert_eq!(SweepMembership::read_beside(&config), None);
    }
}
