//! Bytes on disk -> batches, through the public path.

mod batches;
mod checksums;
mod config;
mod events;
mod idx;
mod real;
mod tensors;

#[path = "../../src/data/captured_warnings.rs"]
mod captured_warnings;
