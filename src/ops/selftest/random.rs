//! Cases: Poisson coding, dropout and augmented batches, whose random numbers are the same bits on every device.

use super::{Checks, values};
use crate::ops::batch::{self, BatchSource, Crop, Hole};
use crate::ops::{dropout, poisson};
use crate::rng::{Purpose, Stream};
use candle_core::{Device, Result, Tensor};

pub fn check(checks: &mut Checks<'_>) -> Result<()> {
    let streams = |purpose| (0..3).map(|i| Stream::new(7 << 40 | 3, purpose, 5, 2, 10 * i)).collect::<Vec<_>>();
    for shape in [&[3, 3, 5, 3][..], &[3, 1, 4, 4], &[3, 7]] {
        let images = (values(shape, 1)? * 3.0)?;
        let sent = checks.sent(&images)?;
        for signed in [true, false] {
            let (rate, streams) = (poisson::Rate { scale: 2.0, signed }, streams(Purpose::Poisson));
            let expected = poisson::encode(&images, 4, rate, &streams)?;
            let found = poisson::cuda::encode(checks.gpu, &sent, 4, rate, &streams)?;
            checks.same("poisson coding", &format!("{shape:?}, signed {signed}"), &expected, &found)?;
        }
    }
    let streams = streams(Purpose::Dropout);
    let mask = dropout::mask(30, 0.3, &streams, &Device::Cpu)?;
    let found = dropout::cuda::mask(checks.gpu, 30, 0.3, &streams)?;
    checks.same("dropout mask", "", &mask, &found)?;
    for x in [values(&[2, 3, 30], 2)?, values(&[2, 3, 30], 2)?.gt(0.0)?] {
        let dropped = dropout::cuda::apply(checks.gpu, &checks.sent(&x)?, &found)?;
        checks.same("dropout", &format!("{:?}", x.dtype()), &dropout::apply(&x, &mask)?, &dropped)?;
    }
    Ok(())
}

pub fn check_batches(checks: &mut Checks<'_>) -> Result<()> {
    let bytes: Vec<u8> =
        (0..5 * 3 * 4 * 7u64).map(|i| Stream::new(0, Purpose::Synthetic, 0, 9, 0).u32(i) as u8).collect();
    let pixels = Tensor::from_vec(bytes, (5, 3, 4, 7), &Device::Cpu)?;
    let (labels, indices) = (Tensor::new(&[3u32, 1, 4, 1, 5], &Device::Cpu)?, [4, 0, 4]);
    let (mean, std) =
        (Tensor::new(&[0.1f32, 0.5, 0.0], &Device::Cpu)?, Tensor::new(&[0.3f32, 0.7, 1.0], &Device::Cpu)?);
    let hole = Hole { top: 1, left: 0, bottom: 4, right: 3 };
    let cuts = [
        Crop::default(),
        Crop { down: 2, right: -3, flip: true, hole },
        Crop { down: -1, right: 6, flip: false, hole: Hole::default() },
    ];
    let source = BatchSource { pixels: &pixels, labels: &labels, mean: &mean, std: &std };
    let (images, chosen) = batch::gather(&source, &indices, &cuts)?;
    let (pixels, labels) = (checks.sent(&pixels)?, checks.sent(&labels)?);
    let (mean, std) = (checks.sent(&mean)?, checks.sent(&std)?);
    let source = BatchSource { pixels: &pixels, labels: &labels, mean: &mean, std: &std };
    let (found, found_labels) = batch::cuda::gather(checks.gpu, &source, &indices, &cuts)?;
    checks.same("batch", "", &images, &found)?;
    checks.same("batch labels", "", &chosen, &found_labels)
}
