//! Two branches become one sequence: of a branch A and a shortcut B, [T, B, ...] both,
//!
//! - add: Y = A + B, dA = dY, dB = dY: currents;
//! - and: Y = A B, dA = dY B, dB = dY A: of spikes, spikes;
//! - iand: Y = B (1 - A), dA = -dY B, dB = dY (1 - A): of spikes, spikes.
//!
//! Nothing is detached. Source: SEW-ResNet, Fang et al. 2021 (arXiv 2102.04159), table 1; the sum of currents:
//! MS-ResNet, Hu et al. 2021 (arXiv 2112.08954).

mod cpu;
pub mod cuda;

use super::channels_last::{channels_first, channels_last, from_channels_last};
use super::gpu;
use super::sequence::{ChannelsLast, repeat};
use candle_core::{DType, Device, Result, Tensor, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How two branches become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// The sum of both, as currents.
    Add,
    /// Spikes where both spike.
    And,
    /// Spikes where the shortcut spikes and the branch does not.
    Iand,
}

impl Join {
    /// The word in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::And => "and",
            Self::Iand => "iand",
        }
    }
}

/// `branch` and `shortcut` joined, as `dtype`. Computed once where both are constant in time.
pub fn forward(branch: &Tensor, shortcut: &Tensor, join: Join, dtype: DType) -> Result<Tensor> {
    check(branch, shortcut)?;
    let (a, b) = (ChannelsLast::new(branch)?, ChannelsLast::new(shortcut)?);
    let y = match branch.device() {
        Device::Cpu => {
            let shape = if a.constant { shortcut.dims() } else { branch.dims() };
            let steps = if a.constant && b.constant { 1 } else { a.time_steps };
            let shape = [&[steps], &shape[1..]].concat();
            match dtype {
                DType::U8 => from_channels_last(cpu::forward::<u8>(&a.tensor, &b.tensor, join)?, &shape, branch)?,
                DType::F32 => from_channels_last(cpu::forward::<f32>(&a.tensor, &b.tensor, join)?, &shape, branch)?,
                other => bail!("join: u8 or f32 on the CPU, found {other:?}"),
            }
        }
        device => channels_first(&cuda::forward(&*gpu::for_device(device)?, &a.tensor, &b.tensor, join, dtype)?)?,
    };
    if a.constant && b.constant { repeat(&y, a.time_steps) } else { Ok(y) }
}

/// The gradients of `branch` and `shortcut` from the output's, `grad`, of its type: a gradient for each time-step of
/// `grad`.
pub fn gradients(grad: &Tensor, branch: &Tensor, shortcut: &Tensor, join: Join) -> Result<(Tensor, Tensor)> {
    if join == Join::Add {
        return Ok((grad.clone(), grad.clone()));
    }
    check(branch, shortcut)?;
    check_items(grad, branch)?;
    let (a, b, dy) = (ChannelsLast::new(branch)?, ChannelsLast::new(shortcut)?, channels_last(grad)?);
    match grad.device() {
        Device::Cpu => {
            let (da, db) = cpu::gradients(&dy, &a.tensor, &b.tensor, join)?;
            Ok((from_channels_last(da, grad.dims(), grad)?, from_channels_last(db, grad.dims(), grad)?))
        }
        device => {
            let (da, db) = cuda::gradients(&*gpu::for_device(device)?, &dy, &a.tensor, &b.tensor, join)?;
            Ok((channels_first(&da)?, channels_first(&db)?))
        }
    }
}

fn check(branch: &Tensor, shortcut: &Tensor) -> Result<()> {
    if branch.rank() < 2 || branch.dims() != shortcut.dims() || branch.elem_count() == 0 {
        bail!("join: a branch of {:?} and a shortcut of {:?}", branch.dims(), shortcut.dims())
    }
    Ok(())
}

/// One time-step of `grad` is one of `x`.
fn check_items(grad: &Tensor, x: &Tensor) -> Result<()> {
    let steps = grad.dim(0)?;
    if grad.dims()[1..] != x.dims()[1..] || (steps != x.dim(0)? && steps != 1) {
        bail!("join: a gradient of {:?} for {:?}", grad.dims(), x.dims())
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spikes(values: [u8; 4]) -> Result<Tensor> {
        Tensor::from_vec(values.to_vec(), (2, 1, 2), &Device::Cpu)
    }

    fn numbers(x: &Tensor) -> Result<Vec<f32>> {
        x.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
    }

    #[test]
    fn spikes_are_added_multiplied_and_inhibited() -> Result<()> {
        let (a, b) = (spikes([0, 0, 1, 1])?, spikes([0, 1, 0, 1])?);
        let joined = |join, dtype| forward(&a, &b, join, dtype).and_then(|y| numbers(&y));
        assert_eq!(joined(Join::Add, DType::F32)?, [0., 1., 1., 2.]);
        assert_eq!(joined(Join::And, DType::U8)?, [0., 0., 0., 1.]);
        assert_eq!(joined(Join::Iand, DType::U8)?, [0., 1., 0., 0.]);
        let grad = Tensor::new(&[[[1f32, 2.]], [[3., 4.]]], &Device::Cpu)?;
        let back = |join| -> Result<_> {
            let (da, db) = gradients(&grad, &a, &b, join)?;
            Ok((numbers(&da)?, numbers(&db)?))
        };
        assert_eq!(back(Join::Add)?, (vec![1., 2., 3., 4.], vec![1., 2., 3., 4.]));
        assert_eq!(back(Join::And)?, (vec![0., 2., 0., 4.], vec![0., 0., 3., 4.]));
        assert_eq!(back(Join::Iand)?, (vec![-0., -2., -0., -4.], vec![1., 2., 0., 0.]));
        Ok(())
    }

    #[test]
    fn what_is_constant_in_time_is_read_once_and_both_give_what_is_constant() -> Result<()> {
        let step = Tensor::new(&[[[1f32, 2.]]], &Device::Cpu)?;
        let constant = repeat(&step, 2)?;
        assert_eq!(numbers(&forward(&spikes([0, 1, 1, 0])?, &constant, Join::Add, DType::F32)?)?, [1., 3., 2., 2.]);
        let both = forward(&constant, &constant, Join::Add, DType::F32)?;
        assert_eq!((both.stride()[0], numbers(&both)?), (0, vec![2., 4., 2., 4.]));
        Ok(())
    }

    #[test]
    fn other_shapes_are_refused() -> Result<()> {
        let (a, b) = (spikes([0; 4])?, spikes([0; 4])?.reshape((2, 2, 1))?);
        let text = forward(&a, &b, Join::Add, DType::F32).unwrap_err().to_string();
        assert!(text.starts_with("join: a branch of [2, 1, 2] and a shortcut of [2, 2, 1]"), "{text}");
        assert!(gradients(&b.to_dtype(DType::F32)?, &a, &a, Join::And).is_err());
        Ok(())
    }
}
