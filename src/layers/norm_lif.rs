//! A norm and the LIF neurons after it, joined.

use super::{Layer, Norm, Output, Parameter, Pass, Saved};
use crate::ops::batch_norm::Statistics;
use crate::ops::lif::LifConfig;
use crate::ops::norm_lif;
use candle_core::{Result, Tensor};

/// What a `bntt`, `batch_norm` or `tdbn` and the `lif` that follows it do one after the other, as the one op
/// [`crate::ops::norm_lif`]: normalised currents take no memory. The list in the file keeps its two layers; parameters and running
/// statistics are the norm's.
pub struct NormLif {
    pub norm: Norm,
    pub lif: LifConfig,
}

impl Layer for NormLif {
    fn forward(&mut self, x: Tensor, _: &Pass<'_>) -> Result<(Output, Saved)> {
        let batch = self.norm.observe(&x)?;
        let spikes = norm_lif::forward(&x, &self.norm.normalization(&batch)?, &self.lif)?;
        Ok((spikes.into(), Saved::of([x, batch.mean, batch.variance])))
    }

    fn backward(&mut self, saved: Saved, grad: Tensor, wanted: bool) -> Result<Option<Tensor>> {
        let [x, mean, variance] = saved.take()?;
        let norm = self.norm.normalization(&Statistics { mean, variance })?;
        let found = norm_lif::gradients(&x, &grad, &norm, &self.lif)?;
        self.norm.accumulate(found, wanted)
    }

    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        Ok(norm_lif::forward(x, &self.norm.normalization(&self.norm.running())?, &self.lif)?.into())
    }

    fn parameters(&mut self) -> Vec<&mut Parameter> {
        self.norm.parameters()
    }

    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        self.norm.state()
    }
}
