//! Working memory of kernels that begins at a cache line, so that no vector straddles two.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;
/// Floats that may lie before the first cache line's.
const SLACK: usize = LINE / size_of::<f32>() - 1;

/// Floats that a kernel reuses: as many as were asked for last.
#[derive(Default)]
pub struct Scratch {
    values: Vec<f32>,
    start: usize,
    length: usize,
}

impl Scratch {
    pub fn zeroed(length: usize) -> Self {
        // Fresh memory is zero.
        let mut scratch = Self::default();
        scratch.lend(length);
        scratch
    }

    /// Room for `length` floats; what they hold is unspecified.
    pub fn lend(&mut self, length: usize) -> &mut [f32] {
        if self.values.len() < length + SLACK {
            // Anew, and not by growing: zero pages of the system are not written, nothing is copied.
            self.values = vec![0.0; length + SLACK];
        }
        self.start = self.values.as_ptr().align_offset(LINE).min(SLACK);
        self.length = length;
        self
    }

    /// The same, all zero.
    pub fn lend_zeroed(&mut self, length: usize) -> &mut [f32] {
        self.lend(length).fill(0.0);
        self
    }
}

/// Scratch that goes back to a store when it is dropped: the system's fresh pages cost more time than is spent on what
/// they hold, where megabytes are asked for in every call.
#[derive(Default)]
pub struct Reused(Scratch);

/// What is not in use.
static STORE: Mutex<Vec<Scratch>> = Mutex::new(Vec::new());

impl Reused {
    /// Room for `length` floats; what they hold is unspecified.
    pub fn new(length: usize) -> Self {
        let mut reused = Self(Scratch::default());
        reused.lend(length);
        reused
    }

    /// Room for `length` floats, from the store where there was less; what they hold is unspecified.
    pub fn lend(&mut self, length: usize) -> &mut [f32] {
        if self.0.values.len() < length + SLACK {
            let mut store = STORE.lock().unwrap_or_else(PoisonError::into_inner);
            // The smallest that is large enough, or else the largest.
            store.sort_by_key(|scratch| scratch.values.len());
            let place = store.iter().position(|scratch| scratch.values.len() >= length + SLACK);
            let found = place.map(|place| store.remove(place)).or_else(|| store.pop()).unwrap_or_default();
            let given_back = std::mem::replace(&mut self.0, found);
            if !given_back.values.is_empty() {
                store.push(given_back);
            }
        }
        self.0.lend(length)
    }
}

impl Drop for Reused {
    fn drop(&mut self) {
        if !self.0.values.is_empty() {
            STORE.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.0));
        }
    }
}

impl Deref for Reused {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Reused {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
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

    #[test]
    fn what_is_lent_again_has_the_length_that_is_asked_for() {
        for n in [1000, 10, 4096, 0] {
            let mut floats = Reused::new(n);
            assert_eq!((floats.len(), floats.as_ptr() as usize % LINE), (n, 0));
            floats.fill(1.0);
        }
    }
}
