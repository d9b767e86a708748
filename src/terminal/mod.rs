//! What reaches a terminal: log lines, progress, printed text.

pub mod amounts;
pub mod logging;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod printing;
pub mod progress;
