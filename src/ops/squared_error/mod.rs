//! Mean squared errors, and what a loss makes of them together with another loss.
//!
//! With values V [N, K], targets Q and a factor f, E = (f / (N K)) sum over n, k of (V[n, k] - Q[n, k])^2 and
//! dE/dV = 2 f (V - Q) / (N K). Q is onehot(y) of labels y `[N]`, or the same number everywhere.

pub mod cuda;

use super::gpu;
use super::values::values;
use candle_core::{Device, Result, Tensor, bail};

/// What values are compared with.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// 1 for the class of the label `[N]` (`u32`), 0 for others.
    Labels(&'a Tensor),
    Number(f64),
}

/// Another loss beside the error.
pub struct OtherLoss<'a> {
    /// A score whose first number is the sum of that loss over so many rows.
    pub score: &'a Tensor,
    pub rows: usize,
    /// Its gradient by the values [N, K].
    pub gradient: &'a Tensor,
    /// Its share of the whole.
    pub share: f64,
}

/// E, plus the share of another loss: `score` `[4]` with its first number replaced by the sum over its images, and the
/// gradient [N, K].
pub fn with_other(
    values: &Tensor,
    target: Target<'_>,
    factor: f64,
    other: Option<&OtherLoss<'_>>,
    score: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let (rows, classes) = values.dims2()?;
    if rows == 0 || classes == 0 {
        bail!("squared error: no values in {:?}", values.dims())
    }
    match values.device() {
        Device::Cpu => on_cpu(values, target, factor, other, score),
        device => cuda::with_other(&*gpu::for_device(device)?, values, target, factor, other, score),
    }
}

fn on_cpu(
    tensor: &Tensor,
    target: Target<'_>,
    factor: f64,
    other: Option<&OtherLoss<'_>>,
    score: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let (rows, classes) = tensor.dims2()?;
    let values_of = values::<f32>(tensor)?;
    let labels = match target {
        Target::Labels(labels) => Some(values::<u32>(labels)?),
        Target::Number(_) => None,
    };
    if let Some(&wrong) = labels.as_ref().and_then(|labels| labels.iter().find(|&&label| label as usize >= classes)) {
        bail!("squared error: label {wrong} of {classes} classes")
    }
    let before = other.map(|other| values::<f32>(other.gradient)).transpose()?;
    let share = other.map_or(0.0, |other| other.share);
    let scale = factor / (rows * classes) as f64;
    let (mut sum, mut gradient) = (0f64, Vec::with_capacity(values_of.len()));
    for (at, &value) in values_of.iter().enumerate() {
        let wanted = match (&labels, target) {
            (Some(labels), _) => f64::from(u8::from(labels[at / classes] as usize == at % classes)),
            (None, Target::Number(number)) => number,
            (None, Target::Labels(_)) => bail!("squared error: labels were not read"),
        };
        let distance = f64::from(value) - wanted;
        sum += distance * distance;
        let own = 2.0 * scale * distance;
        gradient.push((own + before.as_ref().map_or(0.0, |before| share * f64::from(before[at]))) as f32);
    }
    let mut numbers = score.to_vec1::<f64>()?;
    let images = numbers.get(3).copied().unwrap_or(f64::NAN);
    let others = match other {
        Some(other) => share * other.score.to_vec1::<f64>()?.first().copied().unwrap_or(f64::NAN) / other.rows as f64,
        None => 0.0,
    };
    if let Some(loss) = numbers.first_mut() {
        *loss = images * (others + scale * sum);
    }
    Ok((Tensor::new(numbers, &Device::Cpu)?, Tensor::from_vec(gradient, (rows, classes), &Device::Cpu)?))
}
