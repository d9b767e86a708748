//! Looking at a git repository without ever running a program that it names.
//!
//! A repository's settings name programs: monitors of its files, hooks, filters, drivers and pagers of diffs, ways to
//! fetch. They are not switched off one by one. Commands that look at the work tree run on a git folder of our own,
//! with a copy of the index and the settings of [`HARMLESS`] alone; the repository's own is asked where it lies, at
//! which commit it is and what its settings are, which runs nothing.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::program::{GitConfigValue, GitTarget, Program};
use crate::files::reading;

/// Settings that decide whether a file has changed, and name no program.
const HARMLESS: [&str; 10] = [
    "core.attributesfile",
    "core.autocrlf",
    "core.checkstat",
    "core.eol",
    "core.excludesfile",
    "core.filemode",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.symlinks",
    "core.trustctime",
];
/// Bytes of what git says about the repository itself.
const LONGEST_ANSWER: u64 = 1 << 22;
/// Bytes of a diff that are read.
pub const LONGEST_DIFF: u64 = 1 << 24;
/// Larger files are binary to a diff, and never in memory whole.
const LARGEST_COMPARED: &str = "8m";
/// Bytes of the names of untracked files that are read.
const LONGEST_NAMES: u64 = 1 << 16;
/// Bytes of an index, or of a list of patterns.
const LARGEST_COPY: u64 = 1 << 30;

const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// What was seen of a repository.
pub struct RepositoryState {
    /// Absent before the first commit.
    pub commit: Option<String>,
    /// `git diff HEAD`, cut after [`LONGEST_DIFF`] bytes.
    pub diff: Vec<u8>,
    /// Files that git neither tracks nor ignores; not all of many.
    pub untracked: Vec<String>,
}

/// Looks at the repository that `folder` lies in; `None` where there is none that git would use.
///
/// # Errors
/// The end of a sentence, when there is one that cannot be looked at.
pub fn look(git: &Program, folder: &Path) -> Result<Option<RepositoryState>, String> {
    let Some(repository) = Repository::find(git, folder) else { return Ok(None) };
    let copy = Copy::make(git, &repository)?;
    let diff = copy.diff()?;
    let listed = copy.run(&["ls-files", "-z", "--others", "--exclude-standard"], None, LONGEST_NAMES)?;
    let untracked = names(&listed).map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    Ok(Some(RepositoryState { commit: repository.commit.clone(), diff, untracked }))
}

struct Repository {
    work_tree: PathBuf,
    /// `.git`, or that of a linked work tree.
    git_folder: PathBuf,
    /// `.git` of the main work tree.
    common: PathBuf,
    /// How objects are named: `sha1` or `sha256`.
    object_format: &'static str,
    commit: Option<String>,
}

impl Repository {
    fn find(git: &Program, folder: &Path) -> Option<Self> {
        let ask = |arguments: &[&str]| git.run(&GitTarget::In(folder), arguments, None, LONGEST_ANSWER).ok();
        let path = |argument: &str| {
            let answer = ask(&["rev-parse", argument])?;
            let answer = answer.strip_suffix(b"\n")?;
            fs::canonicalize(folder.join(OsStr::from_bytes(answer))).ok()
        };
        let work_tree = path("--show-toplevel")?;
        // `core.worktree` may lead anywhere.
        work_tree.join(".git").symlink_metadata().ok()?;
        let format = ask(&["rev-parse", "--show-object-format"])?;
        let commit = ask(&["rev-parse", "--verify", "--quiet", "HEAD"]);
        Some(Self {
            work_tree,
            git_folder: path("--absolute-git-dir")?,
            common: path("--git-common-dir")?,
            object_format: if format.starts_with(b"sha256") { "sha256" } else { "sha1" },
            commit: commit.and_then(|id| String::from_utf8(id).ok()).map(|id| id.trim().to_string()),
        })
    }
}

/// A git folder of ours that stands for the repository's.
struct Copy<'a> {
    git: &'a Program,
    repository: &'a Repository,
    folder: TempDir,
    objects: PathBuf,
    settings: Vec<GitConfigValue>,
    /// Whether the repository has filters, without which a file's content is not what was committed.
    filters: bool,
}

