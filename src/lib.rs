//! Trains spiking neural networks with Batch Normalization Through Time from a TOML file.
//!
//! One run, from top to bottom:
//!
//! ```text
//! TOML -> experiment -> network plan -> network
//! data -> batches -> encoder -> layers -> readout -> loss         forward,  [T, B, C, H, W]
//!                    layers <- gradient of the logits             backward, the same list in reverse
//!                    optimizer -> parameters                      one step
//! metrics, checkpoints -> runs/<name>/v0001
//! ```
//!
//! Shapes everywhere: T time-steps, B batch, C channels, H height, W width, F features, K classes; sequences are time-major.
//! Imports point down: cli -> train -> network, data, optimizers, run -> layers, encoders -> ops, rng.

/// Files and overrides to a checked, typed value: what every message about a config comes from.
pub mod config;
/// Bytes on disk to batches.
pub mod data;
/// Images to sequences.
pub mod encoders;
/// What the user must mend, in sentences.
pub mod error;
/// A network on a whole split.
pub mod evaluate;
/// Everything that a file says, resolved and checked once.
pub mod experiment;
/// Sequence to sequence, each with its own reverse.
pub mod layers;
/// Encoder, layers and readout.
pub mod network;
/// Numeric functions with kernels of their own.
pub mod ops;
/// Gradients to new weights; learning rate schedules.
pub mod optimizers;
/// Counter-based random numbers.
pub mod rng;
/// The training loop.
pub mod train;
