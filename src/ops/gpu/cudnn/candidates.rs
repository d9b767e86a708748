//! Which of the algorithms that cuDNN's heuristics name a convolution may take.
//!
//! The heuristics order algorithms by the time they expect and leave the choice to the caller: an algorithm may
//! multiply `f32` in fewer digits, add in an order that differs from call to call, or ask for more memory than there
//! is.

use crate::ops::Precision;
use candle_core::cuda_backend::cudarc::cudnn::sys;

/// The share of the device's memory that an algorithm may work in: 1 / so much. Of all memory, not of what is free: the
/// same machine takes the same algorithms, and so gives the same bits, whatever else lies in its memory.
const WORKSPACE_SHARE: usize = 16;

/// What the heuristics say of one algorithm of a direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Its number among those of its direction.
    pub number: u32,
    pub works: bool,
    /// The same bits every time.
    pub repeats: bool,
    /// How the algorithm was thought to multiply.
    pub math: sys::cudnnMathType_t,
}

/// An algorithm that may be taken, and what it is to be called with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    pub number: u32,
    pub math: sys::cudnnMathType_t,
    /// Bytes it works in.
    pub workspace: usize,
}

impl Candidate {
    /// The math type to call it with in `precision`; `None` where it must not be taken.
    pub fn math_in(&self, precision: Precision) -> Option<sys::cudnnMathType_t> {
        use sys::cudnnMathType_t as Math;
        if !self.works || !self.repeats {
            return None;
        }
        match (precision, self.math) {
            // The default may take tensor cores for f32 (in tf32), so it is told not to.
            (Precision::F32, Math::CUDNN_FMA_MATH | Math::CUDNN_DEFAULT_MATH) => Some(Math::CUDNN_FMA_MATH),
            (Precision::F32, _) => None,
            // Conversion is down to f16, whose range is not that of tf32.
            (Precision::Tf32, Math::CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION) => None,
            (Precision::Tf32 | Precision::Bf16, math) => Some(math),
        }
    }
}

/// Bytes that an algorithm may work in on a device of `memory` bytes.
pub fn most_workspace(memory: usize) -> usize {
    memory / WORKSPACE_SHARE
}

/// The largest portion of `images` at which `usable` holds for whole portions and for what is left over: `most` or the
/// first of its halves.
pub fn portion<E>(
    images: usize,
    most: usize,
    mut usable: impl FnMut(usize) -> Result<bool, E>,
) -> Result<Option<usize>, E> {
    let mut together = most.clamp(1, images.max(1));
    loop {
        let rest = images.checked_rem(together).unwrap_or(0);
        if usable(together)? && (rest == 0 || usable(rest)?) {
            return Ok(Some(together));
        }
        if together == 1 {
            return Ok(None);
        }
        together = together.div_ceil(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::cudnnMathType_t as Math;

    fn candidate(math: Math) -> Candidate {
        Candidate { number: 1, works: true, repeats: true, math }
    }

    #[test]
    fn f32_is_multiplied_in_f32_alone() {
        assert_eq!(candidate(Math::CUDNN_TENSOR_OP_MATH).math_in(Precision::F32), None);
        assert_eq!(candidate(Math::CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION).math_in(Precision::F32), None);
        for math in [Math::CUDNN_FMA_MATH, Math::CUDNN_DEFAULT_MATH] {
            assert_eq!(candidate(math).math_in(Precision::F32), Some(Math::CUDNN_FMA_MATH));
        }
    }

    #[test]
    fn other_precisions_take_over_what_the_heuristics_say() {
        for math in [Math::CUDNN_FMA_MATH, Math::CUDNN_DEFAULT_MATH, Math::CUDNN_TENSOR_OP_MATH] {
            assert_eq!(candidate(math).math_in(Precision::Tf32), Some(math));
            assert_eq!(candidate(math).math_in(Precision::Bf16), Some(math));
        }
        assert_eq!(candidate(Math::CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION).math_in(Precision::Tf32), None);
    }

    #[test]
    fn what_fails_or_does_not_repeat_its_bits_is_not_taken() {
        let fine = candidate(Math::CUDNN_FMA_MATH);
        assert_eq!(Candidate { works: false, ..fine }.math_in(Precision::Bf16), None);
        assert_eq!(Candidate { repeats: false, ..fine }.math_in(Precision::Bf16), None);
    }

    #[test]
    fn portions_are_halved_until_they_and_what_is_left_over_can_be_computed() {
        let under = |most: usize| move |images: usize| Ok::<_, ()>(images <= most);
        assert_eq!(portion(10, 100, under(100)), Ok(Some(10)));
        assert_eq!(portion(10, 4, under(100)), Ok(Some(4)));
        assert_eq!(portion(10, 100, under(3)), Ok(Some(3)));
        assert_eq!(portion(10, 100, under(0)), Ok(None));
        // 10 = 8 + 2, and nothing computes 2.
        assert_eq!(portion(10, 8, |images| Ok::<_, ()>(images != 2)), Ok(Some(1)));
    }
}
