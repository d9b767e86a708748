//! What a run records of where it comes from.

mod record;
mod repository;
mod runs;
mod state;
mod traps;
