//! In-place moves of parameters and of the optimizer's moments, all parameters in one call.
//!
//! | move | equations, in this order |
//! |---|---|
//! | [`Sgd`] | m = μ m + (g + d w), w = w - r m; without a moment w = w - r (g + d w) |
//! | [`Adam`] | w = k w, m = b1 m + (1 - b1) (g + d w), v = b2 v + (1 - b2) (g + d w)^2, w = w - r m / (sqrt(v) / s + e) |
//!
//! with parameter w, gradient g, moments m and v, decay d, rate r. The optimizers' files say how these make SGD, Adam and AdamW.

mod cpu;

use super::no_kernel;
use super::values::{change, values};
use candle_core::{Device, Result, Tensor, bail};

/// A parameter with its gradient and moments, all of one shape.
pub struct Item<'a> {
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

/// Moves every item's parameter and moment.
pub fn sgd(items: &[Item<'_>], sgd: &Sgd) -> Result<()> {
    for Item { w, gradient, moments } in items {
        match (w.device(), moments) {
            (Device::Cpu, []) => {
                let g = values(gradient)?;
                change(w, |w| cpu::descend(w, &g, sgd))?;
            }
            (Device::Cpu, [m]) => {
                let g = values(gradient)?;
                change(w, |w| change(m, |m| cpu::descend_with_momentum(w, &g, m, sgd)))??;
            }
            (Device::Cpu, other) => bail!("sgd: {} moments, at most one is kept", other.len()),
            (device, _) => return no_kernel("sgd", device),
        }
    }
    Ok(())
}

/// Moves every item's parameter and moments.
pub fn adam(items: &[Item<'_>], adam: &Adam) -> Result<()> {
    for Item { w, gradient, moments } in items {
        match (w.device(), moments) {
            (Device::Cpu, [m, v]) => {
                let g = values(gradient)?;
                change(w, |w| change(m, |m| change(v, |v| cpu::adam(w, &g, m, v, adam))))???;
            }
            (Device::Cpu, other) => bail!("adam: {} moments where two are kept", other.len()),
            (device, _) => return no_kernel("adam", device),
        }
    }
    Ok(())
}

/// x = a x.
pub fn scale(x: &Tensor, factor: f64) -> Result<()> {
    match x.device() {
        Device::Cpu => change(x, |x| cpu::scale(x, factor as f32)),
        device => no_kernel("scale", device),
    }
}

/// The sum of a tensor's squares in double precision; not finite as soon as one element is not.
pub fn sum_of_squares(x: &Tensor) -> Result<f64> {
    match x.device() {
        Device::Cpu => Ok(cpu::sum_of_squares(&values(x)?)),
        device => no_kernel("sum of squares", device),
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
        let step = Sgd { rate: 0.25, momentum: 0.5, weight_decay: 0.1 };
        let (w, g, m) = (tensor(10.0)?, tensor(1.0)?, [tensor(2.0)?]);
        sgd(&[Item { w: &w, gradient: &g, moments: &m }], &step)?;
        assert_eq!((value(&m[0])?, value(&w)?), (3.0, 9.25), "0.5 * 2 + (1 + 0.1 * 10); 10 - 0.25 * 3");
        let w = tensor(10.0)?;
        sgd(&[Item { w: &w, gradient: &g, moments: &[] }], &step)?;
        assert_eq!(value(&w)?, 9.5, "10 - 0.25 * (1 + 0.1 * 10)");
        assert!(sgd(&[Item { w: &w, gradient: &g, moments: &[tensor(0.0)?, tensor(0.0)?] }], &step).is_err());
        Ok(())
    }

    #[test]
    fn moves_by_both_moments_are_those_computed_by_hand() -> Result<()> {
        let step = Adam { betas: [0.5, 0.75], weight_decay: 0.1, keep: 0.5, rate: 0.5, root_scale: 0.5, eps: 2.0 };
        let (w, g, moments) = (tensor(20.0)?, tensor(1.0)?, [tensor(4.0)?, tensor(4.0)?]);
        adam(&[Item { w: &w, gradient: &g, moments: &moments }], &step)?;
        assert_eq!(value(&moments[0])?, 3.0, "0.5 * 4 + 0.5 * (1 + 0.1 * 10)");
        assert_eq!(value(&moments[1])?, 4.0, "0.75 * 4 + 0.25 * 2^2");
        assert_eq!(value(&w)?, 9.75, "10 - 0.5 * 3 / (sqrt(4) / 0.5 + 2)");
        scale(&w, 4.0)?;
        assert_eq!(value(&w)?, 39.0);
        assert_eq!(sum_of_squares(&Tensor::new(&[3f32, -4.0], &Device::Cpu)?)?, 25.0);
        Ok(())
    }
}
