//! A folder in which examples are run: the shipped experiments, with a quickstart that takes a moment, and runs of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub struct Workspace(tempfile::TempDir);

impl Workspace {
    /// With `runs/quickstart/v0001`, and beside it `runs/direct` and `runs/poisson`.
    pub fn new() -> Self {
        let workspace = Self(tempfile::tempdir().expect("a folder"));
        copy(Path::new("configs"), &workspace.path("configs"));
        let quickstart = fs::read_to_string("configs/quickstart.toml").expect("the quickstart");
        workspace.write("configs/quickstart.toml", &cut(&quickstart));
        for arguments in ["", "name=direct network.encoder=direct", "name=poisson"] {
            workspace.ok(&format!("bntt run configs/quickstart.toml {arguments}")).expect("a run");
        }
        workspace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Runs a line as a shell does, `bntt` being the program under test.
    pub fn sh(&self, line: &str) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_bntt")).parent().expect("a folder");
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
        Command::new("sh").args(["-c", line]).env("PATH", path).current_dir(self.0.path()).output().expect("sh")
    }

    /// What a line that must succeed prints, or what it says instead.
    pub fn ok(&self, line: &str) -> Result<String, String> {
        let output = self.sh(line);
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_string()),
        }
    }
}

/// An experiment of one epoch and 64 images, the same in all else. What cannot be cut is trained whole.
pub fn cut(experiment: &str) -> String {
    let line = |line: &str| match line {
        "[data]" => "[data]\nlimit = { train = 64, test = 64 }\n".to_string(),
        line if line.starts_with("epochs = ") => "epochs = 1\n".to_string(),
        line => format!("{line}\n"),
    };
    // A `limit` that is there would stand twice.
    experiment
        .lines()
        .filter(|text| !text.starts_with("limit = "))
        .map(|text| line(text.split(" # ").next().unwrap_or(text).trim_end()))
        .collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file");
        }
    }
}
