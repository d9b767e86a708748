//! A network's tensors by name: what checkpoints and weight files hold.

use super::Network;
use crate::error::{Error, Result};
use crate::files::weights;
use crate::layers::THRESHOLD;
use crate::ops::finite;
use candle_core::{DType, Device, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// Makes `f32` of all floats of the file `path`.
///
/// # Errors
/// [`Error::Weights`] naming a tensor that is not finite.
pub(super) fn to_single_precision(tensors: &mut BTreeMap<String, Tensor>, path: &Path) -> Result<()> {
    for tensor in tensors.values_mut().filter(|tensor| tensor.dtype().is_float()) {
        *tensor = tensor.to_dtype(DType::F32)?;
    }
    finite::check_weights(tensors, path)
}

impl Network {
    /// All parameters and running statistics, by full name (`layers.1.running_mean`). The tensors share the network's
    /// storage: use them before the next training step.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        self.layers.state().into_iter().map(|(name, tensor)| (name, tensor.clone())).collect()
    }

    /// Shapes that [`Network::load_state`] expects.
    pub fn state_shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.layers.state().into_iter().map(|(name, tensor)| (name, tensor.dims().to_vec())).collect()
    }

    /// The same in the order of the layers.
    pub fn ordered_shapes(&self) -> Vec<(String, Vec<usize>)> {
        self.layers.state().into_iter().map(|(name, tensor)| (name, tensor.dims().to_vec())).collect()
    }

    /// Replaces every tensor. Errors, changing nothing, when a name is missing or a shape or dtype differs.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        for (name, tensor) in self.layers.state() {
            let found = state.get(&name).map(|found| (found.dims(), found.dtype()));
            if found != Some((tensor.dims(), DType::F32)) {
                let found = found.map_or("nothing".into(), |(dims, dtype)| format!("{dims:?} {dtype:?}"));
                return Err(Error::Weights(format!(
                    "weights: {name} should be {:?} f32, found {found}",
                    tensor.dims()
                )));
            }
        }
        for (name, tensor) in self.layers.state_mut() {
            if let Some(found) = state.get(&name) {
                // A copy: the caller's tensors must not change when the network trains.
                *tensor = found.to_device(tensor.device())?.copy()?;
            }
        }
        Ok(())
    }

    /// Replaces every tensor by those of a safetensors file; numbers of 16 and 64 bits become 32.
    ///
    /// # Errors
    /// [`Error::Weights`] or [`Error::Io`] naming the file when it cannot be read, does not fit or is not finite;
    /// nothing is changed then.
    pub fn load_file(&mut self, path: &Path) -> Result<()> {
        let mut tensors = weights::load_tensors(path, &Device::Cpu)?;
        weights::matching(&self.state_shapes(), &tensors, path)?;
        to_single_precision(&mut tensors, path)?;
        self.load_state(&tensors)
    }

    /// The first learned threshold that is not above 0, in words; neurons would fire of themselves.
    pub fn unfit_threshold(&self) -> Result<Option<String>> {
        let thresholds = self.layers.parameters().into_iter().filter(|(_, parameter)| parameter.name == THRESHOLD);
        for (name, parameter) in thresholds {
            let values = parameter.value.to_vec1::<f32>()?;
            if let Some((at, value)) = values.iter().enumerate().find(|(_, value)| value.is_nan() || **value <= 0.0) {
                return Ok(Some(format!(
                    "the learned {name}[{at}] has become {value}, and a threshold must stay above 0 (start it higher, or learn \
                     more slowly)"
                )));
            }
        }
        Ok(None)
    }
}
