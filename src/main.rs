//! `bntt`: argv -> command -> exit code.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable
    )
)]

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: bntt::memory::Noting = bntt::memory::Noting;

fn main() -> ExitCode {
    bntt::memory::keep_freed();
    bntt::memory::explain();
    bntt::cli::main()
}
