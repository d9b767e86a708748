//! Large results that tasks zero part by part, each just before it writes there: in its own cache and on its own core.
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

/// A part of a result, to be zeroed once.
pub struct UninitPart<'a, T> {
    values: &'a mut [MaybeUninit<T>],
    set: &'a AtomicUsize,
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

    /// The result.
    ///
    /// # Panics
    /// When not all of it was set: a bug in the calling kernel.
    pub fn done(mut self) -> Vec<T> {
        assert_eq!(*self.set.get_mut(), self.length, "a part of the result was not set");
        // SAFETY: every element is set: parts are disjoint, each adds its length to `set` once, when it is zeroed, and
        // the sum is `length`, the number of elements that were cut into parts; the vector has room for as many.
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

    /// The part in pieces of `size` elements, the last perhaps shorter.
    pub fn cut(self, size: usize) -> impl Iterator<Item = UninitPart<'a, T>> {
        let Self { values, set } = self;
        values.chunks_mut(size.max(1)).map(move |values| UninitPart { values, set })
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
    #[should_panic(expected = "was not set")]
    fn a_part_that_no_task_set_is_never_read() {
        let mut fresh = UninitBuffer::<u8>::new(10);
        fresh.parts(5).into_iter().take(1).for_each(|part| {
            part.zero();
        });
        fresh.done();
    }
}
