//! An allocator that remembers the largest request of every thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Bytes. The inputs have some thousands; the largest request for a whole one is the table of normalised bytes.
pub const BOUND: usize = 64 << 20;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    static INPUT: Cell<(usize, u64)> = const { Cell::new((0, 0)) };
}

/// Says which input this thread reads now, and forgets the largest request.
pub fn begin(target: usize, number: u64) {
    INPUT.set((target, number));
    LARGEST.set(0);
}

/// The largest request of this thread since [`begin`], in bytes.
pub fn largest() -> usize {
    LARGEST.get()
}

struct Recording;

impl Recording {
    fn note(size: usize) {
        // A thread that is ending has no record any more.
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
        if size > 1 << 40 {
            // What follows may be the end of the process.
            let _ = INPUT.try_with(|input| {
                let (target, number) = input.get();
                eprintln!("a request of {size} bytes for input {number} of target {target}");
            });
        }
    }
}

// SAFETY: every call is handed to the system's allocator as it came, with the caller's own promises about pointer and
// layout; the record beside it is a number of this thread's, and taking it down allocates nothing.
unsafe impl GlobalAlloc for Recording {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size());
        // SAFETY: the caller's promise, see above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size());
        // SAFETY: the caller's promise, see above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::note(size);
        // SAFETY: the caller's promise, see above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, see above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Recording = Recording;
