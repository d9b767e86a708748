//! 3x3 convolutions of stride 1 whose inputs are mostly zero: for every input that is not, nine additions of a vector
//! of output channels (multiplied by the input's value where it is no spike).
//!
//! Forward holds one input channel's weights in registers and adds them to the outputs around each event; the weight's
//! gradient holds one channel's sums in registers and adds the outputs' gradients around each event. Work is in
//! proportion to the number of events. A strip's events are those of [`NonZeros`].

use super::events::{NonZeros, StripShape};
use super::{Image, in_groups};
use crate::ops::Geometry;
use crate::ops::input_value::InputValue;
use crate::ops::product::tile::PANEL;
use crate::ops::scratch::Reused;
use crate::ops::simd::{arch, vectorized};
use crate::ops::transpose::Transpose;
use crate::ops::uninit::UninitBuffer;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Inputs whose events the weight's gradient gathers at a time.
const CHUNK: usize = 4 * 1024 * 1024;
/// Channels whose weights are brought into another order at a time.
const CHANNELS: usize = 16;
/// Floats of one channel's weights, or sums, for a panel of output channels: [3, 3, 32].
const TAPS: usize = 9 * PANEL;

/// Whether this way is open.
pub fn fits(g: &Geometry) -> bool {
    g.kernel == 3 && g.stride == 1 && g.padding <= 2 && StripShape::fits(g)
}

/// Output channels of panel `panel`.
fn width(panel: usize, out_channels: usize) -> usize {
    PANEL.min(out_channels - panel * PANEL)
}

/// The weight [O, C, 3, 3] as [panels of O][C][3, 3, 32], zero beyond the last channel.
pub fn taps(w: &[f32], g: &Geometry) -> Reused {
    let (c, o) = (g.in_channels, g.out_channels);
    let mut taps = Reused::new(o.div_ceil(PANEL) * c * TAPS);
    // Some channels of a panel at a time: [channels][3, 3, 32] of [32][C][3, 3].
    let run = CHANNELS.min(c);
    let tasks = taps.par_chunks_mut(c * TAPS).enumerate();
    tasks.for_each(|(panel, taps)| {
        if width(panel, o) < PANEL {
            taps.fill(0.0);
        }
        for (number, to) in taps.chunks_mut(run * TAPS).enumerate() {
            let from = &w[(panel * PANEL * c + number * run) * 9..];
            let (rows, columns) = (width(panel, o), to.len() / PANEL);
            arch().dispatch(Transpose { from, from_row: c * 9, to, to_row: PANEL, rows, columns });
        }
    });
    taps
}

/// Y [H', W', O] of X [H, W, C], for each of `images`.
pub fn forward<T: InputValue>(images: Vec<Image<'_, T>>, taps: &[f32], g: &Geometry) {
    let (c, o, strips) = (g.in_channels, g.out_channels, StripShape::from_geometry(g));
    in_groups(images, strips.images()).into_par_iter().for_each_init(
        || (NonZeros::default(), Reused::default()),
        |(events, frame), images| {
            let (images, mut outputs): (Vec<&[T]>, Vec<&mut [f32]>) =
                images.into_iter().map(|image| (image.x, image.y.zero())).unzip();
            for rows in strips.rows() {
                events.gather(&images, &strips, &rows);
                let per_image = strips.frame_pixels(rows.len()) * PANEL;
                for (panel, taps) in taps.chunks(c * TAPS).enumerate() {
                    let frame = frame.lend(images.len() * per_image);
                    frame.fill(0.0);
                    arch().dispatch(ScatterTask { events, taps, frame, row: strips.frame_row() });
                    let width = width(panel, o);
                    for (y, frame) in outputs.iter_mut().zip(frame.chunks_exact(per_image)) {
                        for (from, to, length) in strips.runs(&rows) {
                            let from = frame[from * PANEL..].chunks_exact(PANEL);
                            let to = y[to * o..][..length * o].chunks_exact_mut(o);
                            for (to, from) in to.zip(from) {
                                let to = &mut to[panel * PANEL..][..width];
                                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                            }
                        }
                    }
                }
            }
        },
    );
}

