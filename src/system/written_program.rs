//! Programs that tests write and start.

use std::path::Path;
use std::process::Command;

/// Makes a shell's script a program. A shell writes it: were it this process, a child that another test starts just
/// then would have the file open too, and the system would refuse to run it.
pub fn write_program(path: &Path, script: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\""]).arg(path).arg(script);
    assert!(shell.status().expect("a shell").success());
}
