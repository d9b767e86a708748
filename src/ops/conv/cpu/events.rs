//! The non-zero inputs of a convolution, channel by channel: what the sparse way works on.
//!
//! Images are cut into strips, a few rows of one image or a few whole images, so small that the outputs a strip reaches
//! stay in the first-level cache, 32 channels at a time. These outputs lie in a frame that is 2 rows and 2 columns
//! larger than the strip, so that all nine taps of every input fall inside it: the input at (row, column) of the strip
//! meets the output at (row + 2 - i, column + 2 - j) of the frame in tap (i, j).

use crate::ops::Geometry;
use crate::ops::input_value::InputValue;
use crate::ops::product::tile::PANEL;
use crate::ops::simd::vectorized;
use std::ops::Range;

/// Floats of a frame.
const FRAME: usize = 7 * 1024;
/// Pixels after which a strip of whole images takes no further image.
const PIXELS: usize = 128;

/// How images [H, W, C] of a 3x3 convolution of stride 1 are cut into strips.
#[derive(Clone, Copy)]
pub struct StripShape {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    out_height: usize,
    out_width: usize,
    padding: usize,
    /// Rows of an image in a strip, and images in a strip.
    rows: usize,
    images: usize,
}

impl StripShape {
    pub fn from_geometry(g: &Geometry) -> Self {
        let rows = (FRAME / PANEL / (g.width + 2)).saturating_sub(2).clamp(1, g.height);
        let rows = g.height.div_ceil(g.height.div_ceil(rows));
        let frame = (g.height + 2) * (g.width + 2) * PANEL;
        let images = if rows < g.height { 1 } else { (FRAME / frame).min(PIXELS / (rows * g.width)).max(1) };
        Self {
            channels: g.in_channels,
            height: g.height,
            width: g.width,
            out_height: g.out_height(),
            out_width: g.out_width(),
            padding: g.padding,
            rows,
            images,
        }
    }

    /// Whether positions in a frame fit the events' type.
    pub fn fits(g: &Geometry) -> bool {
        let strips = Self::from_geometry(g);
        strips.frame_pixels(strips.rows) * strips.images <= usize::from(u16::MAX)
    }

    /// Images that share strips.
    pub fn images(&self) -> usize {
        self.images
    }

    /// The rows of every strip of an image, or of a few whole ones.
    pub fn rows(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let Self { rows, height, .. } = *self;
        (0..height).step_by(rows).map(move |row| row..(row + rows).min(height))
    }

    /// Pixels from one row of a frame to the next.
    pub fn frame_row(&self) -> usize {
        self.width + 2
    }

    /// Pixels of one image's frame around `rows` rows.
    pub fn frame_pixels(&self, rows: usize) -> usize {
        (rows + 2) * self.frame_row()
    }

    /// The runs of an image's output pixels that lie in its frame around `rows`, as (first pixel of the frame, first
    /// output pixel, length).
    pub fn runs(&self, rows: &Range<usize>) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (Self { padding, out_height, out_width, .. }, frame_row) = (*self, self.frame_row());
        let (first_row, rows) = (rows.start, rows.len() + 2);
        (0..rows).filter_map(move |row| {
            // Row and column 0 of the frame are output row `first_row + padding - 2` and column `padding - 2`.
            let y = (first_row + row + padding).checked_sub(2).filter(|&y| y < out_height)?;
            let (left, start) = (2usize.saturating_sub(padding), padding.saturating_sub(2));
            Some((row * frame_row + left, y * out_width + start, (out_width - start).min(frame_row - left)))
        })
    }
}

/// Of each byte, how many bits are set, and their places in rising order; what follows them is 0.
static SET_BITS: [(u16, [u16; 8]); 256] = {
    let mut table = [(0, [0; 8]); 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut found) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte].1[found] = bit as u16;
                found += 1;
            }
            bit += 1;
        }
        table[byte].0 = found as u16;
        byte += 1;
    }
    table
};

