//! Which parameters weight decay shrinks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters that `weight_decay` acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecayedParameters {
    /// Every parameter, gamma too, as in the papers' code.
    #[default]
    All,
    /// Weights of convolutions and linear layers: no bias, nothing that norms and neurons learn.
    Weights,
}

/// The name, inside its layer, of what convolutions and linear layers multiply by.
const WEIGHT: &str = "weight";

/// Whether a parameter of this name inside its layer is one of [`DecayedParameters::Weights`].
pub(super) fn is_weight(name: &str) -> bool {
    name == WEIGHT
}
