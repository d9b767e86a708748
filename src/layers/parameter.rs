//! A learned tensor and its gradient.

use candle_core::{Result, Tensor};

/// A learned tensor. Its gradient is absent until a backward pass has added one.
#[derive(Debug)]
pub struct Parameter {
    /// Name inside its layer: `weight`, `bias`, `gamma`, `beta`.
    pub name: &'static str,
    pub value: Tensor,
    pub gradient: Option<Tensor>,
}

impl Parameter {
    pub fn new(name: &'static str, value: Tensor) -> Self {
        Self { name, value, gradient: None }
    }

    /// Adds to the gradient; the first addition of a step takes the tensor as it is.
    pub fn accumulate(&mut self, gradient: Tensor) -> Result<()> {
        self.gradient = Some(match self.gradient.take() {
            Some(sum) => (sum + gradient)?,
            None => gradient,
        });
        Ok(())
    }
}
