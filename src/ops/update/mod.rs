//! Optimizer updates of parameters and moments, in place, all parameters in one call.
//!
//! | move | equations, in this order |
//! |---|---|
//! | [`Sgd`] | m = μ m + (g + d w), w = w - r m; without a moment w = w - r (g + d w) |
//! | [`Adam`] | w = k w, m = b1 m + (1 - b1) (g + d w), v = b2 v + (1 - b2) (g + d w)^2, w = w - r m / (sqrt(v) / s + e) |
//!
//! with parameter w, gradient g, moments m and v, decay d, rate r. The optimizers' files say how these make SGD, Adam
//! and AdamW.

mod cpu;
pub mod cuda;

use super::gpu;
use super::values::{change, values};
use candle_core::{Device, Result, Tensor, bail};

/// A parameter with its gradient and moments, all of one shape.
pub struct ParameterUpdate<'a> {
    pub w: &'a Tensor,
    pub gradient: &'a Tensor,
    pub moments: &'a [Tensor],
}

/// Stochastic gradient descent; a moment for every item, or none.
#[derive(Debug, Clone, Copy)]
pub struct Sgd {
    pub rate: f64,
    pub momentum: f64,
    pub weight_decay: f64,
}

/// Adam; two moments for every item.
#[derive(Debug, Clone, Copy)]
pub struct Adam {
    pub betas: [f64; 2],
    /// d.
    pub weight_decay: f64,
    /// k.
    pub keep: f64,
    /// r.
    pub rate: f64,
    /// s.
    pub root_scale: f64,
    /// e.
    pub eps: f64,
}

/// Whether a step may be taken, and how large its gradients may be. It lies on the device, so that a GPU need not be
/// waited for.
pub struct StepGuard {
    /// `[1]` `f32`: 1 once a loss or a norm was not finite; no step moves anything then.
    pub halted: Tensor,
    /// [1] `f32`: what gradients are multiplied with.
    factor: Tensor,
}

impl StepGuard {
    /// From a step's score ([`super::cross_entropy::BatchScore`]), the gradients' `norm` and the largest norm allowed;
    /// `halted` is that of the step before.
    pub fn new(score: &Tensor, norm: &Tensor, clip: Option<f64>, halted: Tensor) -> Result<Self> {
        match halted.device() {
            Device::Cpu => {
                let (loss, norm) = (values::<f64>(score)?[0], values::<f64>(norm)?[0]);
                if !(loss + norm).is_finite() {
                    change(&halted, |halted| halted.fill(1.0))?;
                }
                let factor = clip.filter(|&most| norm > most).map_or(1.0, |most| most / (norm + 1e-6));
                Ok(Self { halted, factor: Tensor::new(&[factor as f32], &Device::Cpu)? })
            }
            device => cuda::step_guard(&*gpu::for_device(device)?, score, norm, clip, halted.clone()),
        }
    }

    /// For a step that nothing hinders.
    pub fn granted(device: &Device) -> Result<Self> {
        Ok(Self { halted: Tensor::new(&[0f32], device)?, factor: Tensor::new(&[1f32], device)? })
    }

    /// What gradients are multiplied with on the CPU, or nothing when no step may be taken.
    fn factor(&self) -> Result<Option<f32>> {
        let factor = values::<f32>(&self.factor)?[0];
        Ok((values::<f32>(&self.halted)?[0] == 0.0).then_some(factor))
    }
}

