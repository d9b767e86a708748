//! Large results that tasks set part by part, each in its own cache and on its own core: to zero just before it writes
//! there, or to what it has summed elsewhere.
//!
//! `vec![0.0; n]` of a step's activations would write hundreds of megabytes on one core while the others wait.

use candle_core::WithDType;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A result of which nothing is set yet.
pub struct UninitBuffer<T> {
    values: Vec<T>,
    length: usize,
    /// How many elements are set.
    set: AtomicUsize,
}

/// A part of a result, to be set once.
pub struct UninitPart<'a, T> {
    values: &'a mut [MaybeUninit<T>],
    set: &'a AtomicUsize,
}

/// Some rows of some columns of a matrix.
pub struct UninitPiece<'a, T> {
    /// The first row and the first column.
    pub row: usize,
    pub column: usize,
    pub rows: Vec<UninitPart<'a, T>>,
}

impl<T: WithDType> UninitBuffer<T> {
    pub fn new(length: usize) -> Self {
        Self { values: Vec::with_capacity(length), length, set: AtomicUsize::new(0) }
    }

    /// The whole, cut into parts of `size` elements, the last perhaps shorter.
    ///
    /// # Panics
    /// When it has been cut before: a bug in the calling kernel.
    pub fn parts(&mut self, size: usize) -> Vec<UninitPart<'_, T>> {
        assert_eq!(*self.set.get_mut(), 0, "a result is cut once");
        let Self { values, length, set } = self;
        let whole = &mut values.spare_capacity_mut()[..*length];
        whole.chunks_mut(size.max(1)).map(|values| UninitPart { values, set }).collect()
    }

    /// The whole as a matrix with rows of `columns`, cut into pieces of `height` rows and `width` columns, the last
    /// perhaps smaller.
    ///
    /// # Panics
    /// As [`parts`](Self::parts).
    pub fn pieces(&mut self, columns: usize, height: usize, width: usize) -> Vec<UninitPiece<'_, T>> {
        let mut pieces: Vec<UninitPiece<'_, T>> = Vec::new();
        for (down, rows) in self.parts(height * columns).into_iter().enumerate() {
            let first = pieces.len();
            let firsts = (0..columns).step_by(width.max(1));
            pieces.extend(firsts.map(|column| UninitPiece { row: down * height, column, rows: Vec::new() }));
            for row in rows.cut(columns) {
                pieces[first..].iter_mut().zip(row.cut(width)).for_each(|(piece, part)| piece.rows.push(part));
            }
        }
        pieces
    }

    /// The result.
    ///
    /// # Panics
    /// When not all of it was set: a bug in the calling kernel.
    pub fn done(mut self) -> Vec<T> {
        assert_eq!(*self.set.get_mut(), self.length, "a part of the result was not set");
        // SAFETY: every element is set: parts are disjoint, each adds its length to `set` once, when all of it is set,
        // and the sum is `length`, the number of elements that were cut into parts; the vector has room for as many.
        unsafe { self.values.set_len(self.length) };
        self.values
    }
}

impl<'a, T: WithDType> UninitPart<'a, T> {
    /// Sets all to zero.
    pub fn zero(self) -> &'a mut [T] {
        self.values.fill(MaybeUninit::new(T::zero()));
        self.set.fetch_add(self.values.len(), Ordering::Relaxed);
        // SAFETY: all elements have just been set.
        unsafe { self.values.assume_init_mut() }
    }

    /// The part, to be set from its beginning on.
    pub fn writer(self) -> UninitWriter<'a, T> {
        UninitWriter { rest: self.values, written: 0, set: self.set }
    }

    /// Sets all to `values`.
    ///
    /// # Panics
    /// When they are not as many: a bug in the calling kernel.
    pub fn copy_from(self, values: &[T]) {
        self.values.write_copy_of_slice(values);
        self.set.fetch_add(values.len(), Ordering::Relaxed);
    }

    /// The part in pieces of `size` elements, the last perhaps shorter.
    pub fn cut(self, size: usize) -> impl Iterator<Item = UninitPart<'a, T>> {
        let Self { values, set } = self;
        values.chunks_mut(size.max(1)).map(move |values| UninitPart { values, set })
    }
}

