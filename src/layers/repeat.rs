//! The same layers several times over: a word of the file, which is expanded when the file is read.

use super::plan::PlanResult;
use super::{BuildContext, Layer, LayerConfig, LayerPlan, LayerSpec, SequenceSpec};
use candle_core::{Result, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `layers`, `times` times over, as if they stood in the list one after the other: each has weights of its own, and
/// places in names and messages are those of the list without repeats. Overrides come before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepeatConfig {
    /// How often they stand there.
    #[schemars(range(min = 1))]
    pub times: usize,
    /// The layers that are repeated.
    #[schemars(length(min = 1))]
    pub layers: Vec<LayerConfig>,
}

const UNREAD: &str = "a repeat stands for the layers in it: it is expanded when an experiment's file is read, and none was \
                      expected in a list that is planned";

impl LayerSpec for RepeatConfig {
    fn plan(&self, _: &SequenceSpec, _: &BuildContext) -> PlanResult {
        Err(UNREAD.into())
    }

    fn build(&self, _: &LayerPlan, _: &BuildContext) -> Result<Box<dyn Layer>> {
        bail!("{UNREAD}")
    }
}
