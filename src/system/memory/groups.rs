//! Memory that control groups grant. The limit of a group holds for all groups inside it, so that every group from this
//! process's own outwards counts, as far as they can be seen.

use std::path::{Component, Path, PathBuf};

use super::text;

/// A control group that this process lies in, or that is around it.
#[derive(Debug, PartialEq, Eq)]
pub struct ControlGroup {
    folder: PathBuf,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// A hierarchy for each controller.
    One,
    /// One hierarchy for all.
    Two,
}

/// The groups of the process whose `/proc/self` lies below `root`, from its own outwards.
pub fn groups(root: &Path) -> Vec<ControlGroup> {
    let (mounts, paths) = (text(&root.join("proc/self/mountinfo")), text(&root.join("proc/self/cgroup")));
    mounts.iter().flat_map(|text| text.lines()).flat_map(|line| of_mount(root, line, paths.as_deref())).collect()
}

/// The groups that a line of `mountinfo` shows: `31 23 0:28 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw`.
fn of_mount(root: &Path, line: &str, paths: Option<&str>) -> Vec<ControlGroup> {
    let Some((place, kind)) = line.split_once(" - ") else { return Vec::new() };
    let (place, kind): (Vec<&str>, Vec<&str>) = (place.split(' ').collect(), kind.split(' ').collect());
    let &[_, _, _, shown, point, ..] = place.as_slice() else { return Vec::new() };
    let version = match kind.as_slice() {
        ["cgroup2", ..] => Version::Two,
        ["cgroup", _, options] if options.split(',').any(|option| option == "memory") => Version::One,
        _ => return Vec::new(),
    };
    let [shown, point] = [shown, point].map(unescaped);
    let Some(inside) = paths.and_then(|paths| own(paths, version)).and_then(|own| below(own, &shown)) else {
        return Vec::new();
    };
    let point = root.join(point.trim_start_matches('/'));
    let group = |inside: &Path| ControlGroup { folder: point.join(inside), version };
    let mut groups = vec![group(&inside)];
    groups.extend(inside.ancestors().skip(1).map(group).take_while(ControlGroup::holds_those_inside));
    groups
}

/// This process's group in the hierarchy of the memory controller, as `/proc/self/cgroup` tells it: `4:memory:/a/b`, or
/// `0::/a/b`.
fn own(paths: &str, version: Version) -> Option<&str> {
    paths.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let found = match version {
            Version::One => controllers.split(',').any(|controller| controller == "memory"),
            Version::Two => number == "0" && controllers.is_empty(),
        };
        found.then_some(path)
    })
}

/// Where the group `path` lies below the group `shown`; `None` where it does not.
fn below(path: &str, shown: &str) -> Option<PathBuf> {
    let normal = |inside: &&Path| inside.components().all(|part| matches!(part, Component::Normal(_)));
    match Path::new(path).strip_prefix(shown).ok().filter(normal) {
        Some(inside) => Some(inside.into()),
        // Paths are told from the root of a namespace, and this is around it: which of its groups is ours cannot be
        // known.
        None if Path::new(shown).starts_with("/..") => Some(PathBuf::new()),
        None => None,
    }
}

/// The kernel writes blanks, tabs, line breaks and backslashes of names as three octal digits.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(text.into(), |text: String, (code, sign)| text.replace(code, sign))
}

impl ControlGroup {
    /// Bytes that the group may still take: its limit less what it holds, but for files that it has not used for long,
    /// which are given up first.
    pub fn left(&self) -> Option<u64> {
        let [held, files] = match self.version {
            Version::One => ["memory.usage_in_bytes", "total_inactive_file"],
            Version::Two => ["memory.current", "inactive_file"],
        };
        let held = self.number(held).unwrap_or(0).saturating_sub(self.statistic(files).unwrap_or(0));
        Some(self.limit()?.saturating_sub(held))
    }

    /// Bytes that it may hold, those included that were moved out to `swap` bytes of the machine's.
    pub fn total(&self, swap: u64) -> Option<u64> {
        let limit = self.limit()?;
        Some(match self.version {
            Version::One => {
                let both = self.number("memory.memsw.limit_in_bytes").unwrap_or(u64::MAX);
                limit.saturating_add(swap).min(both)
            }
            Version::Two => limit.saturating_add(self.number("memory.swap.max").unwrap_or(u64::MAX).min(swap)),
        })
    }

    /// `None` where there is none.
    fn limit(&self) -> Option<u64> {
        let limits = match self.version {
            // The second is the least of the groups around it too, those that cannot be seen included.
            Version::One => [self.number("memory.limit_in_bytes"), self.statistic("hierarchical_memory_limit")],
            // Above the second a process is held up until it has given back what it can.
            Version::Two => [self.number("memory.max"), self.number("memory.high")],
        };
        limits.into_iter().flatten().min()
    }

    /// Version 1 can leave groups alone that lie in a group.
    fn holds_those_inside(&self) -> bool {
        self.number("memory.use_hierarchy") != Some(0)
    }

    fn number(&self, file: &str) -> Option<u64> {
        text(&self.folder.join(file))?.trim().parse().ok()
    }

