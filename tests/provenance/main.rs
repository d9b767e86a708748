//! What a run records of where it comes from.

mod record;
mod repository;
mod runs;
mod state;
mod traps;
#[path = "../../src/system/written_program.rs"]
mod written_program;
