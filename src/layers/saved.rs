//! What a layer keeps from its forward to its backward.

use candle_core::{Result, Tensor, bail};

/// The tensors that a layer's backward takes, in the order in which its forward put them, and what the layers of each
/// list saved that it holds.
#[derive(Debug, Default)]
pub struct SavedTensors {
    tensors: Vec<Tensor>,
    lists: Vec<Vec<SavedTensors>>,
    /// What the gradient of every spike has besides the loss's: `[1]`.
    spike_gradient: Option<Tensor>,
}

impl SavedTensors {
    pub fn nothing() -> Self {
        Self::default()
    }

    pub fn new<const N: usize>(tensors: [Tensor; N]) -> Self {
        Self { tensors: tensors.into(), ..Self::default() }
    }

    /// The tensors under their names: `let [x, mask] = saved.take()?`.
    pub fn take<const N: usize>(self) -> Result<[Tensor; N]> {
        let found = self.tensors.len();
        match self.tensors.try_into() {
            Ok(tensors) => Ok(tensors),
            Err(_) => bail!("a layer saved {found} tensors where its backward takes {N}"),
        }
    }

    /// The same, with what `lists` of layers saved.
    pub fn with_lists(self, lists: [Vec<Self>; 2]) -> Self {
        Self { lists: lists.into(), ..self }
    }

    /// What the lists of layers saved, and the rest.
    pub fn take_lists(mut self) -> Result<([Vec<Self>; 2], Self)> {
        match std::mem::take(&mut self.lists).try_into() {
            Ok(lists) => Ok((lists, self)),
            Err(_) => bail!("a layer saved no two lists where its backward takes them"),
        }
    }

    /// The same, with what is added to the gradient of every spike that the layer gave.
    pub(super) fn with_spike_gradient(self, spike_gradient: Option<Tensor>) -> Self {
        Self { spike_gradient, ..self }
    }

    /// What is added to the gradient of every spike, if anything is.
    pub(super) fn spike_gradient(&self) -> Option<&Tensor> {
        self.spike_gradient.as_ref()
    }

    /// Bytes held. A sequence that is constant in time counts once, and so does a tensor that several layers inside
    /// hold.
    pub fn bytes(&self) -> usize {
        let mut tensors = Vec::new();
        self.collect(&mut tensors);
        tensors
            .iter()
            .map(|t| {
                let constant = t.rank() > 1 && t.stride().first() == Some(&0);
                let kept = if constant { t.dims().iter().skip(1).product() } else { t.elem_count() };
                kept.saturating_mul(t.dtype().size_in_bytes())
            })
            .sum()
    }

    fn collect<'s>(&'s self, found: &mut Vec<&'s Tensor>) {
        for tensor in &self.tensors {
            if !found.iter().any(|other| other.id() == tensor.id()) {
                found.push(tensor);
            }
        }
        self.lists.iter().flatten().for_each(|saved| saved.collect(found));
    }
}
