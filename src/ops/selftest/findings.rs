//! Compares results of a GPU with those of the CPU and records the largest difference.

use crate::ops::gpu::Gpu;
use candle_core::{DType, Device, Result, Tensor};

/// What all comparisons of one op in one type found.
#[derive(Debug, Clone, PartialEq)]
pub struct OpFinding {
    pub op: String,
    pub dtype: DType,
    pub comparisons: usize,
    /// Largest difference, relative to the largest expected magnitude.
    pub largest: f32,
    /// The difference that rounding explains; 0 where the bits must agree.
    pub allowed: f32,
    /// The first comparison that failed.
    pub failure: Option<String>,
}

/// A GPU, and what was found on it so far.
pub struct Checks<'a> {
    pub gpu: &'a dyn Gpu,
    findings: Vec<OpFinding>,
}

impl<'a> Checks<'a> {
    pub fn new(gpu: &'a dyn Gpu) -> Self {
        Self { gpu, findings: Vec::new() }
    }

    pub fn into_findings(self) -> Vec<OpFinding> {
        self.findings
    }

    /// A tensor where the GPU computes, lying as it lies.
    pub(super) fn sent(&self, x: &Tensor) -> Result<Tensor> {
        x.to_device(self.gpu.device())
    }

    /// Runs `work` twice, for the same bits: what it gave.
    pub(super) fn twice(&mut self, op: &str, case: &str, work: impl Fn(&dyn Gpu) -> Result<Tensor>) -> Result<Tensor> {
        let (first, second) = (work(self.gpu)?, work(self.gpu)?);
        let (before, after) = (flat(&first)?, flat(&second)?);
        let same = before.iter().zip(&after).all(|(a, b)| a.to_bits() == b.to_bits());
        let failure = (!same).then(|| format!("{case}: not the same bits twice"));
        self.note(op, first.dtype(), 0.0, 0.0, failure);
        Ok(first)
    }

    /// `found` may differ from `expected` by a share `within` of the largest expected magnitude.
    pub(super) fn close(&mut self, op: &str, case: &str, within: f32, expected: &Tensor, found: &Tensor) -> Result<()> {
        let scale = |expected: &[f32]| {
            let largest = expected.iter().fold(1e-6f32, |largest, v| largest.max(v.abs()));
            vec![largest; expected.len()]
        };
        self.compare(op, case, within, expected, found, scale)
    }

    /// Every element of `found` may differ by a share `within` of its own `scale`.
    pub(super) fn close_each(
        &mut self,
        op: &str,
        case: &str,
        within: f32,
        expected: &Tensor,
        found: &Tensor,
        scale: &Tensor,
    ) -> Result<()> {
        let scale = flat(scale)?;
        self.compare(op, case, within, expected, found, |_| scale)
    }

    /// `found` must have the numbers of `expected`.
    pub(super) fn same(&mut self, op: &str, case: &str, expected: &Tensor, found: &Tensor) -> Result<()> {
        self.compare(op, case, 0.0, expected, found, |expected| vec![1.0; expected.len()])
    }

    fn compare(
        &mut self,
        op: &str,
        case: &str,
        within: f32,
        expected: &Tensor,
        found: &Tensor,
        scale: impl FnOnce(&[f32]) -> Vec<f32>,
    ) -> Result<()> {
        let dtype = found.dtype();
        if expected.dims() != found.dims() {
            let failure = format!("{case}: expected {:?}, found {:?}", expected.dims(), found.dims());
            self.note(op, dtype, f32::INFINITY, within, Some(failure));
            return Ok(());
        }
        let (expected, found) = (flat(expected)?, flat(found)?);
        let (mut largest, mut failure) = (0f32, None);
        for (i, ((e, f), scale)) in expected.iter().zip(&found).zip(scale(&expected)).enumerate() {
            let difference = if e == f || (e.is_nan() && f.is_nan()) { 0.0 } else { (e - f).abs() / scale };
            // What is not a number is as wrong as can be.
            let difference = if difference.is_nan() { f32::INFINITY } else { difference };
            if difference > within && failure.is_none() {
                failure = Some(format!("{case}, element {i}: expected {e}, found {f}"));
            }
            largest = largest.max(difference);
        }
        self.note(op, dtype, largest, within, failure);
        Ok(())
    }

    fn note(&mut self, op: &str, dtype: DType, largest: f32, allowed: f32, failure: Option<String>) {
        let known = self.findings.iter().position(|finding| finding.op == op && finding.dtype == dtype);
        let place = known.unwrap_or_else(|| {
            let (op, failure) = (op.to_string(), None);
            self.findings.push(OpFinding { op, dtype, comparisons: 0, largest: 0.0, allowed: 0.0, failure });
            self.findings.len() - 1
        });
        if let Some(finding) = self.findings.get_mut(place) {
            finding.comparisons += 1;
            finding.largest = finding.largest.max(largest);
            finding.allowed = finding.allowed.max(allowed);
            finding.failure = finding.failure.take().or(failure);
        }
    }
}

fn flat(x: &Tensor) -> Result<Vec<f32>> {
    x.to_device(&Device::Cpu)?.contiguous()?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gpu::{KernelArguments, LaunchConfig, MatrixProduct};

    /// A device that can do nothing.
    struct Idle;

    impl Gpu for Idle {
        fn device(&self) -> &Device {
            &Device::Cpu
        }
        fn address(&self, _: &Tensor) -> Result<u64> {
            candle_core::bail!("idle")
        }
        fn most_shared(&self) -> usize {
            0
        }
        fn alloc_uninit(&self, _: &[usize], _: DType) -> Result<Tensor> {
            candle_core::bail!("idle")
        }
        fn zeros(&self, _: &[usize], _: DType) -> Result<Tensor> {
            candle_core::bail!("idle")
        }
        fn launch(&self, _: &str, _: LaunchConfig, _: KernelArguments) -> Result<()> {
            candle_core::bail!("idle")
        }
        fn multiply(&self, _: &MatrixProduct<'_>) -> Result<()> {
            candle_core::bail!("idle")
        }
    }

    #[test]
    fn differences_beyond_rounding_are_failures() -> Result<()> {
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu);
        let mut checks = Checks::new(&Idle);
        checks.close("near", "a case", 1e-3, &tensor(&[1.0, -2.0])?, &tensor(&[1.001, -2.0])?)?;
        checks.close("far", "a case", 1e-4, &tensor(&[1.0, -2.0])?, &tensor(&[1.001, -2.0])?)?;
        checks.close("not a number", "a case", 1.0, &tensor(&[1.0])?, &tensor(&[f32::NAN])?)?;
        checks.same("one bit", "a case", &tensor(&[1.0])?, &tensor(&[1.0 + f32::EPSILON])?)?;
        checks.same("shape", "a case", &tensor(&[1.0])?, &tensor(&[1.0, 1.0])?)?;
        let runs = std::cell::Cell::new(0.0f32);
        checks.twice("twice", "a case", |_| {
            runs.set(runs.get() + 1.0);
            tensor(&[runs.get()])
        })?;
        let findings = checks.into_findings();
        assert_eq!(
            findings.iter().map(|f| f.failure.is_some()).collect::<Vec<_>>(),
            [false, true, true, true, true, true]
        );
        assert!((findings[0].largest - 5e-4).abs() < 1e-6, "half of a thousandth: {}", findings[0].largest);
        assert_eq!(findings[1].failure.as_deref(), Some("a case, element 0: expected 1, found 1.001"));
        Ok(())
    }
}
