//! What is measured on a trained network, or made of it: energy, robustness, early exit, conversion to spiking neurons;
//! and statistics over seeds.

// Counts of operations and spikes: those of a network that fits the machine are far below 2^64.
#![allow(clippy::arithmetic_side_effects)]

pub mod attack;
pub mod conversion;
pub mod early_exit;
pub mod energy;
pub mod hardware;
pub mod paired;
pub mod statistic;
