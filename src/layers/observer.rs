//! Observing a network at work: what flows between its layers, and when each part of a training step ends.

use super::Output;
use candle_core::{Result, Tensor};

/// What one layer, or a norm fused with its neurons, has received and given.
pub struct LayerIo<'a> {
    /// The layer's place in its list: of fused ones, the norm's.
    pub index: usize,
    /// `layers.3`, or `layers.3.residual.0` of a layer that another one holds.
    pub name: &'a str,
    /// Whether another layer holds the list. It is heard of after those inside.
    pub nested: bool,
    /// `layers.4.lif`, where it gives spikes of its own.
    pub neurons: Option<&'a str>,
    /// [T, B, ...]. Absent in training, where the layer has taken its input over.
    pub input: Option<&'a Tensor>,
    pub output: &'a Output,
    /// Bytes that the layer keeps for backward; 0 in evaluation.
    pub saved_bytes: usize,
}

/// Hears of everything when it has happened, in this order. What an observer does not care for it leaves out; `()`
/// hears nothing.
pub trait Observer {
    /// Images have become a sequence.
    fn encoded(&mut self) {}

    /// A layer has put out its sequence: first to last, in an evaluation once for every few images that are evaluated
    /// together.
    ///
    /// # Errors
    /// Those of reading the tensors; they end the pass.
    fn layer(&mut self, _: &LayerIo<'_>) -> Result<()> {
        Ok(())
    }

    /// The loss and its gradient are known.
    fn scored(&mut self) {}

    /// The gradient of what the layer `name` (`layers.3`, `layers.3.residual.layers.0`) has put out is known: last to
    /// first, those of lists within other layers too. Where that is the same at all time-steps it is one step, the sum.
    ///
    /// # Errors
    /// Those of reading the tensor; they end the pass.
    fn gradient(&mut self, _name: &str, _grad: &Tensor) -> Result<()> {
        Ok(())
    }

    /// The layer `name` of the network's own list has passed its gradient on: last to first.
    fn backward(&mut self, _name: &str) {}

    /// The optimizer has moved the weights.
    fn updated(&mut self) {}
}

impl Observer for () {}

/// Both hear, the first before the second.
impl Observer for (&mut dyn Observer, &mut dyn Observer) {
    fn encoded(&mut self) {
        self.0.encoded();
        self.1.encoded();
    }

    fn layer(&mut self, io: &LayerIo<'_>) -> Result<()> {
        self.0.layer(io)?;
        self.1.layer(io)
    }

    fn scored(&mut self) {
        self.0.scored();
        self.1.scored();
    }

    fn gradient(&mut self, name: &str, grad: &Tensor) -> Result<()> {
        self.0.gradient(name, grad)?;
        self.1.gradient(name, grad)
    }

    fn backward(&mut self, name: &str) {
        self.0.backward(name);
        self.1.backward(name);
    }

    fn updated(&mut self) {
        self.0.updated();
        self.1.updated();
    }
}
