//! Matrix products on strided slices: `C = A B` or `C += A B`, the inner kernel being the `gemm` crate's.

pub mod tile;

/// A matrix in a slice: element (i, j) is `data[i * row + j * column]`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    pub data: &'a [f32],
    pub row: usize,
    pub column: usize,
}

impl<'a> Matrix<'a> {
    /// Rows one after another, each of `columns` elements.
    pub fn rows(data: &'a [f32], columns: usize) -> Self {
        Self { data, row: columns, column: 1 }
    }

    pub fn transposed(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}

/// `c = a b`, or `c += a b` when `accumulate`, on one thread. `a` is m x k, `b` is k x n, `c` is m x n with rows
/// `c_row` apart.
///
/// # Panics
/// When a slice is too short for its matrix: a bug in the calling kernel.
pub fn multiply(
    (m, n, k): (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    c_row: usize,
    accumulate: bool,
) {
    assert!(a.holds(m, k) && b.holds(k, n), "operand too short for a {m} x {k} by {k} x {n} product");
    assert!(c_row >= n && Matrix::rows(c, c_row).holds(m, n), "result too short for {m} x {n}");
    // SAFETY: the assertions above put every element that the three index ranges reach inside its slice, `c` is
    // borrowed mutably and so overlaps neither operand, and its rows do not overlap one another (`c_row >= n`).
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            c_row as isize,
            accumulate,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    fn random(n: usize, epoch: usize) -> Vec<f32> {
        let stream = Stream::new(0, Purpose::Synthetic, 0, epoch, 0);
        (0..n as u64).map(|i| stream.uniform(i) - 0.5).collect()
    }

    fn naive((m, n, k): (usize, usize, usize), a: Matrix<'_>, b: Matrix<'_>) -> Vec<f32> {
        let at = |x: Matrix<'_>, i: usize, j: usize| f64::from(x.data[i * x.row + j * x.column]);
        let entry = |i: usize, j: usize| (0..k).map(|l| at(a, i, l) * at(b, l, j)).sum::<f64>() as f32;
        (0..m * n).map(|i| entry(i / n, i % n)).collect()
    }

    #[test]
    fn products_of_odd_sizes_and_transposes_agree_with_the_definition() {
        for (m, n, k) in [(1, 1, 1), (3, 5, 7), (65, 33, 129), (300, 17, 1)] {
            let (a, b) = (random(m * k, 1), random(k * n, 2));
            let straight = (Matrix::rows(&a, k), Matrix::rows(&b, n));
            let flipped = (Matrix::rows(&a, m).transposed(), Matrix::rows(&b, k).transposed());
            for (a, b) in [straight, flipped] {
                let expected = naive((m, n, k), a, b);
                let mut found = vec![f32::NAN; m * n];
                multiply((m, n, k), a, b, &mut found, n, false);
                for (e, f) in expected.iter().zip(&found) {
                    assert!((e - f).abs() < 1e-4, "{m} x {n} x {k}: expected {e}, found {f}");
                }
            }
        }
    }

    #[test]
    fn accumulating_adds_to_what_is_there_and_leaves_the_gaps_between_rows() {
        let (a, b) = (vec![1., 2., 3., 4.], vec![1., 0., 0., 1.]);
        let mut c = vec![10.; 6];
        multiply((2, 2, 2), Matrix::rows(&a, 2), Matrix::rows(&b, 2), &mut c, 3, true);
        assert_eq!(c, [11., 12., 10., 13., 14., 10.]);
    }

    #[test]
    #[should_panic(expected = "operand too short")]
    fn a_slice_too_short_for_its_matrix_is_refused_before_any_pointer_is_read() {
        multiply((2, 2, 3), Matrix::rows(&[0.; 5], 3), Matrix::rows(&[0.; 6], 2), &mut [0.; 4], 2, false);
    }
}
