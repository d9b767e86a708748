//! `bntt`: argv -> command -> exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    bntt::cli::main()
}
