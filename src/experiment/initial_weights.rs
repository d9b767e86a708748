//! `training.initial_weights`: what a run begins with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A file or run folder whose tensors are all taken, or a table that says more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum InitialWeights {
    All(PathBuf),
    Chosen(ChosenWeights),
}

/// Weights of which some are taken, and some of which stay as they are. Names are those of a layer, `layers.0`, of a
/// layer within another, `layers.3.residual.0`, or of a tensor, `layers.0.weight`; each stands for all that it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChosenWeights {
    /// A safetensors file, or a run folder: its best checkpoint, the last where there is no best.
    pub from: PathBuf,
    /// The names that are taken; all when absent. Others begin as `network.init` draws them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    /// Names that are not taken, of those that would be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// Layers that are not trained: in training they compute what they compute in evaluation. No gradient of their
    /// parameters is computed, no weight decay or momentum moves them, and their norms normalise with the running
    /// statistics that they began with, which stay: the frozen part is the function that it was in the run that it is
    /// from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<String>,
}

impl InitialWeights {
    /// The file or folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::All(path) => path,
            Self::Chosen(chosen) => &chosen.from,
        }
    }

    /// The same, to be changed.
    pub fn path_mut(&mut self) -> &mut PathBuf {
        match self {
            Self::All(path) => path,
            Self::Chosen(chosen) => &mut chosen.from,
        }
    }

    /// The layers that are not trained.
    pub fn frozen(&self) -> &[String] {
        match self {
            Self::All(_) => &[],
            Self::Chosen(chosen) => &chosen.freeze,
        }
    }
}
