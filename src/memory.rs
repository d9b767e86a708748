//! How much memory this process holds, as the operating system counts it, and keeping what has been freed.

/// Keeps freed memory for the next allocation instead of giving it back to the operating system.
///
/// Every training step takes and frees the same few hundred megabytes; fresh pages for them cost a tenth of the step. Without effect
/// where the C library is not GNU's.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `mallopt` takes two numbers and has no other precondition; what it refuses it leaves as it was.
        // `tests/memory.rs` sees that it works.
        unsafe {
            // No block, however large, is mapped for itself, and the heap's free end is never given back.
            libc::mallopt(libc::M_MMAP_MAX, 0);
            libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
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

/// Bytes of memory that this process could still take without pushing others out, as the operating system or its container allows. `None` where
/// neither tells.
pub fn available() -> Option<u64> {
    let free = field(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    let number = |name: &str| -> Option<u64> {
        std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse().ok()
    };
    let granted = number("memory.max").map(|most| most.saturating_sub(number("memory.current").unwrap_or(0)));
    Some(granted.map_or(free, |granted| granted.min(free)))
}

/// What this machine has in all, with the room it may move memory to, in bytes. `None` where `/proc` does not tell.
pub fn total() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    field(&text, "MemTotal:")?.checked_add(field(&text, "SwapTotal:").unwrap_or(0))
}

fn status(key: &str) -> Option<u64> {
    field(&std::fs::read_to_string("/proc/self/status").ok()?, key)
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
