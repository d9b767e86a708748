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
//!
//! Nothing here panics on purpose: what can go wrong is an [`error::Error`]. Modules that read what a user wrote neither index nor add
//! and multiply sizes unchecked; nor do the plans of [`network`] and [`layers`], whose other files compute with tensors, which the lint
//! cannot tell from numbers. The kernels of [`ops`] do both: every op checks the sizes of its tensors at its door.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable
    )
)]

/// Accuracy on images that were changed.
pub mod attack;
/// How long a training step takes, and where.
pub mod bench;
/// Weights, moments and progress on disk.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod checkpoint;
/// The command line.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod cli;
/// Runs side by side.
pub mod compare;
/// Files and overrides to a checked, typed value: what every message about a config comes from.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod config;
/// Bytes on disk to batches.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod data;
/// The CPU or a GPU.
pub mod device;
/// Whether a run folder is whole.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod doctor;
/// Data sets from their official addresses.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod download;
/// Files that are either whole or absent.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod durable;
/// Stopping before the last time-step.
pub mod early_exit;
/// Images to sequences.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod encoders;
/// Spikes, operations and energy.
pub mod energy;
/// What the user must mend, in sentences.
pub mod error;
/// A network on a whole split.
pub mod evaluate;
/// Everything that a file says, resolved and checked once.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod experiment;
/// Numbers of runs as SVG and PNG.
pub mod figures;
/// Numbers that are not finite.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod finite;
/// Whether two runs compute the same.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod identity;
/// Sequence to sequence, each with its own reverse.
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod layers;
/// All runs under a folder.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod listing;
/// One process at a time on a run.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod lock;
/// Log lines, on the screen and in the run.
pub mod logging;
/// This process's memory.
pub mod memory;
/// What a run measured.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod metrics;
/// How deep a TOML text is nested.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod nesting;
/// Encoder, layers and readout.
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod network;
/// Numeric functions with kernels of their own.
pub mod ops;
/// Gradients to new weights; learning rate schedules.
pub mod optimizers;
/// Files that a command was asked to write.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod output;
/// What may reach a terminal.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod printing;
/// How far a run is: a bar on a terminal, lines elsewhere.
pub mod progress;
/// Where a run came from.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod provenance;
/// Files that users name, which may be anything.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod reading;
/// What a run's growing files held.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod records;
/// Pages about runs and sweeps.
pub mod report;
/// What a run came to.
pub mod results;
/// Whether, and from where, a run can go on.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod resumption;
/// Counter-based random numbers.
pub mod rng;
/// Run folders.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod run;
/// Small text files with a checksum.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod sealed;
/// Every op on a GPU against its CPU twin.
pub mod selftest;
/// Settings by dotted key.
pub mod settings;
/// Mean and deviation over seeds.
pub mod statistic;
/// Being asked to stop.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod stop;
/// Many runs out of one file.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod sweep;
/// Runs beside published numbers.
pub mod tables;
/// Metrics as TensorBoard reads them.
pub mod tensorboard;
/// Worker threads, as many as there are to be had.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod threads;
/// `~` in paths.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod tilde;
/// The training loop.
pub mod train;
/// Listening to the parts of a training step.
pub mod watch;
/// Tensors by name in safetensors files.
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod weights;
