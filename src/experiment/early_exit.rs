//! The step after which a network may stop, told by BNTT's gamma.

use crate::network::Gammas;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When to stop before the last time-step.
///
/// With g[l, t] the mean of gamma over the channels of BNTT layer l at time-step t, the exit is after the first step t
/// at which g[l, t] < threshold for every layer l: a layer whose gamma is near 0 lets little through. Deep layers start
/// below it, so that no fewer than all will do; `average` looks at the mean of g over the layers. Gamma falls that low
/// where weight decay and a large learning rate shrink it. Source: Kim & Panda 2021, "early exit", whose threshold is
/// 0.1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyExitConfig {
    /// Mean gammas below it end the sequence.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub threshold: f64,
    /// Which layers' gammas must be below the threshold.
    pub layers: ExitLayers,
}

/// Whose gamma decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ExitLayers {
    /// Each layer's mean.
    #[default]
    Every,
    /// The mean of all layers' means.
    Average,
}

impl Default for EarlyExitConfig {
    fn default() -> Self {
        Self { threshold: 0.1, layers: ExitLayers::Every }
    }
}

impl EarlyExitConfig {
    /// The number of time-steps up to the exit; nothing where gamma never falls that low, or there is no BNTT layer.
    pub fn time_steps(&self, gammas: &Gammas) -> Option<usize> {
        let time_steps = gammas.iter().map(|(_, means)| means.len()).min()?;
        let at = |t: usize| gammas.iter().filter_map(move |(_, means)| means.get(t).copied());
        let over = |t: &usize| match self.layers {
            ExitLayers::Every => at(*t).all(|mean| mean < self.threshold),
            ExitLayers::Average => at(*t).sum::<f64>() / (gammas.len() as f64) < self.threshold,
        };
        (0..time_steps).find(over).map(|t| t.saturating_add(1))
    }
}

impl EarlyExitConfig {
    /// Why a network of so many time-steps, with or without BNTT layers, never stops early, in sentences.
    pub fn warning(&self, time_steps: usize, has_bntt: bool) -> Option<String> {
        match (time_steps, has_bntt) {
            (_, false) => Some(format!(
                "the exit is told by the gammas of \"bntt\" layers, and network.layers has none: all {time_steps} time-steps are \
                 evaluated. Leave it out, or add such layers."
            )),
            (..=1, true) => Some(
                "network.time_steps is 1: there is no time-step to leave out. Leave it out, or take more of them."
                    .into(),
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two layers: the first falls, the second, deeper one begins low, as in trained networks.
    fn gammas() -> Gammas {
        vec![
            ("layers.1.bntt".into(), vec![0.3, 0.2, 0.15, 0.08, 0.05]),
            ("layers.4.bntt".into(), vec![0.05, 0.4, 0.2, 0.11, 0.09]),
        ]
    }

    #[test]
    fn every_layer_must_be_below_the_threshold() {
        assert_eq!(EarlyExitConfig::default().time_steps(&gammas()), Some(5));
    }

    #[test]
    fn the_average_of_the_layers_is_below_it_earlier() {
        // Means over the layers: .175, .3, .175, .095.
        let rule = EarlyExitConfig { layers: ExitLayers::Average, ..Default::default() };
        assert_eq!(rule.time_steps(&gammas()), Some(4));
    }

    #[test]
    fn a_network_that_has_no_exit_is_warned_of() {
        let rule = EarlyExitConfig::default();
        assert_eq!(rule.warning(2, true), None);
        let told = rule.warning(1, true).expect("a warning");
        assert_eq!(
            told,
            "network.time_steps is 1: there is no time-step to leave out. Leave it out, or take more of them."
        );
        let told = rule.warning(8, false).expect("a warning");
        assert_eq!(
            told,
            "the exit is told by the gammas of \"bntt\" layers, and network.layers has none: all 8 time-steps are evaluated. \
             Leave it out, or add such layers."
        );
    }

    #[test]
    fn there_is_no_exit_where_gamma_stays_above_or_is_absent() {
        let rule = EarlyExitConfig { threshold: 0.05, ..Default::default() };
        assert_eq!([rule.time_steps(&gammas()), rule.time_steps(&Vec::new())], [None, None]);
    }
}
