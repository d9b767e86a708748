//! Softmax cross-entropy of time-averaged logits.
//!
//! With logits Z [B, K], labels y `[B]` and smoothing e, the target of image b is q = (1 - e) onehot(y) + e / K and
//!
//!   loss = - (1 / B) sum over b, k of q[b, k] log softmax(`Z[b]`)`[k]`,   dloss/dZ = (softmax(Z) - q) / B.
//!
//! An image of whose logits one is not finite is predicted wrong, and makes the loss NaN: a NaN compares false with
//! every other number, and would else count as right.
//!
//! Smoothing as in Szegedy et al. 2016 (and PyTorch's `label_smoothing`).

pub mod cuda;

use super::gpu;
use super::values::values;
use candle_core::{Device, Result, Tensor, bail};

/// What a batch of logits scores.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BatchScore {
    /// Sum of the losses of the batch's images.
    pub loss_sum: f64,
    /// Images whose label has the largest logit; of equal logits the lower class counts first.
    pub top1: usize,
    /// Images whose label is among the five largest.
    pub top5: usize,
    pub images: usize,
}

impl BatchScore {
    /// Scores lie where their logits lay: `[4]` `f64`, the fields in order. Reading one makes a GPU wait; sums of them
    /// are scores too.
    pub fn read(tensor: &Tensor) -> Result<Self> {
        match tensor.to_vec1::<f64>()?.as_slice() {
            &[.., images] if images.is_nan() => bail!("cross entropy: a label is no class; expected 0 to K - 1"),
            &[loss_sum, top1, top5, images] => {
                let [top1, top5, images] = [top1, top5, images].map(|count| count as usize);
                Ok(Self { loss_sum, top1, top5, images })
            }
            other => bail!("cross entropy: a score has 4 numbers, found {other:?}"),
        }
    }

    fn to_tensor(self) -> Result<Tensor> {
        Tensor::new(&[self.loss_sum, self.top1 as f64, self.top5 as f64, self.images as f64], &Device::Cpu)
    }

    /// Mean loss per image.
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.images.max(1) as f64
    }

    pub fn add(&mut self, other: &Self) {
        self.loss_sum += other.loss_sum;
        self.top1 += other.top1;
        self.top5 += other.top5;
        self.images += other.images;
    }

    /// Percent of images.
    pub fn top1_percent(&self) -> f64 {
        100.0 * self.top1 as f64 / self.images.max(1) as f64
    }

    pub fn top5_percent(&self) -> f64 {
        100.0 * self.top5 as f64 / self.images.max(1) as f64
    }
}

/// The score of `logits` [B, K] against `labels` `[B]` (`u32`), as [`BatchScore::read`] takes it.
pub fn score(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    match logits.device() {
        Device::Cpu => rows(logits, labels, smoothing)?.0.to_tensor(),
        device => Ok(cuda::rows(&*gpu::for_device(device)?, logits, labels, smoothing, false)?.0),
    }
}

