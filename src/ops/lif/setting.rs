//! Leak and threshold as a file says them: a number, or one that is learned.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Share of the membrane potential kept from one time-step to the next.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Leak {
    /// A fixed share; 1 is the integrate-and-fire neuron.
    Fixed(#[schemars(range(min = 0.0, max = 1.0))] f64),
    Learned(LearnedLeak),
}

/// A learned leak: the sigmoid of a parameter, `leak_logit`, so that it stays between 0 and 1. Source: Fang et al. 2021
/// (parametric LIF), eq. 9; with `input = "one_minus_leak"` the input factor is learned with it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LearnedLeak {
    /// Where training starts.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub start: f64,
    /// For whom there is one.
    pub learn: LearnedPer,
}

/// Potential above which a neuron fires.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Threshold {
    Fixed(#[schemars(extend("exclusiveMinimum" = 0.0))] f64),
    Learned(LearnedThreshold),
}

/// A learned threshold: the parameter `threshold`, itself. Training stops where it does not stay above 0. Source: Rathi
/// & Roy 2021 (DIET-SNN).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LearnedThreshold {
    /// Where training starts.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub start: f64,
    /// For whom there is one.
    pub learn: LearnedPer,
}

/// For whom there is a learned number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LearnedPer {
    /// One for all neurons of the layer.
    Layer,
    /// One for every channel, or for every feature.
    Channel,
}

impl From<f64> for Leak {
    fn from(leak: f64) -> Self {
        Self::Fixed(leak)
    }
}

impl From<f64> for Threshold {
    fn from(threshold: f64) -> Self {
        Self::Fixed(threshold)
    }
}

impl Leak {
    /// The leak, or where a learned one starts.
    pub fn start(self) -> f64 {
        match self {
            Self::Fixed(leak) => leak,
            Self::Learned(LearnedLeak { start, .. }) => start,
        }
    }

    /// For whom one is learned, if any is.
    pub fn learned(self) -> Option<LearnedPer> {
        match self {
            Self::Fixed(_) => None,
            Self::Learned(LearnedLeak { learn, .. }) => Some(learn),
        }
    }
}

impl Threshold {
    /// The threshold, or where a learned one starts.
    pub fn start(self) -> f64 {
        match self {
            Self::Fixed(threshold) => threshold,
            Self::Learned(LearnedThreshold { start, .. }) => start,
        }
    }

    /// For whom one is learned, if any is.
    pub fn learned(self) -> Option<LearnedPer> {
        match self {
            Self::Fixed(_) => None,
            Self::Learned(LearnedThreshold { learn, .. }) => Some(learn),
        }
    }
}
