//! A folder with a base file, a sweep and its runs.

use bntt::run::RunFolder;
use bntt::run::provenance::Provenance;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const BASE: &str = "name = 'base'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 64, test = 20 }\n\
    [network]\ntime_steps = 2\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 16 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1 }\n[training]\nepochs = 2\n";

pub struct Workspace(tempfile::TempDir);

impl Workspace {
    pub fn new(sweep: &str) -> Self {
        let workspace = Self(tempfile::tempdir().expect("a folder"));
        std::fs::write(workspace.path("base.toml"), BASE).expect("a file");
        std::fs::write(workspace.path("trial.toml"), sweep).expect("a file");
        workspace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        command.args(["sweep", "trial.toml"]).args(arguments).current_dir(self.0.path());
        command
    }

    /// The exit code, standard output, standard error.
    pub fn sweep(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        texts(self.command(arguments).output().expect("the program"))
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program")
    }

    /// As [`Desk::sweep`], of one that was started.
    pub fn end(&self, sweep: Child) -> (Option<i32>, String, String) {
        texts(sweep.wait_with_output().expect("an output"))
    }

    /// Waits for what a sweep at work brings about.
    pub fn wait(&self, sweep: &mut Child, done: impl Fn() -> bool) {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < Duration::from_secs(120) && sweep.try_wait().expect("a status").is_none());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The newest version of a run.
    pub fn run(&self, name: &str) -> RunFolder {
        RunFolder::open(&self.path(name)).expect("a run")
    }

    pub fn provenance(&self, name: &str) -> Provenance {
        Provenance::load(&self.run(name).provenance()).expect("a record")
    }

    /// How many versions a run has.
    pub fn versions(&self, name: &str) -> usize {
        let entries = std::fs::read_dir(self.path(name)).expect("a folder").flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with('v')).count()
    }
}

fn texts(output: std::process::Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The rows of a table under its head, as words.
pub fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().skip_while(|line| !line.starts_with("run ")).skip(1);
    lines.take_while(|line| !line.is_empty()).map(|line| line.split_whitespace().collect()).collect()
}
