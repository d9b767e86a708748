//! A folder with an experiment, in which the program runs.

use bntt::run::metrics::{self, RunMetrics};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A small network on digits that learns a little in every epoch.
pub const TEXT: &str = "name = 'own'\nseed = 3\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 240, test = 100 }\n\
    augment = { crop_padding = 1 }\n[network]\ntime_steps = 3\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 24 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.05, momentum = 0.9 }\n[training]\nepochs = 4\nthreads = 1\ncheckpoint_every = { steps = 5 }\n";

/// A fifth of the training images.
pub const HELD: &str = "data.validation={ share = 0.2 }";

pub struct Workspace(tempfile::TempDir);

impl Workspace {
    pub fn new() -> Self {
        let workspace = Self(tempfile::tempdir().expect("a folder"));
        std::fs::write(workspace.path("own.toml"), TEXT).expect("a file");
        workspace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The exit code, and what was said.
    pub fn bntt(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        said(command.args(arguments).current_dir(self.0.path()).output().expect("the program"))
    }

    pub fn ok(&self, arguments: &[&str]) -> String {
        let (code, said) = self.bntt(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        said
    }

    pub fn refused(&self, arguments: &[&str]) -> String {
        let (code, said) = self.bntt(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        said
    }

    /// The first, second, ... version of the run.
    pub fn run(&self, version: usize) -> PathBuf {
        self.path(&format!("runs/own/v{version:04}"))
    }
}

fn said(output: Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code(), text)
}

pub fn measured(run: &Path) -> RunMetrics {
    metrics::read_whole(&run.join("metrics.jsonl")).expect("metrics")
}

/// The weights and moments of a checkpoint, and every number of its run that is not of the machine.
pub fn bits(run: &Path, checkpoint: &str) -> Vec<(String, Vec<u8>)> {
    let mut parts = Vec::new();
    for file in ["model.safetensors", "optimizer.safetensors"] {
        let path = run.join("checkpoints").join(checkpoint).join(file);
        parts.push((file.to_string(), std::fs::read(&path).expect("a checkpoint")));
    }
    parts.push(("steps.jsonl".into(), std::fs::read(run.join("steps.jsonl")).expect("steps")));
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    for line in text.lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        for of_the_machine in ["seconds", "images_per_second", "peak_memory_bytes"] {
            line.as_object_mut().expect("an object").remove(of_the_machine);
        }
        parts.push(("metrics.jsonl".into(), line.to_string().into_bytes()));
    }
    parts
}

pub fn assert_same(expected: &[(String, Vec<u8>)], found: &[(String, Vec<u8>)]) {
    assert_eq!(expected.len(), found.len());
    for ((name, expected), (_, found)) in expected.iter().zip(found) {
        assert!(
            expected == found,
            "{name} differs: {} and {}",
            String::from_utf8_lossy(&expected[..expected.len().min(300)]),
            String::from_utf8_lossy(&found[..found.len().min(300)])
        );
    }
}
