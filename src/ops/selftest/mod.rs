//! Every op on a GPU against its CPU twin: forward and backward, `f32` and `bf16`, odd and even sizes, one time-step
//! and many.
//!
//! The cases are groups of functions that take a [`Checks`]: a GPU and what was found on it so far. `bntt selftest`
//! runs them on this machine's GPU, `tests/kernels` on a host that runs the same kernels and launches.

mod findings;
mod joins;
mod moves;
mod neurons;
mod norms;
mod pools;
mod products;
mod random;
mod rectifiers;

pub use findings::{Checks, OpFinding};

use crate::ops::gpu::Gpu;
use crate::ops::sequence::repeat;
use crate::rng::{Purpose, Stream};
use candle_core::{DType, Device, Result, Tensor};

/// Cases that belong together.
pub type CheckGroup = fn(&mut Checks<'_>) -> Result<()>;

/// All groups by name.
pub const GROUPS: &[(&str, CheckGroup)] = &[
    ("neurons", neurons::check),
    ("norms", norms::check),
    ("convolutions", products::check_convolutions),
    ("linear layers", products::check_linear_layers),
    ("vectors and biases", products::check_vectors),
    ("pools", pools::check),
    ("joins", joins::check),
    ("rectifiers", rectifiers::check),
    ("random numbers", random::check),
    ("batches", random::check_batches),
    ("losses and moves", moves::check),
];

/// What all groups find on `gpu`.
///
/// # Errors
/// When an op could not run at all; what ran and gave other numbers is a [`OpFinding`].
pub fn run(gpu: &dyn Gpu) -> Result<Vec<OpFinding>> {
    let mut checks = Checks::new(gpu);
    GROUPS.iter().try_for_each(|(_, group)| group(&mut checks))?;
    Ok(checks.into_findings())
}

/// Random values in [-1, 1), a stream for every `number`.
fn values(shape: &[usize], number: usize) -> Result<Tensor> {
    let stream = Stream::new(0, Purpose::Synthetic, 0, number, 0);
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64).map(|i| 2.0 * stream.uniform(i) - 1.0).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Rounded to what a type holds, as `f32`.
fn rounded(x: &Tensor, dtype: DType) -> Result<Tensor> {
    x.to_dtype(dtype)?.to_dtype(DType::F32)
}

/// `f32` and `bf16`, and how far results may lie apart in each: by the rounding of sums, or of what is stored.
const TYPES: [(DType, f32); 2] = [(DType::F32, 2e-6), (DType::BF16, 1e-2)];

/// [T, B, C, H, W] and [T, B, F], odd and even, wide and narrow; and whether it is the same at every time-step.
const SEQUENCES: [(&[usize], bool); 6] = [
    (&[4, 3, 8, 5, 3], false),
    (&[3, 2, 5, 3, 3], false),
    (&[1, 2, 16, 2, 2], false),
    (&[25, 2, 40], false),
    (&[5, 3, 7], false),
    (&[4, 3, 8, 3, 2], true),
];

/// Currents in [-2, 2) of a type, and the same numbers as `f32`. Where they are `constant` in time they lie in memory
/// once.
fn currents(shape: &[usize], constant: bool, number: usize, dtype: DType) -> Result<(Tensor, Tensor)> {
    let steps = if constant { 1 } else { shape[0] };
    let x = (values(&[&[steps], &shape[1..]].concat(), number)? * 2.0)?.to_dtype(dtype)?;
    let exact = rounded(&x, dtype)?;
    Ok(if constant { (repeat(&x, shape[0])?, repeat(&exact, shape[0])?) } else { (x, exact) })
}
