//! Leaky integrate-and-fire neurons.

use super::plan::{Kept, Planned};
use super::{Layer, LayerPlan, Output, Pass, Saved, Shared, Signal};
use crate::ops::lif;
pub use crate::ops::lif::LifConfig;
use candle_core::{Result, Tensor};

pub fn plan(input: &Signal, _: &Shared) -> Planned {
    if input.spikes {
        return Err(
            "integrates currents, but the layer before gives spikes: put a conv or linear between two lif".into()
        );
    }
    let output = Signal { spikes: true, constant: false, ..input.clone() };
    Ok(LayerPlan::free(input, output, Kept::Input))
}

/// The equation of [`crate::ops::lif`]: currents [T, B, ...] to spikes [T, B, ...].
pub struct Lif {
    config: LifConfig,
}

impl Lif {
    pub fn new(config: LifConfig) -> Self {
        Self { config }
    }
}

impl Layer for Lif {
    fn forward(&mut self, x: Tensor, _: &Pass<'_>) -> Result<(Output, Saved)> {
        Ok((lif::forward(&x, &self.config)?.into(), Saved::of([x])))
    }

    fn backward(&mut self, saved: Saved, grad: Tensor, wanted: bool) -> Result<Option<Tensor>> {
        let [x] = saved.take()?;
        wanted.then(|| lif::gradient(&x, &grad, &self.config)).transpose()
    }

    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        Ok(lif::forward(x, &self.config)?.into())
    }
}
