//! Run folders: `<root>/<name>/v0001`, complete enough to evaluate, resume or repeat a run.

mod list;
mod write;

pub use list::{RunSummary, list};
pub use write::{sync_folder, write_atomically};

use crate::error::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// One run's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

/// A run's two checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// After the last epoch.
    Last,
    /// Highest top-1 accuracy on the test images.
    Best,
}

impl RunFolder {
    /// Takes the next free version under `root/name`. Creating a folder either succeeds or finds it taken, so two runs that
    /// start at once get different versions.
    pub fn create(root: &Path, name: &str) -> Result<Self> {
        if let Some(problem) = name_problem(name) {
            return Err(Error::Run(format!("name = {name:?}: {problem}")));
        }
        let parent = root.join(name);
        fs::create_dir_all(&parent).map_err(Error::io("create", &parent))?;
        let mut version = versions(&parent)?.last().map_or(1, |(version, _)| version + 1);
        loop {
            let path = parent.join(format!("v{version:04}"));
            match fs::create_dir(&path) {
                Ok(()) => break Ok(Self { path }),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => version += 1,
                Err(e) => break Err(Error::io("create", path)(e)),
            }
        }
    }

    /// Opens a run folder, or the newest version under the folder of a run's name.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self { path: path.to_path_buf() };
        if folder.config().is_file() {
            return Ok(folder);
        }
        let newest = if path.is_dir() { versions(path)?.pop() } else { None };
        match newest.map(|(_, path)| Self { path }) {
            Some(folder) if folder.config().is_file() => Ok(folder),
            _ => Err(Error::Run(format!(
                "{}: expected a run folder such as runs/quickstart/v0001, but it holds no config.toml; `bntt list` shows the runs",
                path.display()
            ))),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    pub fn provenance(&self) -> PathBuf {
        self.path.join("provenance.json")
    }

    pub fn metrics_jsonl(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    pub fn metrics_csv(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    pub fn steps(&self) -> PathBuf {
        self.path.join("steps.jsonl")
    }

    pub fn log(&self) -> PathBuf {
        self.path.join("log.txt")
    }

    pub fn checkpoint(&self, which: Which) -> PathBuf {
        self.path.join("checkpoints").join(match which {
            Which::Last => "last",
            Which::Best => "best",
        })
    }
}

/// Why `name` cannot be a folder's name, if it cannot.
pub fn name_problem(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if name.is_empty() {
        Some("a run needs a name")
    } else if name.starts_with('.') {
        Some("a run's name cannot begin with a dot")
    } else if name.len() > 100 {
        Some("a run's name has at most 100 characters")
    } else if !name.chars().all(plain) {
        Some("a run's name is made of letters, digits, `_`, `-` and `.`: it names a folder")
    } else {
        None
    }
}

/// The versions under a run's name, in order.
fn versions(parent: &Path) -> Result<Vec<(u32, PathBuf)>> {
    let mut versions = Vec::new();
    for entry in fs::read_dir(parent).map_err(Error::io("list", parent))? {
        let path = entry.map_err(Error::io("list", parent))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(version) = name.strip_prefix('v').and_then(|digits| digits.parse().ok()) {
            versions.push((version, path));
        }
    }
    versions.sort();
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_start_at_once_get_different_versions() {
        let root = tempfile::tempdir().expect("a folder");
        let mut paths: Vec<PathBuf> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| RunFolder::create(root.path(), "a").expect("a version").path)).collect();
            threads.into_iter().map(|thread| thread.join().expect("a path")).collect()
        });
        paths.sort();
        let expected: Vec<PathBuf> = (1..=8).map(|v| root.path().join(format!("a/v{v:04}"))).collect();
        assert_eq!(paths, expected);
    }

    #[test]
    fn a_run_is_found_by_its_folder_or_by_its_name_as_the_newest_version() -> Result<()> {
        let root = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            let folder = RunFolder::create(root.path(), "a")?;
            fs::write(folder.config(), "").map_err(Error::io("write", folder.config()))?;
        }
        let first = root.path().join("a/v0001");
        assert_eq!(RunFolder::open(&first)?.path, first);
        assert_eq!(RunFolder::open(&root.path().join("a"))?.path, root.path().join("a/v0002"));
        let error = RunFolder::open(root.path()).expect_err("no run here").to_string();
        assert!(error.contains("holds no config.toml"), "{error}");
        Ok(())
    }

    #[test]
    fn names_that_would_leave_the_folder_are_refused() {
        for name in ["", "..", ".hidden", "a/b", "a b", "é", &"a".repeat(101)] {
            assert!(name_problem(name).is_some(), "{name}");
        }
        assert_eq!(name_problem("vgg9_cifar10-t25.2"), None);
    }
}
