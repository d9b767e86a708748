//! The program at the limits of the machine: little memory, no threads, output that nobody takes, and names that would
//! steer a terminal.

#[path = "../sweep/copied_program.rs"]
mod copied_program;
mod escapes;
mod memory;
mod streams;
mod threads;
mod workspace;