/// dW [O, C, 3, 3] from X [N, H, W, C] and dY [N, H', W', O]. Every sum has one owner, which goes through the strips in
/// order.
pub fn weight_gradient<T: InputValue>(x: &[T], dy: &[f32], g: &Geometry, n: usize) -> Vec<f32> {
    let (c, o, strips) = (g.in_channels, g.out_channels, StripShape::from_geometry(g));
    let (in_size, out_size) = (c * g.in_pixels(), o * g.out_pixels());
    if n == 0 {
        return vec![0.0; o * c * 9];
    }
    // [panels of O][C][3, 3, 32].
    let mut sums = Reused::new(o.div_ceil(PANEL) * c * TAPS);
    // A panel's channels in as many runs as there must be for all threads to have work: each copies what it reads.
    let channels = c.div_ceil(rayon::current_num_threads().div_ceil(o.div_ceil(PANEL)));
    let mut tasks: Vec<(usize, usize, &mut [f32])> = Vec::new();
    for (panel, sums) in sums.chunks_mut(c * TAPS).enumerate() {
        tasks.extend(sums.chunks_mut(channels * TAPS).enumerate().map(|(run, sums)| (panel, run * channels, sums)));
    }
    let chunk = (CHUNK / in_size).max(1).next_multiple_of(strips.images()).min(n);
    for (number, (x, dy)) in x.chunks(chunk * in_size).zip(dy.chunks(chunk * out_size)).enumerate() {
        let images: Vec<&[T]> = x.chunks(in_size).collect();
        let groups = images.chunks(strips.images()).zip(dy.chunks(strips.images() * out_size));
        let pieces: Vec<_> =
            groups.flat_map(|(images, dy)| strips.rows().map(move |rows| (images, dy, rows))).collect();
        let gather = |(images, _, rows): &(&[&[T]], &[f32], Range<usize>)| {
            let mut events = NonZeros::default();
            events.gather(images, &strips, rows);
            events
        };
        let events: Vec<NonZeros> = pieces.par_iter().map(gather).collect();
        tasks.par_iter_mut().for_each_init(Reused::default, |frame, (panel, first, sums)| {
            let columns = *panel * PANEL..*panel * PANEL + width(*panel, o);
            if number == 0 {
                sums.fill(0.0);
            }
            for ((images, dy, rows), events) in pieces.iter().zip(&events) {
                let per_image = strips.frame_pixels(rows.len()) * PANEL;
                let frame = frame.lend(images.len() * per_image);
                for (dy, frame) in dy.chunks_exact(out_size).zip(frame.chunks_exact_mut(per_image)) {
                    fill_frame(dy, o, columns.clone(), strips.runs(rows), frame);
                }
                arch().dispatch(GatherTask { events, first: *first, sums, frame, row: strips.frame_row() });
            }
        });
    }
    let mut dw = UninitBuffer::new(o * c * 9);
    dw.parts(PANEL * c * 9).into_par_iter().enumerate().for_each(|(panel, to)| {
        let (from, to, columns) = (&sums[panel * c * TAPS..][..c * TAPS], to.zero(), width(panel, o));
        arch().dispatch(Transpose { from, from_row: PANEL, to, to_row: c * 9, rows: c * 9, columns });
    });
    dw.done()
}

/// Copies the `columns` of dY [H', W', O] to where they lie in the frame, and puts zeros around them.
fn fill_frame(
    dy: &[f32],
    o: usize,
    columns: Range<usize>,
    runs: impl Iterator<Item = (usize, usize, usize)>,
    frame: &mut [f32],
) {
    let mut filled = 0;
    vectorized(
        #[inline(always)]
        || {
            for (to, from, length) in runs {
                frame[filled * PANEL..to * PANEL].fill(0.0);
                let pixels = frame[to * PANEL..].as_chunks_mut::<PANEL>().0.iter_mut();
                for (to, from) in pixels.zip(dy[from * o..][..length * o].chunks_exact(o)) {
                    // A whole panel is copied in a few instructions, other lengths by a call.
                    match <&[f32; PANEL]>::try_from(&from[columns.clone()]) {
                        Ok(from) => *to = *from,
                        Err(_) => to[..columns.len()].copy_from_slice(&from[columns.clone()]),
                    }
                }
                filled = to + length;
            }
            frame[filled * PANEL..].fill(0.0);
        },
    );
}

/// Adds every event's taps to the frame.
struct ScatterTask<'a> {
    events: &'a NonZeros,
    /// [C][3, 3, 32].
    taps: &'a [f32],
    frame: &'a mut [f32],
    row: usize,
}

impl WithSimd for ScatterTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (channel, taps) in self.taps.chunks_exact(TAPS).enumerate() {
            let (pixels, values) = self.events.in_channel(channel);
            // Nine taps of two vectors fill the wider register files, of one vector the others.
            match (S::REGISTER_COUNT >= 32 && 2 * S::F32_LANES <= PANEL, values.is_empty()) {
                (true, true) => spread::<S, 2, true>(simd, pixels, values, taps, self.frame, self.row),
                (true, false) => spread::<S, 2, false>(simd, pixels, values, taps, self.frame, self.row),
                (false, true) => spread::<S, 1, true>(simd, pixels, values, taps, self.frame, self.row),
                (false, false) => spread::<S, 1, false>(simd, pixels, values, taps, self.frame, self.row),
            }
        }
    }
}

