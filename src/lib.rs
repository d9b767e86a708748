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

/// How long a training step takes, and where.
pub mod bench;
/// Weights, moments and progress on disk.
pub mod checkpoint;
/// The command line.
pub mod cli;
/// Files and overrides to a checked, typed value: what every message about a config comes from.
pub mod config;
/// Bytes on disk to batches.
pub mod data;
/// The CPU or a GPU.
pub mod device;
/// Whether a run folder is whole.
pub mod doctor;
/// Files that are either whole or absent.
pub mod durable;
/// Images to sequences.
pub mod encoders;
/// What the user must mend, in sentences.
pub mod error;
/// A network on a whole split.
pub mod evaluate;
/// Everything that a file says, resolved and checked once.
pub mod experiment;
/// Numbers of runs as SVG and PNG.
pub mod figures;
/// Sequence to sequence, each with its own reverse.
pub mod layers;
/// All runs under a folder.
pub mod listing;
/// One process at a time on a run.
pub mod lock;
/// Log lines, on the screen and in the run.
pub mod logging;
/// This process's memory.
pub mod memory;
/// What a run measured.
pub mod metrics;
/// Encoder, layers and readout.
pub mod network;
/// Numeric functions with kernels of their own.
pub mod ops;
/// Gradients to new weights; learning rate schedules.
pub mod optimizers;
/// How far a run is: a bar on a terminal, lines elsewhere.
pub mod progress;
/// Where a run came from.
pub mod provenance;
/// Pages about runs and sweeps.
pub mod report;
/// Counter-based random numbers.
pub mod rng;
/// Run folders.
pub mod run;
/// Every op on a GPU against its CPU twin.
pub mod selftest;
/// Being asked to stop.
pub mod stop;
/// Many runs out of one file.
pub mod sweep;
/// The training loop.
pub mod train;
/// Listening to the parts of a training step.
pub mod watch;
/// Tensors by name in safetensors files.
pub mod weights;
