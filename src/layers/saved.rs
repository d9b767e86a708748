//! What a layer keeps from its forward to its backward.

use candle_core::{Result, Tensor, bail};

/// The tensors that a layer's backward takes, in the order in which its forward put them.
#[derive(Debug, Default)]
pub struct SavedTensors(Vec<Tensor>);

impl SavedTensors {
    pub fn nothing() -> Self {
        Self::default()
    }

    pub fn new<const N: usize>(tensors: [Tensor; N]) -> Self {
        Self(tensors.into())
    }

    /// The tensors under their names: `let [x, mask] = saved.take()?`.
    pub fn take<const N: usize>(self) -> Result<[Tensor; N]> {
        let found = self.0.len();
        match self.0.try_into() {
            Ok(tensors) => Ok(tensors),
            Err(_) => bail!("a layer saved {found} tensors where its backward takes {N}"),
        }
    }

    /// Bytes held. A sequence that is constant in time counts once.
    pub fn bytes(&self) -> usize {
        self.0
            .iter()
            .map(|t| {
                let constant = t.rank() > 1 && t.stride().first() == Some(&0);
                let kept = if constant { t.dims().iter().skip(1).product() } else { t.elem_count() };
                kept.saturating_mul(t.dtype().size_in_bytes())
            })
            .sum()
    }
}
