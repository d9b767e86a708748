//! By which code a layer is computed, in words: `bntt check` shows it, so that nothing falls back in silence.

use super::{LayerConfig, LayerPlan};
use crate::ops::{conv, gpu};

/// The way of a layer that is not joined with the one before, on the CPU or on a GPU.
pub fn algorithm(layer: &LayerConfig, plan: &LayerPlan, on_gpu: bool) -> &'static str {
    match (layer, plan.input.image()) {
        (LayerConfig::Conv(_), _) if on_gpu => gpu::CONVOLUTIONS,
        (LayerConfig::Linear(_), _) if on_gpu => "cuBLAS",
        (LayerConfig::Conv(config), Ok(image)) => conv::cpu_algorithms(&config.geometry(image)),
        (LayerConfig::Linear(_), _) => "blocked products",
        _ => "own kernel",
    }
}
