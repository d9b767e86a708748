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
//! The program is this library behind a command line, and a network can be built and trained from Rust:
//!
//! ```
//! use bntt::data::Batches;
//! use bntt::experiment::{CheckedExperiment, Experiment};
//! use bntt::network::Network;
//! use bntt::optimizers::{Optimizer, TrainingPosition};
//! use bntt::train::evaluate::{EvaluationOptions, evaluate};
//! use bntt::system::signals::Stop;
//! use bntt::train::step;
//! use candle_core::Device;
//!
//! let text = r#"
//!     name = "from_rust"
//!     data = { dataset = "digits", batch_size = 64 }
//!     optimizer = { sgd = { lr = 0.1, momentum = 0.9 } }
//!     training = { epochs = 1 }
//!     [network]
//!     time_steps = 4
//!     encoder = "poisson"
//!     layers = [
//!         { conv = { channels = 8 } }, "bntt", "lif", { pool = { average = 2 } },
//!         "flatten", { linear = { features = "classes" } },
//!     ]
//! "#;
//! let CheckedExperiment { experiment, plan, .. } = Experiment::parse(text, "from_rust.toml", &[])?;
//! let dataset = experiment.load_data()?;
//! let mut network = Network::build(&experiment.network, plan, experiment.seed, &Device::Cpu)?;
//! let mut optimizer = Optimizer::new(&experiment.optimizer);
//!
//! let batches = Batches::train(&dataset.train, &experiment.data, experiment.seed, 0, &Device::Cpu)?;
//! let mut losses = Vec::new();
//! for (number, batch) in batches.iter_from(0).enumerate() {
//!     let position = TrainingPosition { epoch: 0, epochs: 1, step: number, steps: batches.steps() };
//!     // Forward, loss, backward, and the optimizer's move.
//!     let step = step(&mut network, &mut optimizer, &batch?, position, 0.1, &experiment.training, &mut ())?;
//!     losses.push(step.read_score()?.loss());
//! }
//! assert!(losses.last() < losses.first());
//!
//! let images = Batches::evaluate(&dataset.test, &experiment.data, &Device::Cpu)?;
//! let options = EvaluationOptions { draws: 1, time_steps: 4 };
//! let evaluation = evaluate(&network, &images, options, &Stop::never())?.expect("nobody asks it to stop");
//! assert!(evaluation.score.top1_percent() > 50.0);
//! # Ok::<(), bntt::error::Error>(())
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
//! | [`analysis`] | energy, attacks, early exit, conversion; statistics over seeds |
//! | [`train`] | the training loop; starting, resuming, evaluating |
//! | [`run`] | a run's folder: checkpoints, metrics, provenance; when two runs are the same |
//! | [`pytorch`] | state dictionaries and modules of PyTorch |
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
//! | [`system`] | memory, threads, signals, GPUs |
//! | [`rng`] | counter-based random numbers |
//! | [`error`] | what the user must mend, in sentences |
//!
//! Nothing here panics on purpose: what can go wrong is an [`error::Error`]. Indexing, and arithmetic that could
//! overflow, are denied: sizes that a user wrote are added and multiplied checked or saturating. The numeric modules
//! that are excepted say why in their first lines; candle's operators on tensors give a `Result` (`clippy.toml`).
//!
//! The lints stand here and in `main.rs`, not in Cargo.toml's `[lints]`, which would hold for the tests as well: there
//! `unwrap` is how a test fails.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod analysis;
pub mod cli;
pub mod config;
pub mod data;
pub mod encoders;
pub mod error;
pub mod experiment;
pub mod files;
pub mod layers;
pub mod network;
pub mod ops;
pub mod optimizers;
pub mod pytorch;
pub mod report;
pub mod rng;
pub mod run;
pub mod sweep;
pub mod system;
pub mod terminal;
pub mod train;
