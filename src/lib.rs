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
//! Shapes everywhere: T time-steps, B batch, C channels, H height, W width, F features, K classes; sequences are
//! time-major. Imports point down: a module uses those below it in this list, none above (`tests/layout.rs` holds them
//! to it).
//!
//! | module | |
//! |---|---|
//! | [`cli`] | the command line: one file a command |
//! | [`report`] | pages, figures, tables; runs side by side |
//! | [`sweep`] | many runs out of one file, here or as a SLURM array |
//! | [`analysis`] | energy, attacks, early exit; statistics over seeds |
//! | [`train`] | the training loop; starting, resuming, evaluating |
//! | [`run`] | a run's folder: checkpoints, metrics, provenance; when two runs are the same |
//! | [`experiment`] | everything that a file says, resolved and checked once |
//! | [`network`] | encoder, layers and readout |
//! | [`optimizers`] | gradients to new weights; learning rate schedules |
//! | [`encoders`] | images to sequences |
//! | [`layers`] | sequence to sequence, each with its own reverse |
//! | [`data`] | bytes on disk to batches; data sets from their official addresses |
//! | [`ops`] | numeric functions with kernels of their own, on the CPU and on a GPU |
//! | [`config`] | files and overrides to a checked, typed value: what every message about a config comes from |
//! | [`terminal`] | log lines, progress, printed text |
//! | [`files`] | files that are whole or absent, locks, files that users name |
//! | [`system`] | memory, threads, signals |
//! | [`rng`] | counter-based random numbers |
//! | [`error`] | what the user must mend, in sentences |
//!
//! Nothing here panics on purpose: what can go wrong is an [`error::Error`]. Modules that read what a user wrote
//! neither index nor add and multiply sizes unchecked; nor do the plans of [`network`] and [`layers`], whose other
//! files compute with tensors, which the lint cannot tell from numbers. The kernels of [`ops`] do both: every op checks
//! the sizes of its tensors at its door.

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

pub mod analysis;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod cli;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod config;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod data;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod encoders;
pub mod error;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod experiment;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod files;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod layers;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod network;
pub mod ops;
pub mod optimizers;
pub mod report;
pub mod rng;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod run;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod sweep;
pub mod system;
pub mod terminal;
pub mod train;
