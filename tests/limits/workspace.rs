//! A folder in which the program runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_bntt");

/// A network whose training step takes some 100 MiB.
const LARGE: &str = "name = 'large'\n[data]\ndataset = 'digits'\nbatch_size = 64\nlimit = { train = 128, test = 64 }\n\
    [network]\ntime_steps = 20\nencoder = 'poisson'\nlayers = [ { conv = { channels = 64 } }, 'bntt', 'lif', { conv = { channels = 64 } }, 'bntt',\n\
    'lif', { pool = { average = 2 } }, 'flatten', { linear = { features = 1000 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1, momentum = 0.9 }\n[training]\nepochs = 1\nthreads = 2\n";

const TINY: &str = "name = 'tiny'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 128, test = 16 }\n\
    [network]\ntime_steps = 2\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 16 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 1\n[provenance]\ngit = 'none'\n";

/// Has `large.toml` and `tiny.toml`.
pub struct Workspace(tempfile::TempDir);

impl Workspace {
    pub fn new() -> Self {
        let workspace = Self(tempfile::tempdir().expect("a folder"));
        workspace.write("large.toml", LARGE);
        workspace.write("tiny.toml", TINY);
        workspace
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.folder());
        command
    }

    /// The exit code, and what was said on both streams.
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        said(self.command(arguments).output().expect("the program"))
    }

    /// The same in a shell, after `before`.
    pub fn run_after(&self, before: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let line = format!("{before}; exec '{PROGRAM}' {}", arguments.join(" "));
        said(Command::new("sh").arg("-c").arg(line).current_dir(self.folder()).output().expect("a shell"))
    }
}

pub fn said(output: Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code(), text)
}
