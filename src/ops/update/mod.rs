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

use candle_core::{CpuStorage, Layout, Result, bail};
use candle_core::{InplaceOp1, InplaceOp2, InplaceOp3};

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
