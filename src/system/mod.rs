//! What the operating system gives and asks: memory, threads, signals.

pub mod memory;
pub mod signals;
pub mod threads;
