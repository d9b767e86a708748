//! Numbers that are not finite: where they are, and what to do.
//!
//! A NaN compares false with everything, so that a network which computes with it looks as good as any: nothing that is
//! not finite is scored, saved or loaded.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor};

use crate::error::Error;
use crate::ops::values::values;

/// A number that is not finite.
#[derive(Debug, Clone, PartialEq)]
pub struct NotFinite {
    /// `layers.0.weight`.
    pub tensor: String,
    /// Its place along every dimension.
    pub index: Vec<usize>,
    /// NaN or an infinity.
    pub value: f64,
}

impl std::fmt::Display for NotFinite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{:?} is {}", self.tensor, self.index, self.value)
    }
}

/// The first number of `tensors`, in the order of their names, that is not finite.
pub fn first<'a>(tensors: impl IntoIterator<Item = (&'a String, &'a Tensor)>) -> Result<Option<NotFinite>> {
    for (name, tensor) in tensors {
        if let Some((at, value)) = first_of(tensor)? {
            return Ok(Some(NotFinite { tensor: name.clone(), index: place(at, tensor.dims()), value }));
        }
    }
    Ok(None)
}

/// The place in a tensor's row-major order, and the value, of its first number that is not finite.
pub fn first_of(tensor: &Tensor) -> Result<Option<(usize, f64)>> {
    let wrong = |value: f64| !value.is_finite();
    let tensor = tensor.to_device(&Device::Cpu)?.contiguous()?;
    Ok(match tensor.dtype() {
        DType::F32 => values::<f32>(&tensor)?.iter().map(|&value| value.into()).enumerate().find(|(_, v)| wrong(*v)),
        DType::F64 | DType::F16 | DType::BF16 => {
            values::<f64>(&tensor.to_dtype(DType::F64)?)?.iter().copied().enumerate().find(|(_, v)| wrong(*v))
        }
        _ => None,
    })
}

/// The place of value `i` along each dimension of `shape`.
pub fn place(mut i: usize, shape: &[usize]) -> Vec<usize> {
    let mut place: Vec<usize> = Vec::with_capacity(shape.len());
    for &size in shape.iter().rev() {
        place.push(i.checked_rem(size).unwrap_or_default());
        i = i.checked_div(size).unwrap_or_default();
    }
    place.reverse();
    place
}

/// Refuses weights, of the file `file`, that are not finite.
///
/// # Errors
/// [`Error::Weights`] naming the tensor.
pub fn check_weights(tensors: &BTreeMap<String, Tensor>, file: &std::path::Path) -> crate::error::Result<()> {
    match first(tensors)? {
        None => Ok(()),
        Some(place) => Err(Error::Weights(format!(
            "{}: {place}; expected finite numbers. The training that they come from had left them: take weights from before.",
            file.display()
        ))),
    }
}

/// Refuses `logits` [B, K] or currents [T, B, K] of which one is not finite.
///
/// # Errors
/// [`Error::Diverged`].
pub fn check_logits(logits: &Tensor) -> crate::error::Result<()> {
    match first_of(logits)? {
        None => Ok(()),
        Some((_, value)) => Err(Error::Diverged(format!(
            "the network gives {value} as a logit; expected finite numbers: its weights or running statistics have grown beyond what 32-bit \
             numbers hold, and nothing that it predicts means anything"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(tensors: Vec<Tensor>) -> BTreeMap<String, Tensor> {
        (0..).map(|i| format!("t{i}")).zip(tensors).collect()
    }

    #[test]
    fn the_first_number_that_is_not_finite_is_found_in_every_type_of_float() -> Result<()> {
        let fine = Tensor::arange(0f32, 6.0, &Device::Cpu)?.reshape((2, 3))?;
        for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
            for (value, text) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")] {
                let mut values = [0.0; 6];
                values[5] = value;
                let wrong = Tensor::new(&values, &Device::Cpu)?.reshape((2, 3))?.to_dtype(dtype)?;
                assert_eq!(first(&named(vec![fine.to_dtype(dtype)?]))?, None);
                let found =
                    first(&named(vec![fine.clone(), wrong.clone(), wrong.t()?]))?.map(|place| place.to_string());
                assert_eq!(found, Some(format!("t1[1, 2] is {text}")), "{dtype:?}");
                let turned = first(&named(vec![wrong.t()?]))?.map(|place| place.index);
                assert_eq!(turned, Some(vec![2, 1]), "a view is read in its own order");
            }
        }
        assert_eq!(
            first(&named(vec![Tensor::new(&[u8::MAX], &Device::Cpu)?, Tensor::zeros(0, DType::F32, &Device::Cpu)?]))?,
            None
        );
        Ok(())
    }
}
