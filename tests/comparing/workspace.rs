//! A folder in which the program runs.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

pub struct Workspace(tempfile::TempDir);

impl Workspace {
    /// A folder that holds one file.
    pub fn holding(name: &str, text: &str) -> Self {
        let workspace = Self(tempfile::tempdir().expect("a folder"));
        workspace.write(name, text);
        workspace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).expect("a file");
        self.path(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null()).env_remove("RUST_LOG");
        command
    }

    pub fn bntt(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program")
    }

    /// Standard output of a command that must succeed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.bntt(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Standard error of a command that must end with exit code 2.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.bntt(arguments);
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(!told.contains("panicked"), "{told}");
        told
    }
}
