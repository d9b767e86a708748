//! Residual layers: PyTorch's numbers for each way of joining, plans by hand, names and seeds, sentences.

mod blocks;
mod chains;
mod oracle;
mod repeats;
mod sentences;
mod words;

use candle_core::Tensor;
use chains::{CONTEXT, built, currents, planned};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The largest difference, relative to the expected tensor's largest magnitude, may be `within`.
fn assert_close(expected: &Tensor, found: &Tensor, within: f32, what: &str) -> Result {
    assert_eq!(expected.dims(), found.dims(), "{what}");
    let largest = expected.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?.max(1e-6);
    let difference = (expected - found)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()? / largest;
    assert!(difference <= within, "{what}: relative difference {difference:e}, allowed {within:e}");
    Ok(())
}
