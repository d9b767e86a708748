//! What is recorded of a git repository.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::program::Program;
use super::repository::{self, RepositoryState};
use crate::error::{Error, Result};
use crate::experiment::GitRecord;
use crate::files::atomic::{AtomicFile, sha256_hex};

/// A longer diff is cut in `uncommitted.diff`.
const LONGEST_DIFF: usize = 256 << 10;
/// More names of untracked files are left out, and what goes beyond so many bytes.
const MOST_UNTRACKED: usize = 100;
const LONGEST_UNTRACKED: usize = 16 << 10;
/// A repository that takes longer is not recorded.
const PATIENCE: Duration = Duration::from_secs(10);

/// The state of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Git {
    /// Absent before the first commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether anything differs from the commit.
    pub dirty: bool,
    /// SHA-256 of `git diff HEAD` (of its first 16 MiB); absent where that is empty, or not to be recorded. That of the
    /// run's first session is in `uncommitted.diff`, which has the same SHA-256 unless it was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_sha256: Option<String>,
    /// The diff itself, as older versions recorded it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
    /// Files that the diff does not show since git does not track them; at most 100 names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untracked: Vec<String>,
}

/// `git diff HEAD` of the folder in which a run was started.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Uncommitted(Vec<u8>);

impl Git {
    /// The repository that `folder` lies in, and its diff; none where there is none, no `git`, or one that gives no
    /// answer in time, which is warned of. Nothing is run that the repository names: no hook, filter, driver or
    /// monitor.
    pub fn read(folder: &Path, recorded: GitRecord) -> (Option<Self>, Uncommitted) {
        Self::within(PATIENCE, folder, recorded).unwrap_or_else(|problem| {
            warn!("the state of the git repository is not recorded: {problem}");
            (None, Uncommitted::default())
        })
    }

    fn within(limit: Duration, folder: &Path, recorded: GitRecord) -> Result<(Option<Self>, Uncommitted), String> {
        let nothing = (None, Uncommitted::default());
        let git = match Program::find() {
            Some(git) if recorded != GitRecord::None => git,
            _ => return Ok(nothing),
        };
        let folder = folder.to_path_buf();
        let seen = git.within(limit, move |git| repository::look(git, &folder))??;
        Ok(seen.map_or(nothing, |seen| Self::record(seen, recorded)))
    }

    fn record(seen: RepositoryState, recorded: GitRecord) -> (Option<Self>, Uncommitted) {
        let RepositoryState { commit, diff, untracked } = seen;
        let dirty = !diff.is_empty() || !untracked.is_empty();
        if recorded != GitRecord::Diff {
            return (
                Some(Self { commit, dirty, diff_sha256: None, diff: String::new(), untracked: vec![] }),
                Uncommitted::default(),
            );
        }
        let diff_sha256 = Some(&diff).filter(|diff| !diff.is_empty()).map(|diff| sha256_hex(diff));
        let mut left = LONGEST_UNTRACKED;
        let fits = |name: &String| {
            left = left.saturating_sub(name.len());
            left > 0
        };
        let untracked = untracked.into_iter().take(MOST_UNTRACKED).take_while(fits).collect();
        (Some(Self { commit, dirty, diff_sha256, diff: String::new(), untracked }), Uncommitted(diff))
    }
}

impl Uncommitted {
    /// Writes it to a new file that its owner alone can read, cut after 256 KiB; nothing where nothing differs.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut file = AtomicFile::create_with_mode(path, 0o600)?;
        let kept = self.0.get(..end_of_a_character(&self.0, LONGEST_DIFF)).unwrap_or(&self.0);
        file.write_all(kept).map_err(Error::io("write", path))?;
        if kept.len() < self.0.len() {
            file.write_all(b"\n[cut here: the diff is longer than 256 KiB]\n").map_err(Error::io("write", path))?;
        }
        file.keep().map(drop)
    }
}

/// The last place up to `most` at which a text can be cut: before no byte that goes on with a character of UTF-8.
fn end_of_a_character(text: &[u8], most: usize) -> usize {
    let goes_on = |place: &usize| text.get(*place).is_some_and(|byte| byte & 0xc0 == 0x80);
    if text.len() <= most {
        return text.len();
    }
    // A character has four bytes at most; what has more of these is no UTF-8.
    (most.saturating_sub(3)..=most).rev().find(|place| !goes_on(place)).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::os::unix::fs::OpenOptionsExt;
    use std::process::Command;

    #[test]
    fn a_git_that_gives_no_answer_is_given_up_and_killed() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join(".gitignore");
        let run = |command: &mut Command| assert!(command.status().unwrap().success());
        run(Command::new("git").args(["init", "--quiet"]).arg(folder.path()));
        run(Command::new("mkfifo").arg(&pipe));
        let limit = Duration::from_millis(500);
        let problem = Git::within(limit, folder.path(), GitRecord::Diff).unwrap_err();
        assert_eq!(problem, "git did not answer within 0.5 s");
        // As long as somebody waits for the pipe's other end, it can be opened.
        let began = std::time::Instant::now();
        while OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&pipe).is_ok() {
            assert!(began.elapsed() < Duration::from_secs(60), "git was not killed");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::fs::remove_file(&pipe).unwrap();
        assert!(Git::within(PATIENCE, folder.path(), GitRecord::Diff).unwrap().0.is_some());
    }

    #[test]
    fn what_cannot_be_looked_at_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Command::new("git").args(["init", "--quiet"]).arg(folder.path()).status().unwrap().success());
        std::fs::write(folder.path().join(".git/index"), "no index").unwrap();
        let problem = Git::within(PATIENCE, folder.path(), GitRecord::Diff).unwrap_err();
        assert_eq!(problem, "`git diff` failed");
    }

    #[test]
    fn a_text_is_cut_between_characters_and_what_is_no_text_anywhere() {
        let text = "a→🙂".as_bytes();
        let places: Vec<usize> = (0..10).map(|most| end_of_a_character(text, most)).collect();
        assert_eq!(places, [0, 1, 1, 1, 4, 4, 4, 4, 8, 8]);
        assert_eq!(end_of_a_character(&[0x80; 9], 8), 8);
    }
}
