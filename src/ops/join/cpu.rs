//! Joining on the CPU: elements side by side, divided among threads. A side that is constant in time has one time-step,
//! which is read for each of the other's.

use super::Join;
use crate::ops::values::{SequenceValues, input, values};
use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

/// Elements that a task takes at least.
const ELEMENTS: usize = 1 << 14;

/// The elements of Y, of tensors that lie alike.
pub fn forward<Y: WithDType>(a: &Tensor, b: &Tensor, join: Join) -> Result<Vec<Y>> {
    let of = |a: f32, b: f32| {
        let y = match join {
            Join::Add => a + b,
            Join::And => a * b,
            Join::Iand => b * (1.0 - a),
        };
        Y::from_f64(f64::from(y))
    };
    Ok(match (input(a)?, input(b)?) {
        (SequenceValues::Spikes(a), SequenceValues::Spikes(b)) => map(&a, &b, of),
        (SequenceValues::Spikes(a), SequenceValues::Floats(b)) => map(&a, &b, of),
        (SequenceValues::Floats(a), SequenceValues::Spikes(b)) => map(&a, &b, of),
        (SequenceValues::Floats(a), SequenceValues::Floats(b)) => map(&a, &b, of),
    })
}

/// The gradients of both sides.
pub fn gradients(dy: &Tensor, a: &Tensor, b: &Tensor, join: Join) -> Result<(Vec<f32>, Vec<f32>)> {
    match join {
        Join::Add => Ok((values::<f32>(dy)?.to_vec(), values::<f32>(dy)?.to_vec())),
        Join::And => Ok((times(dy, b, |b| b)?, times(dy, a, |a| a)?)),
        Join::Iand => Ok((times(dy, b, |b| -b)?, times(dy, a, |a| 1.0 - a)?)),
    }
}

/// `dy` times the `factor` of `x`.
fn times(dy: &Tensor, x: &Tensor, factor: impl Fn(f32) -> f32 + Sync) -> Result<Vec<f32>> {
    let dy = values::<f32>(dy)?;
    let of = |dy: f32, x: f32| dy * factor(x);
    Ok(match input(x)? {
        SequenceValues::Spikes(x) => map(&dy, &x, of),
        SequenceValues::Floats(x) => map(&dy, &x, of),
    })
}

/// `of` every pair; the shorter side is read again and again.
fn map<A, B, Y>(a: &[A], b: &[B], of: impl Fn(f32, f32) -> Y + Sync) -> Vec<Y>
where
    A: Copy + Into<f32> + Sync,
    B: Copy + Into<f32> + Sync,
    Y: Send,
{
    if a.len() == b.len() {
        return a.par_iter().zip(b).with_min_len(ELEMENTS).map(|(&a, &b)| of(a.into(), b.into())).collect();
    }
    let step = a.len().min(b.len()).max(1);
    let steps = a.len().max(b.len()) / step;
    let place = |length: usize, number: usize| if length == step { 0 } else { number * step };
    let of_step = |number: usize| {
        let (a, b) = (&a[place(a.len(), number)..][..step], &b[place(b.len(), number)..][..step]);
        let of = &of;
        a.iter().zip(b).map(move |(&a, &b)| of(a.into(), b.into()))
    };
    (0..steps).into_par_iter().flat_map_iter(of_step).collect()
}
