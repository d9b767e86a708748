//! Bytes on disk -> batches, through the public path.

mod batches;
mod config;
mod idx;
mod real;
mod tensors;
