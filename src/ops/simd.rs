//! Which vector instructions the CPU kernels use: the widest that the machine has, found when the program starts to
//! compute.
//!
//! Kernels are written once, over vectors of unknown width. The environment variable `BNTT_INSTRUCTIONS` narrows the
//! choice, to find out whether a difference comes from it.

use pulp::{Arch, Simd, WithSimd};
use std::sync::OnceLock;

/// The environment variable's name.
pub const VARIABLE: &str = "BNTT_INSTRUCTIONS";

/// The instructions to use.
pub fn arch() -> Arch {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    // A word that is none of ours has been refused before; here it changes nothing.
    *ARCH.get_or_init(|| requested().unwrap_or_else(|_| Arch::new()))
}

/// Runs loops that the compiler makes vectors of, as wide as [`arch`] has them. The closure is to be written in the
/// call, with `#[inline(always)]`.
///
/// Handed to [`Arch::dispatch`] itself, a closure that can be called often is called through a function between, which
/// is not always inlined and then compiled for the oldest machines: four times as slow, with the same results. Asked
/// for by this signature, it is one that can be called once, without anything between.
#[inline(always)]
pub fn vectorized<R>(loops: impl FnOnce() -> R) -> R {
    arch().dispatch(Loops(loops))
}

struct Loops<F>(F);

impl<R, F: FnOnce() -> R> WithSimd for Loops<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> R {
        (self.0)()
    }
}

/// Has `values` brought into the first-level cache while other work goes on: where a kernel goes through many rows at
/// once, each of them far from the last, the machine does not see what comes next. Changes nothing else.
#[inline(always)]
pub fn prefetch(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(16) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the instruction belongs to every x86-64; it reads nothing that the program sees and cannot fail.
        unsafe { _mm_prefetch(line.as_ptr().cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_ahead_stays_as_it_is() {
        let values: Vec<f32> = (0..1000u16).map(f32::from).collect();
        for range in [0..0, 0..1, 3..20, 0..1000, 1000..1000] {
            prefetch(&values[range]);
        }
        assert!(values.iter().copied().eq((0..1000u16).map(f32::from)));
    }

    #[test]
    fn a_closure_is_called_once_and_gives_what_it_gives() {
        let mut values = [1f32; 37];
        let sum = vectorized(
            #[inline(always)]
            || {
                values.iter_mut().for_each(|value| *value += 1.0);
                values.iter().sum::<f32>()
            },
        );
        assert_eq!((sum, values[36]), (74.0, 2.0));
    }
}