/// Moves every item's parameter and moment.
pub fn sgd(items: &[ParameterUpdate<'_>], sgd: &Sgd, step_guard: &StepGuard) -> Result<()> {
    match items.first().map(|item| item.w.device()) {
        None => Ok(()),
        Some(Device::Cpu) => {
            let Some(factor) = step_guard.factor()? else { return Ok(()) };
            for ParameterUpdate { w, gradient, moments } in items {
                let g = values(gradient)?;
                match moments {
                    [] => change(w, |w| cpu::descend(w, &g, factor, sgd))?,
                    [m] => change(w, |w| change(m, |m| cpu::descend_with_momentum(w, &g, factor, m, sgd)))??,
                    other => bail!("sgd: {} moments, at most one is kept", other.len()),
                }
            }
            Ok(())
        }
        Some(device) => cuda::sgd(&*gpu::for_device(device)?, items, sgd, step_guard),
    }
}

/// Moves every item's parameter and moments.
pub fn adam(items: &[ParameterUpdate<'_>], adam: &Adam, step_guard: &StepGuard) -> Result<()> {
    match items.first().map(|item| item.w.device()) {
        None => Ok(()),
        Some(Device::Cpu) => {
            let Some(factor) = step_guard.factor()? else { return Ok(()) };
            for ParameterUpdate { w, gradient, moments } in items {
                let g = values(gradient)?;
                let [m, v] = moments else { bail!("adam: {} moments where two are kept", moments.len()) };
                change(w, |w| change(m, |m| change(v, |v| cpu::adam(w, &g, factor, m, v, adam))))???;
            }
            Ok(())
        }
        Some(device) => cuda::adam(&*gpu::for_device(device)?, items, adam, step_guard),
    }
}

/// The Euclidean norm of all items' gradients together, `[1]` `f64`; not finite as soon as one element is not.
pub fn gradient_norm(items: &[ParameterUpdate<'_>]) -> Result<Tensor> {
    match items.first().map_or(&Device::Cpu, |item| item.w.device()) {
        Device::Cpu => {
            let squares = items.iter().map(|item| Ok(cpu::sum_of_squares(&values(item.gradient)?)));
            Tensor::new(&[squares.sum::<Result<f64>>()?.sqrt()], &Device::Cpu)
        }
        device => cuda::gradient_norm(&*gpu::for_device(device)?, items),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(v: f32) -> Result<Tensor> {
        Tensor::new(&[v], &Device::Cpu)
    }

    fn value(t: &Tensor) -> Result<f32> {
        Ok(t.to_vec1::<f32>()?[0])
    }

    #[test]
    fn descents_are_those_computed_by_hand() -> Result<()> {
        let granted = StepGuard::granted(&Device::Cpu)?;
        let step = Sgd { rate: 0.25, momentum: 0.5, weight_decay: 0.1 };
        let (w, g, m) = (tensor(10.0)?, tensor(1.0)?, [tensor(2.0)?]);
        sgd(&[ParameterUpdate { w: &w, gradient: &g, moments: &m }], &step, &granted)?;
        assert_eq!((value(&m[0])?, value(&w)?), (3.0, 9.25), "0.5 * 2 + (1 + 0.1 * 10); 10 - 0.25 * 3");
        let w = tensor(10.0)?;
        sgd(&[ParameterUpdate { w: &w, gradient: &g, moments: &[] }], &step, &granted)?;
        assert_eq!(value(&w)?, 9.5, "10 - 0.25 * (1 + 0.1 * 10)");
        let moments = [tensor(0.0)?, tensor(0.0)?];
        assert!(sgd(&[ParameterUpdate { w: &w, gradient: &g, moments: &moments }], &step, &granted).is_err());
        Ok(())
    }

    #[test]
    fn moves_by_both_moments_are_those_computed_by_hand() -> Result<()> {
        let step = Adam { betas: [0.5, 0.75], weight_decay: 0.1, keep: 0.5, rate: 0.5, root_scale: 0.5, eps: 2.0 };
        let (w, g, moments) = (tensor(20.0)?, tensor(1.0)?, [tensor(4.0)?, tensor(4.0)?]);
        adam(&[ParameterUpdate { w: &w, gradient: &g, moments: &moments }], &step, &StepGuard::granted(&Device::Cpu)?)?;
        assert_eq!(value(&moments[0])?, 3.0, "0.5 * 4 + 0.5 * (1 + 0.1 * 10)");
        assert_eq!(value(&moments[1])?, 4.0, "0.75 * 4 + 0.25 * 2^2");
        assert_eq!(value(&w)?, 9.75, "10 - 0.5 * 3 / (sqrt(4) / 0.5 + 2)");
        Ok(())
    }

    #[test]
    fn a_norm_above_the_limit_scales_gradients_and_one_that_is_not_finite_stops_all_further_steps() -> Result<()> {
        let score = |loss: f64| Tensor::new(&[loss, 0.0, 0.0, 1.0], &Device::Cpu);
        let (w, g) = (Tensor::new(&[0f32, 0.0], &Device::Cpu)?, Tensor::new(&[3f32, -4.0], &Device::Cpu)?);
        let items = [ParameterUpdate { w: &w, gradient: &g, moments: &[] }];
        let norm = gradient_norm(&items)?;
        assert_eq!(norm.to_vec1::<f64>()?, [5.0]);
        let step = Sgd { rate: 1.0, momentum: 0.0, weight_decay: 0.0 };
        let step_guard = StepGuard::new(&score(1.0)?, &norm, Some(2.5), tensor(0.0)?)?;
        sgd(&items, &step, &step_guard)?;
        let moved = w.to_vec1::<f32>()?;
        assert!((moved[0] + 1.5).abs() < 1e-5 && (moved[1] - 2.0).abs() < 1e-5, "{moved:?}: half of the gradient");
        for (loss, norm) in [(f64::NAN, 5.0), (1.0, f64::INFINITY)] {
            let bad = StepGuard::new(&score(loss)?, &Tensor::new(&[norm], &Device::Cpu)?, None, tensor(0.0)?)?;
            sgd(&items, &step, &bad)?;
            // The next step is fine by itself, but its weights would not be those that a stopped run keeps.
            let good = Tensor::new(&[5f64], &Device::Cpu)?;
            sgd(&items, &step, &StepGuard::new(&score(1.0)?, &good, None, bad.halted)?)?;
            assert_eq!(w.to_vec1::<f32>()?, moved);
        }
        Ok(())
    }
}
