//! Bytes on disk -> batches, through the public path.

mod batches;
mod config;
mod events;
mod idx;
mod real;
mod tensors;
