//! Working memory of kernels that begins at a cache line, so that no vector straddles two.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;

/// Floats that a kernel reuses: as many as were asked for last.
#[derive(Default)]
pub struct Scratch {
    values: Vec<f32>,
    start: usize,
    length: usize,
}

impl Scratch {
    pub fn zeroed(length: usize) -> Self {
        let mut scratch = Self::default();
        scratch.lend_zeroed(length);
        scratch
    }

    /// Room for `length` floats; what they hold is unspecified.
    pub fn lend(&mut self, length: usize) -> &mut [f32] {
        let slack = LINE / size_of::<f32>() - 1;
        if self.values.len() < length + slack {
            self.values.resize(length + slack, 0.0);
        }
        self.start = self.values.as_ptr().align_offset(LINE).min(slack);
        self.length = length;
        self
    }

    /// The same, all zero.
    pub fn lend_zeroed(&mut self, length: usize) -> &mut [f32] {
        self.lend(length).fill(0.0);
        self
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.start..self.start + self.length]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..self.start + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loan_begins_at_a_cache_line_and_has_its_length() {
        let mut scratch = Scratch::default();
        for n in [0, 1, 17, 1000, 16, 3] {
            let floats = scratch.lend_zeroed(n);
            assert_eq!((floats.len(), floats.as_ptr() as usize % LINE), (n, 0));
            assert!(floats.iter().all(|&v| v == 0.0));
            floats.fill(1.0);
        }
    }
}
