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
static ALLOCATOR: bntt::system::memory::RecordingAllocator = bntt::system::memory::RecordingAllocator;

fn main() -> ExitCode {
    bntt::system::memory::keep_freed();
    bntt::system::memory::explain();
    bntt::system::threads::main_thread_works();
    bntt::cli::main()
}
