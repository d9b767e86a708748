//! A batch out of a data set that lies on a device as bytes: cut, turned and normalised.
//!
//! X[b, c, y, x] = (p / 255 - mean_c) / std_c in `f32`, with p the pixel of image `indices[b]`, channel c, at row y +
//! down_b and column x + right_b (W - 1 - x + right_b where it is turned), and 0 outside the image; X = 0 in the hole
//! of b, whose rows and columns are those of X. Pixels [N, C, H, W] are `u8`, X is [B, C, H, W]: the bits that
//! [`crate::data::Batches`] makes on the host.

mod cpu;
pub mod cuda;

use super::gpu;
use super::values::values;
use candle_core::{Device, Result, Tensor, bail};

/// A data set's images and what normalises them.
#[derive(Debug, Clone, Copy)]
pub struct BatchSource<'a> {
    /// [N, C, H, W] `u8`.
    pub pixels: &'a Tensor,
    /// `[N]` `u32`.
    pub labels: &'a Tensor,
    /// `[C]` each.
    pub mean: &'a Tensor,
    pub std: &'a Tensor,
}

/// How one image of a batch is cut: see the equation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Crop {
    pub down: i32,
    pub right: i32,
    pub flip: bool,
    /// What is cut out.
    pub hole: Hole,
}

/// A rectangle of pixels: rows from `top` and columns from `left`, up to `bottom` and `right`, which are outside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hole {
    pub top: usize,
    pub left: usize,
    pub bottom: usize,
    pub right: usize,
}

impl Hole {
    /// Whether it has a pixel.
    pub fn holds(&self, y: usize, x: usize) -> bool {
        (self.top..self.bottom).contains(&y) && (self.left..self.right).contains(&x)
    }
}

/// Images [B, C, H, W] and labels `[B]`, image by image as `cuts` says.
pub fn gather(source: &BatchSource<'_>, indices: &[u32], cuts: &[Crop]) -> Result<(Tensor, Tensor)> {
    let (n, channels, height, width) = source.pixels.dims4()?;
    if indices.len() != cuts.len() || source.labels.dims() != [n] || source.mean.dims() != [channels] {
        let (labels, mean) = (source.labels.dims(), source.mean.dims());
        bail!(
            "batch: {n} images with labels {labels:?} and means {mean:?}; {} of them, {} cuts",
            indices.len(),
            cuts.len()
        )
    }
    if let Some(index) = indices.iter().find(|&&index| index as usize >= n) {
        bail!("batch: image {index} of {n}")
    }
    match source.pixels.device() {
        Device::Cpu => {
            let (mean, std) = (values(source.mean)?, values(source.std)?);
            let images = cpu::gather(&values(source.pixels)?, [channels, height, width], &mean, &std, indices, cuts);
            let images = Tensor::from_vec(images, (indices.len(), channels, height, width), &Device::Cpu)?;
            Ok((images, source.labels.index_select(&Tensor::new(indices, &Device::Cpu)?, 0)?))
        }
        device => cuda::gather(&*gpu::for_device(device)?, source, indices, cuts),
    }
}
