//! The training loop.

mod config;

mod step;

pub use config::{Precision, TrainingConfig};
pub use step::{Step, step};
