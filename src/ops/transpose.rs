//! Rows to columns.

use pulp::{Simd, WithSimd};
use std::ops::Range;

/// Rows of a tile, which is turned within the registers, and the columns of a wide and a narrow one: a cache line of
/// each row, or half of it.
const ROWS: usize = 8;
const WIDE: usize = 16;
const NARROW: usize = 8;

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
    fn with_simd<S: Simd>(mut self, _: S) {
        let Self { rows, columns, .. } = self;
        let in_tiles = rows - rows % ROWS;
        for i in (0..in_tiles).step_by(ROWS) {
            let mut j = 0;
            while j + WIDE <= columns {
                self.turn::<WIDE>(i, j);
                j += WIDE;
            }
            if j + NARROW <= columns {
                self.turn::<NARROW>(i, j);
                j += NARROW;
            }
            self.turn_singly(i..i + ROWS, j..columns);
        }
        self.turn_singly(in_tiles..rows, 0..columns);
    }
}

impl Transpose<'_> {
    /// Turns the tile of `COLUMNS` columns whose corner is row `i` and column `j`.
    #[inline(always)]
    fn turn<const COLUMNS: usize>(&mut self, i: usize, j: usize) {
        let mut lines = [&[0f32; COLUMNS]; ROWS];
        for (k, line) in lines.iter_mut().enumerate() {
            if let Some(found) = self.from[(i + k) * self.from_row + j..].first_chunk() {
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
            self.to[(j + l) * self.to_row + i..][..ROWS].copy_from_slice(tile);
        }
    }

    #[inline(always)]
    fn turn_singly(&mut self, rows: Range<usize>, columns: Range<usize>) {
        for k in rows {
            for l in columns.clone() {
                self.to[l * self.to_row + k] = self.from[k * self.from_row + l];
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
        for (rows, columns) in [(0, 3), (1, 1), (8, 16), (9, 17), (32, 9), (40, 57), (7, 64)] {
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