    fn statistic(&self, name: &str) -> Option<u64> {
        let statistics = text(&self.folder.join("memory.stat"))?;
        statistics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n";

    /// A machine's files in a folder.
    fn machine(mounts: &str, paths: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let own = [("proc/self/mountinfo", mounts), ("proc/self/cgroup", paths)];
        for (path, text) in own.iter().chain(files) {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    fn left(root: &tempfile::TempDir) -> Vec<Option<u64>> {
        groups(root.path()).iter().map(ControlGroup::left).collect()
    }

    #[test]
    fn every_group_around_a_process_counts_and_files_not_used_for_long_are_given_up() {
        let root = machine(
            V2,
            "0::/user.slice/job/step\n",
            &[
                ("sys/fs/cgroup/user.slice/job/step/memory.max", "max\n"),
                ("sys/fs/cgroup/user.slice/job/step/memory.high", "max\n"),
                ("sys/fs/cgroup/user.slice/job/step/memory.current", "600\n"),
                ("sys/fs/cgroup/user.slice/job/memory.max", "5000\n"),
                ("sys/fs/cgroup/user.slice/job/memory.high", "4000\n"),
                ("sys/fs/cgroup/user.slice/job/memory.current", "3000\n"),
                (
                    "sys/fs/cgroup/user.slice/job/memory.stat",
                    "anon 900\ninactive_anon 7\ninactive_file 1500\nfile 2000\n",
                ),
                ("sys/fs/cgroup/user.slice/memory.max", "9000\n"),
                ("sys/fs/cgroup/user.slice/memory.current", "9500\n"),
                ("sys/fs/cgroup/user.slice/memory.swap.max", "250\n"),
            ],
        );
        // Without a limit; 4000 - (3000 - 1500); nothing; the root has no files of memory.
        assert_eq!(left(&root), [None, Some(2500), Some(0), None]);
        let totals: Vec<_> = groups(root.path()).iter().map(|group| group.total(1000)).collect();
        assert_eq!(totals, [None, Some(5000), Some(9250), None]);
    }

    #[test]
    fn in_a_namespace_or_a_container_the_group_is_where_it_was_mounted() {
        let own = [("sys/fs/cgroup/memory.max", "800\n"), ("sys/fs/cgroup/memory.current", "300\n")];
        // A namespace of its own: the path is `/`.
        assert_eq!(left(&machine(V2, "0::/\n", &own)), [Some(500)]);
        // The group of a container was mounted, and paths are the host's.
        let mount = V2.replace(" / /sys", " /docker/abc /sys");
        assert_eq!(left(&machine(&mount, "0::/docker/abc\n", &own)), [Some(500)]);
        let inner = [("sys/fs/cgroup/x/memory.max", "200\n")];
        assert_eq!(left(&machine(&mount, "0::/docker/abc/x\n", &[&own[..], &inner].concat())), [Some(200), Some(500)]);
        // The mount is older than the namespace, and lies around it.
        let mount = V2.replace(" / /sys", " /../.. /sys");
        assert_eq!(left(&machine(&mount, "0::/\n", &own)), [Some(500)]);
        // Somebody else's group, and a process outside of what is shown.
        let mount = V2.replace(" / /sys", " /docker/abcd /sys");
        assert_eq!(left(&machine(&mount, "0::/docker/abc\n", &own)), []);
        assert_eq!(left(&machine(V2, "0::/../elsewhere\n", &own)), []);
        assert_eq!(left(&machine("", "", &own)), []);
    }

    #[test]
    fn version_1_has_its_own_names_and_may_leave_inner_groups_alone() {
        let mounts = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      35 31 0:32 / /my\\040groups/memory rw - cgroup cgroup rw,memory\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let paths = "5:cpu:/elsewhere\n4:memory,hugetlb:/a/b\n0::/\n";
        let files = [
            ("my groups/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"),
            ("my groups/memory/a/b/memory.usage_in_bytes", "100\n"),
            (
                "my groups/memory/a/b/memory.stat",
                "inactive_file 1\nhierarchical_memory_limit 700\ntotal_inactive_file 60\n",
            ),
            ("my groups/memory/a/memory.limit_in_bytes", "700\n"),
            ("my groups/memory/a/memory.memsw.limit_in_bytes", "750\n"),
            ("my groups/memory/a/memory.usage_in_bytes", "450\n"),
            ("my groups/memory/a/memory.use_hierarchy", "1\n"),
            ("my groups/memory/memory.limit_in_bytes", "300\n"),
            ("my groups/memory/memory.use_hierarchy", "0\n"),
            ("sys/fs/cgroup/cpu/elsewhere/memory.limit_in_bytes", "1\n"),
        ];
        let root = machine(mounts, paths, &files);
        // 700 - (100 - 60), 700 - 450; the root does not hold for those inside; the unified hierarchy has no memory.
        assert_eq!(left(&root), [Some(660), Some(250), None]);
        let totals: Vec<_> = groups(root.path()).iter().map(|group| group.total(500)).collect();
        assert_eq!(totals, [Some(1200), Some(750), None]);
    }
}
