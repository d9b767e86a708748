//! In-place element-wise updates of parameters and of the optimizer's moments.
//!
//! | update | equation |
//! |---|---|
//! | [`Momentum`] | m = μ m + (g + d w) |
//! | [`Moment`] | m = b m + (1 - b) (g + d w)^p, p = 1 or 2 |
//! | [`AdamStep`] | w = w - r m / (sqrt(v) / s + e) |
//! | [`AddScaled`] | w = w + a x |
//! | [`Scale`] | w = a w |
//!
//! with parameter w, gradient g, decay d. The optimizers' files say how these make SGD, Adam and AdamW.

use super::no_kernel;
use super::values::values;
use candle_core::{CpuStorage, Device, Layout, Result, Tensor, bail};
use candle_core::{InplaceOp1, InplaceOp2, InplaceOp3};
use rayon::prelude::*;

/// m = μ m + (g + d w), on (m, g, w).
pub struct Momentum {
    pub momentum: f64,
    pub weight_decay: f64,
}

/// m = b m + (1 - b) (g + d w)^p, on (m, g, w); p is 2 when `squared`, else 1.
pub struct Moment {
    pub beta: f64,
    pub weight_decay: f64,
    pub squared: bool,
}

/// w = w - r m / (sqrt(v) / s + e), on (w, m, v).
pub struct AdamStep {
    pub rate: f64,
    pub root_scale: f64,
    pub eps: f64,
}

/// w = w + a x, on (w, x).
pub struct AddScaled(pub f64);

/// w = a w.
pub struct Scale(pub f64);

impl InplaceOp3 for Momentum {
    fn name(&self) -> &'static str {
        "momentum"
    }

    fn cpu_fwd(
        &self,
        m: &mut CpuStorage,
        ml: &Layout,
        g: &CpuStorage,
        gl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<()> {
        let (momentum, decay) = (self.momentum as f32, self.weight_decay as f32);
        let (g, w) = (read(g, gl)?, read(w, wl)?);
        write(m, ml)?.iter_mut().zip(g.iter().zip(w)).for_each(|(m, (g, w))| *m = momentum * *m + (g + decay * w));
        Ok(())
    }
}

impl InplaceOp3 for Moment {
    fn name(&self) -> &'static str {
        "moment"
    }

    fn cpu_fwd(
        &self,
        m: &mut CpuStorage,
        ml: &Layout,
        g: &CpuStorage,
        gl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<()> {
        let (beta, rest, decay) = (self.beta as f32, (1.0 - self.beta) as f32, self.weight_decay as f32);
        let (g, w) = (read(g, gl)?, read(w, wl)?);
        for (m, (g, w)) in write(m, ml)?.iter_mut().zip(g.iter().zip(w)) {
            let g = g + decay * w;
            *m = beta * *m + rest * if self.squared { g * g } else { g };
        }
        Ok(())
    }
}

impl InplaceOp3 for AdamStep {
    fn name(&self) -> &'static str {
        "adam step"
    }

    fn cpu_fwd(
        &self,
        w: &mut CpuStorage,
        wl: &Layout,
        m: &CpuStorage,
        ml: &Layout,
        v: &CpuStorage,
        vl: &Layout,
    ) -> Result<()> {
        let (rate, root_scale, eps) = (self.rate as f32, self.root_scale as f32, self.eps as f32);
        let (m, v) = (read(m, ml)?, read(v, vl)?);
        let step = |(w, (m, v)): (&mut f32, (&f32, &f32))| *w -= rate * m / (v.sqrt() / root_scale + eps);
        write(w, wl)?.iter_mut().zip(m.iter().zip(v)).for_each(step);
        Ok(())
    }
}

impl InplaceOp2 for AddScaled {
    fn name(&self) -> &'static str {
        "add scaled"
    }

    fn cpu_fwd(&self, w: &mut CpuStorage, wl: &Layout, x: &CpuStorage, xl: &Layout) -> Result<()> {
        let (factor, x) = (self.0 as f32, read(x, xl)?);
        write(w, wl)?.iter_mut().zip(x).for_each(|(w, x)| *w += factor * x);
        Ok(())
    }
}

impl InplaceOp1 for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn cpu_fwd(&self, w: &mut CpuStorage, wl: &Layout) -> Result<()> {
        let factor = self.0 as f32;
        write(w, wl)?.iter_mut().for_each(|w| *w *= factor);
        Ok(())
    }
}

fn read<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("update: expected a contiguous tensor, found {layout:?}"),
    }
}

fn write<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("update: expected a contiguous tensor, found {layout:?}")
    };
    match storage {
        CpuStorage::F32(values) => Ok(&mut values[start..end]),
        other => bail!("update: expected f32, found {:?}", candle_core::backend::BackendStorage::dtype(other)),
    }
}

/// The sum of a tensor's squares in double precision; not finite as soon as one element is not.
pub fn sum_of_squares(x: &Tensor) -> Result<f64> {
    match x.device() {
        Device::Cpu => {
            let x = values::<f32>(x)?;
            let block = |x: &[f32]| x.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>();
            // The partial sums are collected in order before they are added: the same bits for any number of threads.
            Ok(x.par_chunks(1 << 14).map(block).collect::<Vec<f64>>().into_iter().sum())
        }
        device => no_kernel("sum of squares", device),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_those_computed_by_hand() -> Result<()> {
        let tensor = |v: f32| Tensor::new(&[v], &Device::Cpu);
        let value = |t: &Tensor| Ok::<f32, candle_core::Error>(t.to_vec1::<f32>()?[0]);
        let m = tensor(2.0)?;
        m.inplace_op3(&tensor(1.0)?, &tensor(10.0)?, &Momentum { momentum: 0.5, weight_decay: 0.1 })?;
        assert_eq!(value(&m)?, 3.0, "0.5 * 2 + (1 + 0.1 * 10)");
        let v = tensor(2.0)?;
        v.inplace_op3(&tensor(1.0)?, &tensor(10.0)?, &Moment { beta: 0.75, weight_decay: 0.1, squared: true })?;
        assert_eq!(value(&v)?, 2.5, "0.75 * 2 + 0.25 * (1 + 0.1 * 10)^2");
        let w = tensor(1.0)?;
        w.inplace_op3(&tensor(3.0)?, &tensor(4.0)?, &AdamStep { rate: 0.5, root_scale: 0.5, eps: 2.0 })?;
        assert_eq!(value(&w)?, 0.75, "1 - 0.5 * 3 / (sqrt(4) / 0.5 + 2)");
        w.inplace_op2(&tensor(2.0)?, &AddScaled(-0.25))?;
        w.inplace_op1(&Scale(4.0))?;
        assert_eq!(value(&w)?, 1.0, "4 * (0.75 - 0.25 * 2)");
        assert_eq!(sum_of_squares(&Tensor::new(&[3f32, -4.0], &Device::Cpu)?)?, 25.0);
        Ok(())
    }
}
