//! How much memory this process holds, as the operating system counts it, how much it may have, and keeping what has
//! been freed.

mod allocator;
mod groups;
mod limits;

pub use allocator::{RecordingAllocator, explain};

use std::path::Path;

/// Keeps freed memory for the next allocation instead of giving it back to the operating system.
///
/// Every training step takes and frees the same few hundred megabytes; fresh pages for them cost a tenth of the step.
/// Where the process's addresses are limited (`ulimit -v`) all threads share one heap. Without effect where the C
/// library is not GNU's.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `mallopt` takes two numbers and has no other precondition; what it refuses it leaves as it was.
        // `tests/memory.rs` sees that it works.
        unsafe {
            // No block, however large, is mapped for itself, and the heap's free end is never given back.
            libc::mallopt(libc::M_MMAP_MAX, 0);
            libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
            if limits::is_address_space_limited(Path::new("/")) {
                // Every thread's own heap would take 64 MiB of it in advance.
                libc::mallopt(libc::M_ARENA_MAX, 1);
            }
        }
    }
}

/// The highest resident memory of this process so far, in bytes. `None` where `/proc` does not tell.
pub fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// The resident memory of this process now, in bytes. `None` where `/proc` does not tell.
pub fn current() -> Option<u64> {
    status("VmRSS:")
}

/// Bytes of memory that this process could still take without pushing others out: the least that the machine, the
/// control groups around it and its own limits leave. `None` where nothing tells.
pub fn available() -> Option<u64> {
    limits::available(Path::new("/"))
}

/// Bytes that this process could have in all, as the machine with the room it may move memory to, its control groups
/// and its own limits allow. `None` where nothing tells.
pub fn total() -> Option<u64> {
    limits::total(Path::new("/"))
}

fn status(key: &str) -> Option<u64> {
    field(&text(Path::new("/proc/self/status"))?, key)
}

/// A file of the kernel's, whatever bytes names in it have.
fn text(path: &Path) -> Option<String> {
    std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads a line such as `VmHWM:     1234 kB`; the kernel's kB are 1024 bytes.
fn field(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_kilobytes_are_1024_bytes() {
        let status = "VmPeak:\t   9999 kB\nVmHWM:\t    1500 kB\nVmRSS:\t 700 kB\n";
        assert_eq!(field(status, "VmHWM:"), Some(1_536_000));
        assert_eq!(field(status, "VmSwap:"), None);
        assert_eq!(field("VmHWM: many kB", "VmHWM:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn some_memory_is_available_and_no_more_than_the_machine_has() {
        let total = field(&std::fs::read_to_string("/proc/meminfo").unwrap(), "MemTotal:").unwrap();
        let available = available().unwrap();
        assert!(0 < available && available < total, "{available} of {total}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peak_holds_what_was_touched_even_after_it_is_freed() {
        const BYTES: usize = 64 << 20;
        let block = std::hint::black_box(vec![1u8; BYTES]);
        assert!(current().unwrap() >= BYTES as u64);
        drop(block);
        assert!(peak().unwrap() >= BYTES as u64);
    }
}
