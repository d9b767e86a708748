//! What is measured on a trained network: energy, robustness, early exit; and statistics over seeds.

pub mod attack;
pub mod early_exit;
pub mod energy;
pub mod statistic;
