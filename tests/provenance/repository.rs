//! A git repository to look at.

use super::written_program::write_program;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

/// A repository in a folder `work`, beside which a trap leaves its file.
pub struct Repository {
    outer: tempfile::TempDir,
}

impl Repository {
    /// One commit, of `a.toml`.
    pub fn new() -> Self {
        let repository = Self::empty(&[]);
        repository.write("a.toml", "leak = 0.9\n");
        repository.git(&["add", "."]);
        repository.commit();
        repository
    }

    /// Without a commit.
    pub fn empty(options: &[&str]) -> Self {
        let repository = Self { outer: tempfile::tempdir().unwrap() };
        fs::create_dir(repository.path("")).unwrap();
        repository.git(&[&["init", "--quiet"], options].concat());
        repository
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.outer.path().join("work").join(name)
    }

    pub fn beside(&self, name: &str) -> PathBuf {
        self.outer.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn commit(&self) {
        self.git(&["commit", "--quiet", "--no-verify", "-m", "message"]);
    }

    /// What git says, without the space around it.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = git_in(&self.path(""), arguments);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    }

    /// Sets a file's time of change to so many seconds ago.
    pub fn touch(&self, name: &str, seconds: u64) {
        let time = SystemTime::now() - Duration::from_secs(seconds);
        File::options().write(true).open(self.path(name)).unwrap().set_modified(time).unwrap();
    }

    /// A program that leaves a file behind when it is run.
    pub fn trap(&self, name: &str) -> String {
        self.program(name, "exit 1")
    }

    /// The same, which then hands through what it is given.
    pub fn filter(&self, name: &str) -> String {
        self.program(name, "exec cat")
    }

    fn program(&self, name: &str, end: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_program(&path, &format!(": > '{}'\n{end}", self.mark().display()));
        path.to_str().unwrap().to_string()
    }

    fn mark(&self) -> PathBuf {
        self.beside("mark")
    }

    /// Whether the trap was sprung since this was last asked.
    pub fn was_sprung(&self) -> bool {
        fs::remove_file(self.mark()).is_ok()
    }
}

/// Git as a user runs it.
pub fn git_in(folder: &Path, arguments: &[&str]) -> Output {
    let settings = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "advice.addEmbeddedRepo=false"];
    Command::new("git").arg("-C").arg(folder).args(settings).args(arguments).output().unwrap()
}
