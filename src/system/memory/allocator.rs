//! What is said when the operating system refuses memory in the midst of work. Rust ends a process then with SIGABRT,
//! and a number of bytes is all that it says.

use signal_hook::consts::SIGABRT;
use signal_hook::low_level::{emulate_default_handler, register};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;

thread_local! {
    /// Bytes of the last request that was refused; 0 for none.
    static REFUSED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which remembers what was refused, for [`explain`].
pub struct RecordingAllocator;

impl RecordingAllocator {
    fn note(pointer: *mut u8, size: usize) -> *mut u8 {
        if pointer.is_null() {
            // A thread that is ending has no record any more.
            let _ = REFUSED.try_with(|refused| refused.set(size));
        }
        pointer
    }
}

// SAFETY: every call is handed to the system's allocator as it came, with the caller's own promises about pointer and
// layout, and what that returns is returned; the record beside it is a number of this thread's, and taking it down
// allocates nothing.
unsafe impl GlobalAlloc for RecordingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, see above.
        Self::note(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, see above.
        Self::note(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise, see above.
        Self::note(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, see above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// From now on a process that ends because [`RecordingAllocator`] was refused memory says so in a sentence, and its
/// exit code is 2. Any other end stays as it is.
pub fn explain() {
    // SAFETY: the action neither allocates nor locks: it reads a number of its own thread's, formats into an array, and
    // calls `write` and `_exit`, or raises the signal once more with the system's own end for it; signal handlers may
    // do all of that. `abort` raises the signal on the thread that was refused. `tests/limits` sees both ends.
    let listening = unsafe { register(SIGABRT, end) };
    // Without it the process still ends, with fewer words.
    drop(listening);
}

fn end() {
    let refused = REFUSED.try_with(Cell::get).unwrap_or(0);
    if refused == 0 {
        let _ = emulate_default_handler(SIGABRT);
        return;
    }
    let mut text = [0; 512];
    let mut rest = text.as_mut_slice();
    let _ = writeln!(
        rest,
        "error: memory ran out: the system refused {refused} bytes more. What was saved before stays whole. Make data.batch_size or network.time_steps \
         smaller (`bntt check` says what a training step takes), or raise the limit (`ulimit -v`, the container's memory)."
    );
    let left = rest.len();
    let length = text.len().saturating_sub(left);
    // SAFETY: `write` reads `length` bytes of an array that has as many or more; `_exit` takes a number.
    unsafe {
        libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), length);
        libc::_exit(2);
    }
}
