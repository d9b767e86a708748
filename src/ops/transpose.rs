//! Rows to columns.

use pulp::{Simd, WithSimd};

/// Rows of a tile, and its columns: a cache line of each row. A tile is turned within the registers.
const ROWS: usize = 8;
const COLUMNS: usize = 16;

/// `to[j][i] = from[i][j]` for `rows` i and `columns` j; rows lie `from_row` and `to_row` apart.
pub struct Transpose<'a> {
    pub from: &'a [f32],
    pub from_row: usize,
    pub to: &'a mut [f32],
    pub to_row: usize,
    pub rows: usize,
    pub columns: usize,
}

impl WithSimd for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { from, from_row, to, to_row, rows, columns } = self;
        for i in (0..rows).step_by(ROWS) {
            for j in (0..columns).step_by(COLUMNS) {
                if i + ROWS > rows || j + COLUMNS > columns {
                    for k in i..rows.min(i + ROWS) {
                        for l in j..columns.min(j + COLUMNS) {
                            to[l * to_row + k] = from[k * from_row + l];
                        }
                    }
                    continue;
                }
                let mut lines = [&[0f32; COLUMNS]; ROWS];
                for (k, line) in lines.iter_mut().enumerate() {
                    if let Some(found) = from[(i + k) * from_row + j..].first_chunk() {
                        *line = found;
                    }
                }
                // Written out, since the compiler makes shuffles of vectors of this form and of no other.
                let [a, b, c, d, e, f, g, h] = lines;
                let mut tile = [[0f32; ROWS]; COLUMNS];
                for (l, tile) in tile.iter_mut().enumerate() {
                    *tile = [a[l], b[l], c[l], d[l], e[l], f[l], g[l], h[l]];
                }
                for (l, tile) in tile.iter().enumerate() {
                    to[(j + l) * to_row + i..][..ROWS].copy_from_slice(tile);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::simd::arch;

    #[test]
    fn every_size_is_turned_and_the_gaps_between_rows_stay() {
        for (rows, columns) in [(0, 3), (1, 1), (8, 16), (9, 17), (40, 33), (7, 64)] {
            let (from_row, to_row) = (columns + 3, rows + 2);
            let from: Vec<f32> = (0..rows * from_row).map(|i| i as f32).collect();
            let mut to = vec![-1.0; columns * to_row];
            arch().dispatch(Transpose { from: &from, from_row, to: &mut to, to_row, rows, columns });
            for (at, &found) in to.iter().enumerate() {
                let (j, i) = (at / to_row, at % to_row);
                assert_eq!(found, if i < rows { from[i * from_row + j] } else { -1.0 }, "{rows} x {columns}: {j} {i}");
            }
        }
    }
}
