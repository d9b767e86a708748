//! What a layer puts out.

use candle_core::{Result, Tensor};

/// A sequence and, from neurons, how often they fired.
#[derive(Debug, Clone)]
pub struct Output {
    /// [T, B, ...].
    pub sequence: Tensor,
    /// The number of spikes, `[1]` `i64`, on the sequence's device: reading it would make a GPU wait.
    pub fired: Option<Tensor>,
}

impl From<Tensor> for Output {
    fn from(sequence: Tensor) -> Self {
        Self { sequence, fired: None }
    }
}

impl From<crate::ops::lif::SpikeOutput> for Output {
    fn from(spikes: crate::ops::lif::SpikeOutput) -> Self {
        Self { sequence: spikes.spikes, fired: Some(spikes.count) }
    }
}

impl Output {
    /// The output with `change` applied to its sequence.
    pub fn map(self, change: impl FnOnce(Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self { sequence: change(self.sequence)?, ..self })
    }
}
