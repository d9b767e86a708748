//! Which vector instructions the CPU kernels use: the widest that the machine has, found when the program starts to
//! compute.
//!
//! Kernels are written once, over vectors of unknown width. The environment variable `BNTT_INSTRUCTIONS` narrows the
//! choice, to find out whether a difference comes from it.

use pulp::Arch;
use std::sync::OnceLock;

/// The environment variable's name.
pub const VARIABLE: &str = "BNTT_INSTRUCTIONS";

/// The instructions to use.
pub fn arch() -> Arch {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    // A word that is none of ours has been refused before; here it changes nothing.
    *ARCH.get_or_init(|| requested().unwrap_or_else(|_| Arch::new()))
}

/// What the environment asks for, or a sentence that says what is wrong with it.
pub fn requested() -> Result<Arch, String> {
    match std::env::var(VARIABLE).as_deref() {
        Err(_) | Ok("widest") => Ok(Arch::new()),
        Ok("scalar") => Ok(Arch::Scalar),
        #[cfg(target_arch = "x86_64")]
        Ok("avx2") => match pulp::x86::V3::try_new() {
            Some(simd) => Ok(Arch::V3(simd)),
            None => Err(format!("{VARIABLE} is \"avx2\", but this machine has no AVX2 with FMA: use \"scalar\"")),
        },
        Ok(other) => Err(format!(
            "the environment variable {VARIABLE} is {other:?}; expected \"widest\" (as without it), \"avx2\" (x86-64 only) or \"scalar\""
        )),
    }
}
