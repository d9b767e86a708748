//! How a sequence lies in memory: the channels of a pixel next to each other.
//!
//! Dimensions are always in the order [T, B, C, H, W]; on the CPU the elements of what ops return lie in the order [T,
//! B, H, W, C] behind it. Neighbouring channels go through the same arithmetic with factors of their own, whatever the
//! size of the image, so that a vector register holds channels of one pixel. A tensor that lies otherwise is taken as
//! well, at the price of a copy.

use candle_core::{Result, Tensor, WithDType, bail};

/// Whether `x` [..., C, H, W] has pixels; [T, B, F] has none and lies in its own order.
fn has_pixels(rank: usize) -> bool {
    rank > 3
}

/// `x` [..., C, H, W] as a contiguous tensor [..., H, W, C]; a view where `x` lies that way already.
pub fn channels_last(x: &Tensor) -> Result<Tensor> {
    let rank = x.rank();
    if !has_pixels(rank) {
        return in_order(x);
    }
    let order: Vec<usize> = (0..rank - 3).chain([rank - 2, rank - 1, rank - 3]).collect();
    in_order(&x.permute(order)?)
}

/// `x` with its elements in the order of its dimensions; a view where they are.
///
/// # Errors
/// A tensor of 2^32 elements or more on a GPU, where candle's copy counts in 32 bits and would not end.
pub fn in_order(x: &Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() && !x.is_contiguous() && u32::try_from(x.elem_count()).is_err() {
        bail!(
            "a tensor of {:?} has too many elements to be laid out anew on a GPU, where 2^32 - 1 are the most: use a \
             smaller batch or fewer time-steps",
            x.dims()
        )
    }
    x.contiguous()
}

/// A tensor of `shape` [..., C, H, W] from `values` in the order [..., H, W, C].
pub fn from_channels_last<T: WithDType>(values: Vec<T>, shape: &[usize], like: &Tensor) -> Result<Tensor> {
    channels_first(&Tensor::from_vec(values, channels_last_shape(shape), like.device())?)
}

/// The shape [..., H, W, C] of what `shape` [..., C, H, W] is in memory.
pub fn channels_last_shape(shape: &[usize]) -> Vec<usize> {
    match shape {
        &[ref lead @ .., c, h, w] if has_pixels(shape.len()) => [lead, &[h, w, c]].concat(),
        other => other.to_vec(),
    }
}

/// A contiguous tensor [..., H, W, C] in the order of its dimensions [..., C, H, W]; [T, B, F] stays as it is.
pub fn channels_first(tensor: &Tensor) -> Result<Tensor> {
    let rank = tensor.rank();
    if !has_pixels(rank) {
        return Ok(tensor.clone());
    }
    let back: Vec<usize> = (0..rank - 3).chain([rank - 1, rank - 3, rank - 2]).collect();
    tensor.permute(back)
}