/// The score and the gradient of the mean loss by the logits [B, K].
pub fn score_and_gradient(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<(Tensor, Tensor)> {
    match logits.device() {
        Device::Cpu => {
            let (score, gradient) = rows(logits, labels, smoothing)?;
            Ok((score.to_tensor()?, Tensor::from_vec(gradient, logits.shape(), &Device::Cpu)?))
        }
        device => match cuda::rows(&*gpu::for_device(device)?, logits, labels, smoothing, true)? {
            (score, Some(gradient)) => Ok((score, gradient)),
            (_, None) => bail!("cross entropy: no gradient where one is wanted"),
        },
    }
}

fn rows(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<(BatchScore, Vec<f32>)> {
    let (images, classes) = logits.dims2()?;
    let (logits, labels) = (values::<f32>(logits)?, values::<u32>(labels)?);
    let mut gradient = vec![0f32; images * classes];
    let mut total = BatchScore { images, ..BatchScore::default() };
    if labels.len() != images {
        bail!("cross entropy: {images} rows of logits, {} labels", labels.len())
    }
    for ((row, gradient), &label) in logits.chunks(classes).zip(gradient.chunks_mut(classes)).zip(labels.iter()) {
        let Some(&own) = row.get(label as usize) else { bail!("cross entropy: label {label} of {classes} classes") };
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exp_sum: f64 = row.iter().map(|z| f64::from(z - largest).exp()).sum();
        let log_sum = exp_sum.ln();
        for (k, (g, &z)) in gradient.iter_mut().zip(row).enumerate() {
            let log_probability = f64::from(z - largest) - log_sum;
            let target = smoothing / classes as f64 + if k == label as usize { 1.0 - smoothing } else { 0.0 };
            if target > 0.0 {
                total.loss_sum -= target * log_probability;
            }
            *g = ((log_probability.exp() - target) / images as f64) as f32;
        }
        if row.iter().any(|z| !z.is_finite()) {
            total.loss_sum = f64::NAN;
            continue;
        }
        let ahead = row.iter().enumerate().filter(|&(k, &z)| z > own || (z == own && k < label as usize)).count();
        total.top1 += usize::from(ahead == 0);
        total.top5 += usize::from(ahead < 5);
    }
    Ok((total, gradient))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "expected {expected}, found {found}");
    }

    /// softmax(0, ln 3) = (1/4, 3/4).
    #[test]
    fn losses_and_gradients_are_those_computed_by_hand() -> Result<()> {
        let logits = Tensor::new(&[[0f32, 3f32.ln()], [0., 3f32.ln()]], &Device::Cpu)?;
        let labels = Tensor::new(&[1u32, 0], &Device::Cpu)?;
        let (score, gradient) = score_and_gradient(&logits, &labels, 0.0)?;
        let score = BatchScore::read(&score)?;
        close(score.loss(), (4f64.ln() + (4f64 / 3.0).ln()) / 2.0);
        assert_eq!((score.top1, score.top5, score.images), (1, 2, 2));
        let expected = [0.125, -0.125, -0.375, 0.375];
        gradient.flatten_all()?.to_vec1::<f32>()?.iter().zip(expected).for_each(|(g, e)| close((*g).into(), e));
        // Smoothing 0.2 makes the targets (0.1, 0.9) and (0.9, 0.1).
        let (score, gradient) = score_and_gradient(&logits, &labels, 0.2)?;
        let (far, near) = (4f64.ln(), (4f64 / 3.0).ln());
        close(BatchScore::read(&score)?.loss(), (0.1 * far + 0.9 * near + 0.9 * far + 0.1 * near) / 2.0);
        let expected = [0.075, -0.075, -0.325, 0.325];
        gradient.flatten_all()?.to_vec1::<f32>()?.iter().zip(expected).for_each(|(g, e)| close((*g).into(), e));
        Ok(())
    }

    #[test]
    fn large_logits_do_not_overflow_and_nan_stays_visible() -> Result<()> {
        let labels = Tensor::new(&[0u32], &Device::Cpu)?;
        let loss = |row: [f32; 2]| {
            BatchScore::read(&score(&Tensor::new(&[row], &Device::Cpu)?, &labels, 0.0)?).map(|score| score.loss())
        };
        close(loss([1e4, 0.0])?, 0.0);
        close(loss([0.0, 1e4])?, 1e4);
        for not_finite in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for row in [[not_finite, 0.0], [0.0, not_finite], [not_finite; 2]] {
                assert!(loss(row)?.is_nan(), "{row:?}");
            }
        }
        assert!(score(&Tensor::new(&[[0f32, 1.]], &Device::Cpu)?, &Tensor::new(&[2u32], &Device::Cpu)?, 0.0).is_err());
        Ok(())
    }

    #[test]
    fn an_image_whose_logits_are_not_finite_is_predicted_wrong() -> Result<()> {
        for not_finite in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            // The label's own logit, another one, all of them; and an image beside it that is right.
            for row in [[not_finite, 0.0, -1.0], [1.0, not_finite, 0.0], [not_finite; 3]] {
                let logits = Tensor::new(&[row, [2.0, 1.0, 0.0]], &Device::Cpu)?;
                let score = BatchScore::read(&score(&logits, &Tensor::new(&[0u32, 0], &Device::Cpu)?, 0.0)?)?;
                assert_eq!((score.top1, score.top5, score.images), (1, 1, 2), "{row:?}");
                assert!(score.loss().is_nan(), "{row:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn equal_logits_count_the_lower_class_first() -> Result<()> {
        let logits = Tensor::zeros((8, 8), candle_core::DType::F32, &Device::Cpu)?;
        let score = BatchScore::read(&score(&logits, &Tensor::arange(0u32, 8, &Device::Cpu)?, 0.0)?)?;
        assert_eq!((score.top1, score.top5), (1, 5));
        Ok(())
    }
}
