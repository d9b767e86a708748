//! Sequential coding: an image is shown part by part.

use super::{Encoder, RandomKey};
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sequential coding: the normalised image is shown part by part, one part at each time-step, as analog input currents.
/// An image [C, H, W] becomes H steps of C W features or H W steps of C features, so that `network.time_steps` must be
/// H or H W; linear layers take it as it is. This is the sequential MNIST of Kim & Panda 2021 (arXiv 2010.01729), where
/// MNIST has T = 28 or 784.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SequentialConfig {
    /// What is shown at a time-step.
    pub order: PartOrder,
}

/// The part of an image that is shown at a time-step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartOrder {
    /// A row, from top to bottom: T = H steps of C W features, channel by channel.
    Rows,
    /// A pixel, row by row from left to right: T = H W steps of C features.
    Pixels,
}

impl SequentialConfig {
    /// The features of one time-step of an image [C, H, W].
    fn features(self, [channels, _, width]: [usize; 3]) -> usize {
        match self.order {
            PartOrder::Rows => channels.saturating_mul(width),
            PartOrder::Pixels => channels,
        }
    }

    /// The time-steps of an image [C, H, W].
    fn time_steps(self, [_, height, width]: [usize; 3]) -> usize {
        match self.order {
            PartOrder::Rows => height,
            PartOrder::Pixels => height.saturating_mul(width),
        }
    }

    /// "rows" or "pixels".
    fn parts(self) -> &'static str {
        match self.order {
            PartOrder::Rows => "rows",
            PartOrder::Pixels => "pixels",
        }
    }
}

impl Encoder for SequentialConfig {
    /// [T, B, F] of images [B, C, H, W]: the first `time_steps`, where a network stops early.
    fn encode(&self, images: &Tensor, time_steps: usize, _: &RandomKey<'_>) -> Result<Tensor> {
        let (batch, channels, height, width) = images.dims4()?;
        let image = [channels, height, width];
        // Where an element goes is one transposition, of [B, C, H, W] to [H, B, C, W] or of [B C, H W] to [H W, B C].
        let moved = match self.order {
            PartOrder::Rows => images.permute((2, 0, 1, 3))?,
            PartOrder::Pixels => images.flatten_from(2)?.permute((2, 0, 1))?,
        };
        moved.contiguous()?.reshape((self.time_steps(image), batch, self.features(image)))?.narrow(0, 0, time_steps)
    }

    /// The gradient of images [B, C, H, W] from that of their sequence [T, B, F]: every element back to its place.
    fn gradient(&self, images: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let (batch, channels, height, width) = images.dims4()?;
        let moved = match self.order {
            PartOrder::Rows => grad.reshape((height, batch, channels, width))?.permute((1, 2, 0, 3))?,
            PartOrder::Pixels => grad.permute((1, 2, 0))?,
        };
        moved.contiguous()?.reshape((batch, channels, height, width))
    }

    fn signal(&self, image: [usize; 3]) -> Vec<usize> {
        vec![self.features(image)]
    }

    fn mistake(&self, image: [usize; 3], time_steps: usize) -> Option<String> {
        let ([_, height, width], needed) = (image, self.time_steps(image));
        (needed != time_steps).then(|| {
            let parts = self.parts();
            format!(
                "the encoder shows the {needed} {parts} of an image of {height}x{width} one after another, but time_steps is \
                 {time_steps}: write time_steps = {needed}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;
    use candle_core::Device;

    /// Two images of 2 channels, 3 rows and 4 columns; the value of a pixel is its place: b c y x as decimal digits.
    fn images() -> Tensor {
        let places = (0..2).flat_map(|b| (0..2).flat_map(move |c| (0..3).map(move |y| (b, c, y))));
        let values: Vec<f32> =
            places.flat_map(|(b, c, y)| (0..4).map(move |x| (1000 * b + 100 * c + 10 * y + x) as f32)).collect();
        Tensor::from_vec(values, (2, 2, 3, 4), &Device::Cpu).unwrap()
    }

    /// All time-steps.
    fn encoded(config: SequentialConfig, images: &Tensor) -> Tensor {
        let key = RandomKey { seed: 0, purpose: Purpose::Poisson, epoch: 0, indices: &[0, 1] };
        let (_, _, height, width) = images.dims4().unwrap();
        config.encode(images, config.time_steps([2, height, width]), &key).unwrap()
    }

    #[test]
    fn a_row_is_shown_at_each_time_step_channel_by_channel() {
        let sequence = encoded(SequentialConfig { order: PartOrder::Rows }, &images());
        let second = vec![vec![10., 11., 12., 13., 110., 111., 112., 113.], {
            vec![1010., 1011., 1012., 1013., 1110., 1111., 1112., 1113.]
        }];
        assert_eq!(sequence.dims(), [3, 2, 8]);
        assert_eq!(sequence.to_vec3::<f32>().unwrap()[1], second);
    }

    #[test]
    fn pixels_are_shown_row_by_row_from_left_to_right() {
        let sequence = encoded(SequentialConfig { order: PartOrder::Pixels }, &images());
        assert_eq!(sequence.dims(), [12, 2, 2]);
        let steps = sequence.to_vec3::<f32>().unwrap();
        for (step, place) in steps.iter().zip([0., 1., 2., 3., 10., 11., 12., 13., 20., 21., 22., 23.]) {
            assert_eq!(*step, [[place, 100. + place], [1000. + place, 1100. + place]]);
        }
    }

    #[test]
    fn the_gradient_goes_back_to_the_pixel_that_it_came_from() {
        for order in [PartOrder::Rows, PartOrder::Pixels] {
            let config = SequentialConfig { order };
            let images = images();
            let back = config.gradient(&images, &encoded(config, &images)).unwrap();
            let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(back.dims(), images.dims());
            assert_eq!(values(&back), values(&images), "{order:?}");
        }
    }
}
