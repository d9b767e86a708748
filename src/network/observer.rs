//! Seeing what flows between the layers of a network while it is evaluated.

use crate::layers::Output;
use candle_core::{Result, Tensor};

/// What one layer, or a norm joined with its neurons, has received and given.
pub struct LayerIo<'a> {
    /// The layer's place in `network.layers`: of joined ones, the norm's.
    pub index: usize,
    /// `layers.4.lif`, where it gives spikes of its own.
    pub neurons: Option<&'a str>,
    /// [T, B, ...].
    pub input: &'a Tensor,
    pub output: &'a Output,
}

/// Hears of every layer, first to last, once for every few images that are evaluated together.
pub trait Observer {
    fn saw(&mut self, seen: &LayerIo<'_>) -> Result<()>;
}

/// Nobody looks.
impl Observer for () {
    fn saw(&mut self, _: &LayerIo<'_>) -> Result<()> {
        Ok(())
    }
}
