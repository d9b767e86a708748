//! What the operating system gives and asks: memory, threads, signals, GPUs.

pub mod gpus;
pub mod memory;
pub mod program;
pub mod signals;
pub mod threads;

#[cfg(test)]
pub mod written_program;
