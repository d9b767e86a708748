//! The inner product of the dense kernels: a few rows of A times a panel of B, all sums held in registers.

use pulp::Simd;

/// Columns of a panel: two vectors of the widest instruction set that we use. Sums are the same bits for narrower ones,
/// which take a panel in several pieces.
pub const PANEL: usize = 32;
/// Rows of A are taken in multiples of this number.
pub const ROWS: usize = 8;

/// A matrix for [`multiply_panel`], whose element (i, l) is `data[i * row + l * column]`.
#[derive(Clone, Copy)]
pub struct StridedMatrix<'a> {
    pub data: &'a [f32],
    pub row: usize,
    pub column: usize,
}

/// `c[i][j] = sum over l of a[i][l] b[l][j]`, or `+=` when `accumulate`: `rows` rows, a multiple of [`ROWS`]; `depth`
/// products a sum, added in order; `width` columns, [`PANEL`] or half of it. `b` has rows of `width` floats without
/// gaps, rows of `c` are `c_row` apart.
///
/// # Panics
/// When a slice is too short: a bug in the calling kernel.
#[inline(always)]
pub fn multiply_panel<S: Simd>(
    simd: S,
    (rows, width, depth): (usize, usize, usize),
    a: StridedMatrix<'_>,
    b: &[f32],
    c: &mut [f32],
    c_row: usize,
    accumulate: bool,
) {
    assert!(rows > 0 && rows.is_multiple_of(ROWS) && depth > 0 && (width == PANEL || width == PANEL / 2));
    assert!((rows - 1) * a.row + (depth - 1) * a.column < a.data.len() && depth * width <= b.len());
    assert!(c_row >= width && (rows - 1) * c_row + width <= c.len());
    // A tile of 8 x 2 vectors and its operands fill 32 registers' budget well, 4 x 2 fit into 16.
    let tile_rows = if S::REGISTER_COUNT >= 32 { 8 } else { 4 };
    let mut first_column = 0;
    while first_column < width {
        let vectors = if width - first_column >= 2 * S::F32_LANES { 2 } else { 1 };
        for first_row in (0..rows).step_by(tile_rows) {
            // SAFETY: the assertions above put every element that the tile's rows (below `rows`), its columns (below
            // `width`) and `depth` reach inside its slice; `width` is a multiple of the lanes, which divide half a
            // panel; `c` is borrowed mutably and so overlaps neither operand.
            unsafe {
                let a = (a.data.as_ptr().add(first_row * a.row), a.row, a.column);
                let b = (b.as_ptr().add(first_column), width);
                let c = (c.as_mut_ptr().add(first_row * c_row + first_column), c_row);
                match (tile_rows, vectors) {
                    (8, 2) => tile::<S, 8, 2>(simd, depth, a, b, c, accumulate),
                    (8, _) => tile::<S, 8, 1>(simd, depth, a, b, c, accumulate),
                    (_, 2) => tile::<S, 4, 2>(simd, depth, a, b, c, accumulate),
                    _ => tile::<S, 4, 1>(simd, depth, a, b, c, accumulate),
                }
            }
        }
        first_column += vectors * S::F32_LANES;
    }
}

/// One tile of M rows and N vectors.
///
/// # Safety
/// For i < M, l < depth and all columns of N vectors: `a.0 + i a.1 + l a.2`, `b.0 + l b.1 + column` and `c.0 + i c.1 +
/// column` must be valid, the last for writing.
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const N: usize>(
    simd: S,
    depth: usize,
    (a, a_row, a_column): (*const f32, usize, usize),
    (b, b_row): (*const f32, usize),
    (c, c_row): (*mut f32, usize),
    accumulate: bool,
) {
    let mut sums = [[simd.splat_f32s(0.0); N]; M];
    for l in 0..depth {
        let mut line = [simd.splat_f32s(0.0); N];
        for (j, vector) in line.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *vector = unsafe { load(b.add(l * b_row + j * S::F32_LANES)) };
        }
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            let a = simd.splat_f32s(unsafe { *a.add(i * a_row + l * a_column) });
            for (sum, &b) in sums.iter_mut().zip(&line) {
                *sum = simd.mul_add_e_f32s(a, b, *sum);
            }
        }
    }
    for (i, sums) in sums.into_iter().enumerate() {
        for (j, sum) in sums.into_iter().enumerate() {
            // SAFETY: the caller's promise; a vector of floats needs no more alignment than a float.
            unsafe {
                let to = c.add(i * c_row + j * S::F32_LANES);
                let sum = if accumulate { simd.add_f32s(load(to), sum) } else { sum };
                to.cast::<S::f32s>().write_unaligned(sum);
            }
        }
    }
}

/// # Safety
/// A vector's floats from `from` on must be valid for reading.
#[inline(always)]
unsafe fn load<V: pulp::bytemuck::Pod>(from: *const f32) -> V {
    // SAFETY: the caller's promise.
    unsafe { from.cast::<V>().read_unaligned() }
}