impl<'a> Copy<'a> {
    fn make(git: &'a Program, repository: &'a Repository) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
        let listed =
            git.run(&GitTarget::In(&repository.work_tree), &["config", "--list", "-z"], None, LONGEST_ANSWER)?;
        let mut settings: Vec<GitConfigValue> = vec![("core.bigFileThreshold".into(), Some(LARGEST_COMPARED.into()))];
        let mut filters = false;
        for entry in names(&listed) {
            let (key, value) = match entry.iter().position(|&byte| byte == b'\n') {
                Some(end) => (entry.get(..end).unwrap_or_default(), entry.get(end.saturating_add(1)..)),
                None => (entry, None),
            };
            let key = String::from_utf8_lossy(key);
            filters |= key.starts_with("filter.");
            if HARMLESS.contains(&key.as_ref()) {
                settings.push((key.into_owned(), value.map(|value| OsStr::from_bytes(value).to_os_string())));
            }
        }
        let objects = repository.common.join("objects");
        let copy = Self { git, repository, folder, objects, settings, filters };
        copy.fill().map_err(|e| format!("cannot make a temporary git folder: {e}"))?;
        Ok(copy)
    }

    fn fill(&self) -> io::Result<()> {
        let Self { repository, folder, .. } = self;
        let folder = folder.path();
        fs::create_dir(folder.join("refs"))?;
        fs::create_dir(folder.join("info"))?;
        let head = repository.commit.as_deref().unwrap_or("ref: refs/heads/none");
        fs::write(folder.join("HEAD"), format!("{head}\n"))?;
        let config = match repository.object_format {
            "sha256" => "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n",
            _ => "[core]\n\trepositoryformatversion = 0\n",
        };
        fs::write(folder.join("config"), config)?;
        for name in ["info/exclude", "info/attributes"] {
            copy_if_there(&repository.common.join(name), &folder.join(name))?;
        }
        // The rest of an index that is kept in two files.
        for entry in fs::read_dir(&repository.git_folder)? {
            let entry = entry?;
            if entry.file_name().as_bytes().starts_with(b"sharedindex.") {
                copy_if_there(&entry.path(), &folder.join(entry.file_name()))?;
            }
        }
        Ok(())
    }

    /// Copies the index. With its own time of change git compares the content of files that are as new as it; with one
    /// in the future it believes lengths and times.
    fn place_index(&self, own_time: bool) -> Result<(), String> {
        let (from, to) = (self.repository.git_folder.join("index"), self.folder.path().join("index"));
        let future = SystemTime::now().checked_add(A_YEAR);
        let copied = copy_if_there(&from, &to).and_then(|time| match if own_time { time } else { time.and(future) } {
            Some(time) => File::options().write(true).open(&to)?.set_modified(time),
            None => Ok(()),
        });
        copied.map_err(|e| format!("cannot copy {}: {e}", from.display()))
    }

    fn run(&self, arguments: &[&str], input: Option<File>, most: u64) -> Result<Vec<u8>, String> {
        let place = GitTarget::With {
            git_folder: self.folder.path(),
            work_tree: &self.repository.work_tree,
            objects: &self.objects,
            settings: &self.settings,
        };
        self.git.run(&place, arguments, input, most)
    }

    /// What differs from the commit, in the form that more arguments ask for.
    fn differences(&self, form: &[&str]) -> Result<Vec<u8>, String> {
        let plain = ["diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames"];
        // Of submodules their commits alone: their own settings name programs too. Without a commit there is nothing to
        // compare with but the index.
        let what = ["--ignore-submodules=dirty", if self.repository.commit.is_some() { "HEAD" } else { "--cached" }];
        self.run(&[&plain[..], form, &what].concat(), None, LONGEST_DIFF)
    }

    fn diff(&self) -> Result<Vec<u8>, String> {
        self.place_index(true)?;
        let diff = self.differences(&["--patch"])?;
        if diff.is_empty() || !self.filters {
            return Ok(diff);
        }
        let unchanged = self.unchanged_but_unfiltered()?;
        if unchanged.is_empty() {
            return Ok(diff);
        }
        self.place_index(true)?;
        let list = self.list(unchanged.iter().map(Vec::as_slice))?;
        self.run(&["update-index", "-z", "--assume-unchanged", "--stdin"], Some(list), LONGEST_ANSWER)?;
        self.differences(&["--patch"])
    }

    /// Files that seem to differ for the sole reason that their filter is not run: they have one, and lengths and times
    /// are as the index has them.
    fn unchanged_but_unfiltered(&self) -> Result<Vec<Vec<u8>>, String> {
        let by_name = ["--name-only", "-z"];
        self.place_index(true)?;
        let differing = self.differences(&by_name)?;
        let list = self.list(names(&differing))?;
        let attributes = self.run(&["check-attr", "-z", "--stdin", "filter"], Some(list), LONGEST_DIFF)?;
        self.place_index(false)?;
        let by_length_or_time = self.differences(&by_name)?;
        let mut found: BTreeSet<&[u8]> = BTreeSet::new();
        // Path, attribute, value.
        let mut words = attributes.split(|&byte| byte == 0);
        while let (Some(path), Some(_), Some(value)) = (words.next(), words.next(), words.next()) {
            if ![&b"unspecified"[..], b"unset"].contains(&value) {
                found.insert(path);
            }
        }
        let changed: BTreeSet<&[u8]> = names(&by_length_or_time).collect();
        Ok(found.difference(&changed).map(|name| name.to_vec()).collect())
    }

    /// A file of names, each with a zero after it.
    fn list<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Result<File, String> {
        let path = self.folder.path().join("names");
        let text: Vec<u8> = names.flat_map(|name| [name, b"\0"].concat()).collect();
        fs::write(&path, text).and_then(|()| File::open(&path)).map_err(|e| format!("cannot write a list: {e}"))
    }
}

/// What stands between zeros.
fn names(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == 0).filter(|name| !name.is_empty())
}

/// Copies a regular file, if there is one, and gives its time of change.
fn copy_if_there(from: &Path, to: &Path) -> io::Result<Option<SystemTime>> {
    let (file, _) = match reading::open(from) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let time = file.metadata()?.modified()?;
    io::copy(&mut file.take(LARGEST_COPY), &mut File::create(to)?)?;
    Ok(Some(time))
}