/// A part that is set from its beginning on, in several pieces. They are counted when the writer is dropped: counting
/// each would wait until the machine has written it.
pub struct UninitWriter<'a, T> {
    rest: &'a mut [MaybeUninit<T>],
    written: usize,
    set: &'a AtomicUsize,
}

impl<T: Copy> UninitWriter<'_, T> {
    /// How many elements are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Sets the next elements to `values`.
    ///
    /// # Panics
    /// When fewer are left: a bug in the calling kernel.
    pub fn write(&mut self, values: &[T]) {
        let (next, rest) = std::mem::take(&mut self.rest).split_at_mut(values.len());
        next.write_copy_of_slice(values);
        (self.rest, self.written) = (rest, self.written + values.len());
    }
}

impl<T> Drop for UninitWriter<'_, T> {
    fn drop(&mut self) {
        self.set.fetch_add(self.written, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn parts_that_tasks_set_are_the_whole() {
        let mut fresh = UninitBuffer::<f32>::new(1000);
        fresh.parts(64).into_par_iter().enumerate().for_each(|(i, part)| part.zero()[0] = i as f32);
        let values = fresh.done();
        assert_eq!((values.len(), values.iter().sum::<f32>()), (1000, 120.0));
        assert_eq!((values[64], values[65], values[960], values[999]), (1.0, 0.0, 15.0, 0.0));
        assert!(UninitBuffer::<u8>::new(0).done().is_empty());
    }

    #[test]
    fn pieces_of_a_matrix_come_down_and_across_and_are_the_whole() {
        let mut fresh = UninitBuffer::<f32>::new(5 * 7);
        let pieces = fresh.pieces(7, 2, 3);
        let places: Vec<_> = pieces.iter().map(|piece| (piece.row, piece.column, piece.rows.len())).collect();
        assert_eq!(places[..4], [(0, 0, 2), (0, 3, 2), (0, 6, 2), (2, 0, 2)]);
        assert_eq!((places.len(), places[8]), (9, (4, 6, 1)));
        for piece in pieces {
            for (number, part) in piece.rows.into_iter().enumerate() {
                let first = ((piece.row + number) * 7 + piece.column) as f32;
                let values = [first, first + 1.0, first + 2.0];
                part.copy_from(&values[..3.min(7 - piece.column)]);
            }
        }
        assert!(fresh.done().into_iter().eq((0..35u8).map(f32::from)));
        assert!(UninitBuffer::<f32>::new(0).pieces(7, 2, 3).is_empty());
    }

    #[test]
    fn pieces_that_are_written_one_after_another_are_the_whole() {
        let mut fresh = UninitBuffer::<f32>::new(7);
        for part in fresh.parts(4) {
            let mut writer = part.writer();
            writer.write(&[1.0, 2.0]);
            let rest = vec![3.0; writer.left()];
            writer.write(&rest);
        }
        assert_eq!(fresh.done(), [1.0, 2.0, 3.0, 3.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    #[should_panic(expected = "was not set")]
    fn what_a_writer_leaves_is_never_read() {
        let mut fresh = UninitBuffer::<f32>::new(7);
        fresh.parts(7).into_iter().for_each(|part| part.writer().write(&[1.0; 6]));
        fresh.done();
    }

    #[test]
    #[should_panic(expected = "was not set")]
    fn a_part_that_no_task_set_is_never_read() {
        let mut fresh = UninitBuffer::<u8>::new(10);
        fresh.parts(5).into_iter().take(1).for_each(|part| {
            part.zero();
        });
        fresh.done();
    }
}
