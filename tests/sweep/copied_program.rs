//! A copy of a program, to be started.

use std::path::Path;
use std::process::Command;

/// Another process copies: the system refuses to run what is open for writing, and a child that another test starts
/// just then would have the copy open too.
pub fn copy_program(from: &str, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().expect("cp").success());
}
