//! Which layer is the first to give numbers that are not finite.

use super::{LayerIo, Observer};
use crate::layers::Output;
use crate::ops::finite::first_of;
use candle_core::Result;

/// Finds the first layer that gives what is not finite.
#[derive(Debug, Default)]
pub struct FirstLayer(pub Option<String>);

impl Observer for FirstLayer {
    fn layer(&mut self, io: &LayerIo<'_>) -> Result<()> {
        let Output { sequence, .. } = io.output;
        if self.0.is_none()
            && let Some((_, value)) = first_of(sequence)?
        {
            self.0 = Some(format!("{} gives {value}", io.name));
        }
        Ok(())
    }
}
