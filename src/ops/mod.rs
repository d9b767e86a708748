//! Numeric functions with kernels of their own: the only place, besides the choice of device, that knows where numbers
//! live.
//!
//! Every op is a folder: `mod.rs` states the equation and takes tensors, `cpu.rs` takes slices and is the readable
//! reference. An op checks shapes, picks the device's kernel and returns fresh tensors; it knows nothing of layers.
//!
//! Shapes: T time-steps, B batch, C channels, H height, W width, F features, K classes. N = T * B where the time-steps
//! are folded into the batch. Spikes are `u8` (0 or 1); everything else is `f32`. All CPU kernels add in an order that
//! depends on the shapes alone: the same bits for any number of threads.

// Kernels index and add: every op checks the sizes of its tensors at its door.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod batch;
pub mod batch_norm;
pub mod bias;
pub mod cast;
mod channels_last;
pub mod conv;
pub mod cross_entropy;
pub mod device;
pub mod dropout;
pub mod finite;
pub mod flatten;
mod geometry;
pub mod gpu;
mod input_value;
pub mod join;
pub mod lif;
pub mod linear;
pub mod loss;
pub mod machine_rates;
pub mod nonzero;
pub mod norm_lif;
pub mod poisson;
pub mod pool;
mod precision;
mod product;
pub mod relu;
mod scratch;
pub mod selftest;
pub mod sequence;
pub mod simd;
pub mod squared_error;
pub mod sum_over_time;
mod transpose;
mod uninit;
pub mod update;
pub(crate) mod values;

pub use geometry::Geometry;
pub use precision::Precision;

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

/// How many leading elements of `tensor` fold into one "batch" when the last `features` dimensions are an item.
fn fold(tensor: &Tensor, features: usize) -> Result<(usize, Vec<usize>)> {
    let dims = tensor.dims();
    if dims.len() < features {
        bail!("expected at least {features} dimensions, found {dims:?}")
    }
    let (lead, item) = dims.split_at(dims.len() - features);
    Ok((lead.iter().product(), item.to_vec()))
}

/// The sum of equally long partial sums, in their order; absent ones count as nothing.
fn sum_in_order(mut sums: Vec<Vec<f32>>) -> Vec<f32> {
    let rest = sums.split_off(sums.len().min(1));
    let mut total = sums.pop().unwrap_or_default();
    total.par_chunks_mut(4096).enumerate().for_each(|(block, total)| {
        for sum in &rest {
            total.iter_mut().zip(&sum[block * 4096..]).for_each(|(t, s)| *t += s);
        }
    });
    total
}
