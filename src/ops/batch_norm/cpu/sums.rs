//! Sums over rows of channels, a number for every channel.

use crate::ops::simd::vectorized;

/// Rows summed in single precision.
const ROWS: usize = 8;
/// Channels summed side by side: as many as possible, so that rows are read from one end to the other.
const WIDE: usize = 64;
const LANES: usize = 16;

/// Adds the N `terms(a, b, centre of the channel)` of all rows to as many `totals`, each a number for every channel.
pub fn sum_rows<const N: usize>(
    [a, b]: [&[f32]; 2],
    centre: &[f32],
    mut totals: [&mut [f64]; N],
    terms: impl Fn(f32, f32, f32) -> [f32; N],
) {
    let channels = centre.len();
    vectorized(
        #[inline(always)]
        || {
            for (a, b) in a.chunks(ROWS * channels).zip(b.chunks(ROWS * channels)) {
                let mut first = 0;
                while channels - first >= WIDE {
                    sum_lanes::<WIDE, N>([a, b], centre, first, &mut totals, &terms);
                    first += WIDE;
                }
                while channels - first >= LANES {
                    sum_lanes::<LANES, N>([a, b], centre, first, &mut totals, &terms);
                    first += LANES;
                }
                for first in first..channels {
                    sum_lanes::<1, N>([a, b], centre, first, &mut totals, &terms);
                }
            }
        },
    );
}

/// The same of a few rows, and of the L channels from `first` on, whose sums stay in registers.
#[inline(always)]
fn sum_lanes<const L: usize, const N: usize>(
    [a, b]: [&[f32]; 2],
    centre: &[f32],
    first: usize,
    totals: &mut [&mut [f64]; N],
    terms: impl Fn(f32, f32, f32) -> [f32; N],
) {
    let mut sums = [[0f32; L]; N];
    let (channels, centre) = (centre.len(), &centre[first..][..L]);
    for (a, b) in a.chunks_exact(channels).zip(b.chunks_exact(channels)) {
        let (a, b) = (&a[first..][..L], &b[first..][..L]);
        for lane in 0..L {
            let terms = terms(a[lane], b[lane], centre[lane]);
            for n in 0..N {
                sums[n][lane] += terms[n];
            }
        }
    }
    for n in 0..N {
        let totals = &mut totals[n][first..][..L];
        for lane in 0..L {
            totals[lane] += f64::from(sums[n][lane]);
        }
    }
}
