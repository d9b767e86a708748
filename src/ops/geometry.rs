//! The sizes of a convolution.

/// The sizes of one convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub height: usize,
    pub width: usize,
}

impl Geometry {
    pub fn out_height(&self) -> usize {
        (self.height + 2 * self.padding - self.kernel) / self.stride + 1
    }

    pub fn out_width(&self) -> usize {
        (self.width + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Elements under one output position: C k k.
    pub(super) fn patch(&self) -> usize {
        self.in_channels * self.kernel * self.kernel
    }

    pub(super) fn in_pixels(&self) -> usize {
        self.height * self.width
    }

    pub(super) fn out_pixels(&self) -> usize {
        self.out_height() * self.out_width()
    }

    /// The convolution that carries an output's gradient back to the input: channels exchanged, the kernel turned by
    /// half a turn. It exists for stride 1 and a padding below the kernel's size.
    pub(super) fn reversed(&self) -> Option<Self> {
        (self.stride == 1 && self.padding < self.kernel).then(|| Self {
            in_channels: self.out_channels,
            out_channels: self.in_channels,
            padding: self.kernel - 1 - self.padding,
            height: self.out_height(),
            width: self.out_width(),
            ..*self
        })
    }
}
