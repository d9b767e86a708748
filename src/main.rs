//! `bntt`: argv -> command -> exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    bntt::memory::keep_freed();
    bntt::cli::main()
}
