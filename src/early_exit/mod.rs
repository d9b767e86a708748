//! Stopping before the last time-step: for all images by BNTT's gamma, or for each by its confidence.

mod curve;
mod rule;

pub use curve::{AtConfidence, AtStep, Curve, curve};
pub use rule::{EarlyExitConfig, ExitLayers, effort};
