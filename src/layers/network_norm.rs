//! The norm that `network.norm` names: a word of the file, which is read when the file is.

use super::plan::PlanResult;
use super::{BuildContext, Layer, LayerPlan, LayerSpec, SequenceSpec};
use candle_core::{Result, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The layer that `network.norm` names, with the network's settings of its kind; none at all where it names "none".
/// Places in names and messages are those of the list without such words. Overrides come before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkNormConfig {}

/// What "norm" stands for in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NormChoice {
    Bntt,
    Tebn,
    Tab,
    Tdbn,
    BatchNorm,
    /// No layer.
    None,
}

const UNREAD: &str = "a norm stands for the layer that network.norm names: it is read when an experiment's file is, and none was \
                      expected in a list that is planned";

impl LayerSpec for NetworkNormConfig {
    fn plan(&self, _: &SequenceSpec, _: &BuildContext) -> PlanResult {
        Err(UNREAD.into())
    }

    fn build(&self, _: &LayerPlan, _: &BuildContext) -> Result<Box<dyn Layer>> {
        bail!("{UNREAD}")
    }
}
