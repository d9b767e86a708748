//! Memory of this process.

/// Largest resident size so far in bytes; nothing where the system does not tell.
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_is_at_least_what_was_touched() {
        let touched = vec![1u8; 64 << 20];
        assert!(super::peak_bytes().expect("a number") >= touched.len() as u64);
    }
}