/// The non-zero inputs of one strip.
#[derive(Default)]
pub struct NonZeros {
    /// Where each channel's events begin, and their number.
    starts: Vec<usize>,
    /// Pixels of the frame that tap (2, 2) meets, in rising order; beyond the last event, anything.
    pixels: Vec<u16>,
    /// Their values, unless all are one.
    values: Vec<f32>,
    /// Of each group of 8 pixels of a row and each channel, a byte that says which of the pixels are events.
    bits: Vec<u8>,
}

impl NonZeros {
    /// Gathers the events of rows `rows` of `images`, each [H, W, C]; their frames lie one after another.
    pub fn gather<T: InputValue>(&mut self, images: &[&[T]], strips: &StripShape, rows: &Range<usize>) {
        let (channels, width) = (strips.channels, strips.width);
        let elements = rows.start * width * channels..rows.end * width * channels;
        // A row's pixels fill up its last group of 8.
        let row_groups = width.div_ceil(8);
        let groups = rows.len() * row_groups;
        self.bits.clear();
        self.bits.resize(images.len() * groups * channels, 0);
        for (image, bits) in images.iter().zip(self.bits.chunks_exact_mut(groups * channels)) {
            let rows = image[elements.clone()].chunks_exact(width * channels);
            rows.zip(bits.chunks_exact_mut(row_groups * channels)).for_each(|(x, bits)| mark(x, channels, bits));
        }

        // The first pixel of each group, in the strip and in its frame.
        let firsts: Vec<(usize, u16)> = (0..groups)
            .map(|group| (group / row_groups, 8 * (group % row_groups)))
            .map(|(row, column)| (row * width + column, (row * strips.frame_row() + column) as u16))
            .collect();
        let total: usize = self.bits.iter().map(|bits| bits.count_ones() as usize).sum();
        self.starts.clear();
        // Eight are written at a time, of which some count.
        self.pixels.resize(total + 8, 0);
        self.values.resize(if T::SPIKES { 0 } else { total }, 0.0);
        let mut found = 0;
        for c in 0..channels {
            self.starts.push(found);
            for (number, (image, bits)) in images.iter().zip(self.bits.chunks_exact(groups * channels)).enumerate() {
                let frame = (number * strips.frame_pixels(rows.len())) as u16;
                for (&(pixel, place), bits) in firsts.iter().zip(bits.chunks_exact(channels)) {
                    let (count, set) = &SET_BITS[usize::from(bits[c])];
                    let (count, place) = (usize::from(*count), frame + place);
                    if let Some(pixels) = self.pixels[found..].first_chunk_mut::<8>() {
                        *pixels = set.map(|bit| place + bit);
                    }
                    if !T::SPIKES {
                        for (value, &bit) in self.values[found..].iter_mut().zip(&set[..count]) {
                            *value = image[elements.start + (pixel + usize::from(bit)) * channels + c].into();
                        }
                    }
                    found += count;
                }
            }
        }
        self.starts.push(found);
    }

    /// Pixels and, unless all are one, values of a channel's events.
    pub fn in_channel(&self, channel: usize) -> (&[u16], &[f32]) {
        let range = self.starts[channel]..self.starts[channel + 1];
        (&self.pixels[range.clone()], self.values.get(range).unwrap_or_default())
    }
}

/// Sets the bits of all pixels `x` [pixels, C] that are not zero.
fn mark<T: InputValue>(x: &[T], channels: usize, bits: &mut [u8]) {
    vectorized(
        #[inline(always)]
        || {
            for (x, bits) in x.chunks(8 * channels).zip(bits.chunks_exact_mut(channels)) {
                for (pixel, x) in x.chunks_exact(channels).enumerate() {
                    for (bits, &value) in bits.iter_mut().zip(x) {
                        *bits |= u8::from(value != T::default()) << pixel;
                    }
                }
            }
        },
    );
}