#[inline(always)]
fn spread<S: Simd, const N: usize, const SPIKES: bool>(
    simd: S,
    pixels: &[u16],
    values: &[f32],
    taps: &[f32],
    frame: &mut [f32],
    row: usize,
) {
    let Some(reach) = reach(pixels, row) else { return };
    assert!(reach * PANEL <= frame.len() && taps.len() == TAPS && (SPIKES || values.len() == pixels.len()));
    let line = row * PANEL;
    for first in (0..PANEL).step_by(N * S::F32_LANES) {
        let mut held = [[simd.splat_f32s(0.0); N]; 9];
        for (tap, held) in held.iter_mut().enumerate() {
            for (k, held) in held.iter_mut().enumerate() {
                *held = S::as_simd_f32s(&taps[tap * PANEL + first + k * S::F32_LANES..]).0[0];
            }
        }
        for (event, &pixel) in pixels.iter().enumerate() {
            let value = if SPIKES { simd.splat_f32s(1.0) } else { simd.splat_f32s(values[event]) };
            let corner = usize::from(pixel) * PANEL + first;
            for i in 0..3 {
                for j in 0..3 {
                    for (k, &tap) in held[3 * i + j].iter().enumerate() {
                        let at = corner + (2 - i) * line + (2 - j) * PANEL + k * S::F32_LANES;
                        // SAFETY: pixels rise, so that `reach` bounds the pixel of every tap; the frame holds a panel
                        // for each pixel below it (asserted), and a vector at `first + k lanes` lies inside a panel.
                        unsafe {
                            let to = frame.as_mut_ptr().add(at).cast::<S::f32s>();
                            let old = to.read_unaligned();
                            let new =
                                if SPIKES { simd.add_f32s(old, tap) } else { simd.mul_add_e_f32s(value, tap, old) };
                            to.write_unaligned(new);
                        }
                    }
                }
            }
        }
    }
}

/// Adds the frame around every event to the sums of its channel.
struct GatherTask<'a> {
    events: &'a NonZeros,
    /// The channel of the first sums.
    first: usize,
    /// [channels][3, 3, 32].
    sums: &'a mut [f32],
    frame: &'a [f32],
    row: usize,
}

impl WithSimd for GatherTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (channel, sums) in self.sums.chunks_exact_mut(TAPS).enumerate() {
            let (pixels, values) = self.events.in_channel(self.first + channel);
            match (S::REGISTER_COUNT >= 32 && 2 * S::F32_LANES <= PANEL, values.is_empty()) {
                (true, true) => collect::<S, 2, true>(simd, pixels, values, sums, self.frame, self.row),
                (true, false) => collect::<S, 2, false>(simd, pixels, values, sums, self.frame, self.row),
                (false, true) => collect::<S, 1, true>(simd, pixels, values, sums, self.frame, self.row),
                (false, false) => collect::<S, 1, false>(simd, pixels, values, sums, self.frame, self.row),
            }
        }
    }
}

#[inline(always)]
fn collect<S: Simd, const N: usize, const SPIKES: bool>(
    simd: S,
    pixels: &[u16],
    values: &[f32],
    sums: &mut [f32],
    frame: &[f32],
    row: usize,
) {
    let Some(reach) = reach(pixels, row) else { return };
    assert!(reach * PANEL <= frame.len() && sums.len() == TAPS && (SPIKES || values.len() == pixels.len()));
    let line = row * PANEL;
    for first in (0..PANEL).step_by(N * S::F32_LANES) {
        let mut held = [[simd.splat_f32s(0.0); N]; 9];
        for (event, &pixel) in pixels.iter().enumerate() {
            let value = if SPIKES { simd.splat_f32s(1.0) } else { simd.splat_f32s(values[event]) };
            let corner = usize::from(pixel) * PANEL + first;
            for i in 0..3 {
                for j in 0..3 {
                    for (k, sum) in held[3 * i + j].iter_mut().enumerate() {
                        let at = corner + (2 - i) * line + (2 - j) * PANEL + k * S::F32_LANES;
                        // SAFETY: as in `spread`.
                        let dy = unsafe { frame.as_ptr().add(at).cast::<S::f32s>().read_unaligned() };
                        *sum = if SPIKES { simd.add_f32s(*sum, dy) } else { simd.mul_add_e_f32s(value, dy, *sum) };
                    }
                }
            }
        }
        for (tap, held) in held.into_iter().enumerate() {
            for (k, held) in held.into_iter().enumerate() {
                let sum = &mut S::as_mut_simd_f32s(&mut sums[tap * PANEL + first + k * S::F32_LANES..]).0[0];
                *sum = simd.add_f32s(*sum, held);
            }
        }
    }
}

/// The number of pixels that a frame must have for all taps of `pixels`, which rise; nothing without any.
fn reach(pixels: &[u16], row: usize) -> Option<usize> {
    debug_assert!(pixels.is_sorted());
    pixels.last().map(|&last| usize::from(last) + 2 * row + 3)
}
