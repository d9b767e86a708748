//! How much memory this process may take: by the machine, by every control group around it, and by limits of its own
//! (`ulimit`).

use std::path::Path;

use super::groups::groups;
use super::{field, text};

/// Bytes that could still be taken: the least of what the machine has free, of what every group has left, and of the
/// room below the process's own limits. `None` where nothing tells.
pub fn available(root: &Path) -> Option<u64> {
    let machine = meminfo(root, "MemAvailable:");
    let own = OWN.iter().filter_map(|limit| limit.left(root));
    groups(root).iter().filter_map(|group| group.left()).chain(own).chain(machine).min()
}

/// Bytes that can be had at all: the machine's memory with the room it may move memory to, or less where a limit says
/// so. `None` where nothing tells.
pub fn total(root: &Path) -> Option<u64> {
    let swap = meminfo(root, "SwapTotal:").unwrap_or(0);
    let machine = meminfo(root, "MemTotal:").map(|memory| memory.saturating_add(swap));
    let own = OWN.iter().filter_map(|limit| limit.most(root));
    groups(root).iter().filter_map(|group| group.total(swap)).chain(own).chain(machine).min()
}

/// Whether addresses that nothing lies at count too.
pub fn is_address_space_limited(root: &Path) -> bool {
    ADDRESSES.most(root).is_some()
}

/// A limit that a process has for itself.
struct ProcessLimit {
    /// As `/proc/self/limits` calls it.
    name: &'static str,
    /// What of it is taken, in `/proc/self/status`.
    taken: &'static str,
}

/// `RLIMIT_AS`.
const ADDRESSES: ProcessLimit = ProcessLimit { name: "Max address space", taken: "VmSize:" };
/// Besides it `RLIMIT_DATA`.
const OWN: [ProcessLimit; 2] = [ADDRESSES, ProcessLimit { name: "Max data size", taken: "VmData:" }];

impl ProcessLimit {
    /// `None` where it is unlimited.
    fn most(&self, root: &Path) -> Option<u64> {
        let limits = text(&root.join("proc/self/limits"))?;
        limits.lines().find_map(|line| line.strip_prefix(self.name))?.split_whitespace().next()?.parse().ok()
    }

    fn left(&self, root: &Path) -> Option<u64> {
        let taken = text(&root.join("proc/self/status")).and_then(|status| field(&status, self.taken));
        Some(self.most(root)?.saturating_sub(taken.unwrap_or(0)))
    }
}

fn meminfo(root: &Path, key: &str) -> Option<u64> {
    field(&text(&root.join("proc/meminfo"))?, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
                          Max data size             unlimited            unlimited            bytes     \n\
                          Max address space         8388608              unlimited            bytes     \n";

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn the_least_of_machine_groups_and_own_limits_is_available() {
        let meminfo = "MemTotal:  20000 kB\nMemFree: 1 kB\nMemAvailable:  9000 kB\nSwapTotal:  1000 kB\n";
        let mut files = vec![
            ("proc/meminfo", meminfo),
            ("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/status", "VmSize:\t    3072 kB\nVmData:\t     424 kB\n"),
        ];
        let both = |files: &[(&str, &str)]| {
            let root = machine(files);
            (available(root.path()), total(root.path()))
        };
        assert_eq!(both(&files), (Some(9000 << 10), Some(21_000 << 10)));
        assert!(!is_address_space_limited(machine(&files).path()));
        files.push(("proc/self/limits", LIMITS));
        // 8 MiB of addresses, of which 3 are taken.
        assert_eq!(both(&files), (Some(5 << 20), Some(8 << 20)));
        assert!(is_address_space_limited(machine(&files).path()));
        let data = LIMITS.replace("Max data size             unlimited", "Max data size             1048576");
        files.push(("proc/self/limits", &data));
        assert_eq!(both(&files), (Some((1024 - 424) << 10), Some(1 << 20)));
        files.push(("sys/fs/cgroup/memory.max", "500000\n"));
        files.push(("sys/fs/cgroup/memory.swap.max", "1000\n"));
        assert_eq!(both(&files), (Some(500_000), Some(501_000)));
    }

    #[test]
    fn where_nothing_tells_nothing_is_claimed() {
        let root = machine(&[("proc/meminfo", "nothing\n"), ("proc/self/limits", "\n")]);
        assert_eq!((available(root.path()), total(root.path())), (None, None));
    }
}
