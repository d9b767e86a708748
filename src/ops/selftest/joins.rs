//! Cases: two branches joined, of spikes and currents in every type.

use super::{Checks, SEQUENCES, rounded, values};
use crate::ops::channels_last::channels_last;
use crate::ops::join::{self, Join};
use candle_core::{DType, Device, Result, Tensor};

const TYPES: [DType; 3] = [DType::U8, DType::F32, DType::BF16];

/// The joins, and the types of what they give: currents or spikes.
const JOINS: [(Join, &[DType]); 3] =
    [(Join::Add, &[DType::F32, DType::BF16]), (Join::And, &TYPES), (Join::Iand, &TYPES)];

pub fn check(checks: &mut Checks<'_>) -> Result<()> {
    for (shape, constant) in SEQUENCES {
        for (a_type, b_type) in TYPES.into_iter().flat_map(|a| TYPES.map(|b| (a, b))) {
            for (join, given) in JOINS {
                // One side of a sequence that is constant in time has one time-step.
                let step = [&[if constant { 1 } else { shape[0] }], &shape[1..]].concat();
                let (a, b) = (side(shape, join, 1, a_type)?, side(&step, join, 2, b_type)?);
                let case = format!("{join:?} {a_type:?} {b_type:?} {shape:?}");
                compare(checks, &case, (&a, &b), join, given)?;
            }
        }
    }
    Ok(())
}

/// Spikes, or currents where they are added and no bytes.
fn side(shape: &[usize], join: Join, number: usize, dtype: DType) -> Result<Tensor> {
    let x = values(shape, number)?;
    if join == Join::Add && dtype != DType::U8 { x.to_dtype(dtype) } else { x.gt(0.2)?.to_dtype(dtype) }
}

/// As it lies where the GPU computes, and what the CPU reads.
fn both(checks: &Checks<'_>, x: &Tensor, time_steps: usize) -> Result<(Tensor, Tensor)> {
    let exact = if x.dtype() == DType::U8 { x.clone() } else { x.to_dtype(DType::F32)? };
    let mut shape = x.dims().to_vec();
    shape[0] = time_steps;
    let exact = if x.dim(0)? < time_steps { exact.broadcast_as(shape)? } else { exact };
    Ok((channels_last(&checks.sent(x)?)?, exact))
}

fn compare(checks: &mut Checks<'_>, case: &str, (a, b): (&Tensor, &Tensor), join: Join, given: &[DType]) -> Result<()> {
    let time_steps = a.dim(0)?;
    let ((a, exact_a), (b, exact_b)) = (both(checks, a, time_steps)?, both(checks, b, time_steps)?);
    let y = join::forward(&exact_a, &exact_b, join, DType::F32)?;
    for &dtype in given {
        let found = join::cuda::forward(checks.gpu, &a, &b, join, dtype)?;
        checks.same("join", case, &channels_last(&rounded(&y, dtype)?)?, &found)?;
    }
    if join == Join::Add {
        return Ok(());
    }
    for dtype in [DType::F32, DType::BF16] {
        let grad = values(exact_a.dims(), 3)?.to_dtype(dtype)?;
        let sent = channels_last(&checks.sent(&grad)?)?;
        let (da, db) = join::gradients(&grad.to_dtype(DType::F32)?, &exact_a, &exact_b, join)?;
        let (found_a, found_b) = join::cuda::gradients(checks.gpu, &sent, &a, &b, join)?;
        checks.same("join gradient", case, &channels_last(&da)?, &found_a.to_device(&Device::Cpu)?)?;
        checks.same("join gradient", case, &channels_last(&db)?, &found_b.to_device(&Device::Cpu)?)?;
    }
    Ok(())
}
