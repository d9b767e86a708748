//! A folder in which the program runs, and ways to interrupt it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Checkpoints after every step, of weights large enough that saving takes a good part of the time.
const TEXT: &str = "name = 'long'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 96, test = 40 }\n\
    augment = { crop_padding = 1 }\n[network]\ntime_steps = 3\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 300 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 4\ncheckpoint_every = { steps = 1 }\nthreads = 1\n";

/// The same, that lets go of all but its best weights when it is complete: of larger ones, so that this takes a while.
pub fn keeping_best() -> String {
    TEXT.replace("threads = 1\n", "threads = 1\nkeep = 'best'\n").replace("features = 300", "features = 2000")
}

/// The same with validation images, whose accuracy ends it before its last epoch, and a test after that.
pub const CHOSEN: &str = "name = 'long'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 128, test = 40 }\n\
    validation = { share = 0.25 }\naugment = { crop_padding = 1 }\n[network]\ntime_steps = 3\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 300 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nadam = { lr = 3e-5 }\n[training]\nepochs = 40\nearly_stopping = { patience = 2 }\n\
    checkpoint_every = { steps = 1 }\nthreads = 1\n";

pub struct Workspace {
    folder: tempfile::TempDir,
}

impl Workspace {
    pub fn new() -> Self {
        Self::with("long.toml", TEXT)
    }

    /// With an experiment's file of this name.
    pub fn with(name: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(name), text).expect("a file");
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        command.args(arguments).current_dir(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        Running(Some(self.command(arguments).spawn().expect("the program")))
    }

    /// The exit code, and what was said.
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        said(self.command(arguments).output().expect("the program"))
    }

    /// The same in a shell, after `before`.
    pub fn run_after(&self, before: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let line = format!("{before}; exec '{}' {}", env!("CARGO_BIN_EXE_bntt"), arguments.join(" "));
        let mut shell = Command::new("sh");
        said(shell.arg("-c").arg(line).current_dir(self.folder.path()).output().expect("a shell"))
    }
}

fn said(output: Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code(), text)
}

/// A process that is killed at the latest when the test ends.
pub struct Running(Option<Child>);

impl Running {
    pub fn new(child: Child) -> Self {
        Self(Some(child))
    }

    pub fn assert_at_work(&mut self) {
        assert!(self.child().try_wait().expect("a status").is_none(), "it ended");
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("a child")
    }

    pub fn id(&self) -> u32 {
        self.0.as_ref().expect("a child").id()
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: a child that has not been waited for keeps its number.
        assert_eq!(unsafe { libc::kill(self.id() as libc::pid_t, signal) }, 0);
    }

    /// Kills it; whether it was still at work. One that has ended must have done so without an error.
    pub fn kill(mut self) -> bool {
        let _ = self.child().kill();
        let output = self.0.take().expect("a child").wait_with_output().expect("an output");
        match output.status.code() {
            None => true,
            Some(0) => false,
            Some(code) => panic!("it ended with {code}: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    pub fn wait(mut self) -> (Option<i32>, String) {
        said(self.0.take().expect("a child").wait_with_output().expect("an output"))
    }

    /// Waits until a file is there.
    pub fn wait_for(&mut self, path: &Path) {
        let started = Instant::now();
        while !path.exists() {
            assert!(self.child().try_wait().expect("a status").is_none(), "it ended before {}", path.display());
            assert!(started.elapsed() < Duration::from_secs(60), "{} did not appear", path.display());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Everything of a run that must not depend on how often it was interrupted, as bytes. Of its checkpoints, those files
/// that are there: a run may have let go of some.
pub fn comparable(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut parts = Vec::new();
    for checkpoint in ["last", "best"] {
        for file in ["model.safetensors", "optimizer.safetensors", "progress.toml"] {
            let path = run.join("checkpoints").join(checkpoint).join(file);
            if path.exists() {
                parts.push((format!("{checkpoint} {file}"), std::fs::read(&path).expect("a checkpoint")));
            }
        }
    }
    parts.push(("steps.jsonl".into(), std::fs::read(run.join("steps.jsonl")).expect("steps")));
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    for line in metrics.lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let fields = line.as_object_mut().expect("an object");
        for of_the_machine in ["seconds", "images_per_second", "peak_memory_bytes"] {
            fields.remove(of_the_machine);
        }
        parts.push(("metrics.jsonl".into(), line.to_string().into_bytes()));
    }
    let table = std::fs::read_to_string(run.join("metrics.csv")).expect("a table");
    let epochs = metrics.lines().filter(|line| line.starts_with("{\"epoch\":")).count();
    assert!(metrics.lines().count() - epochs <= 1, "a test at the end is the only other line: {metrics}");
    assert_eq!(table.lines().count(), epochs + 1, "{table}");
    parts
}
