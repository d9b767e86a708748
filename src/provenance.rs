//! Where a run came from: `provenance.json`.

use crate::error::{Error, Result};
use crate::run::write_atomically;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Longest uncommitted diff that is kept.
const DIFF_BYTES: usize = 1 << 20;

/// Everything about a run that its config does not say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Of this program.
    pub version: String,
    pub command: Vec<String>,
    pub working_directory: String,
    /// Absent outside a git repository.
    pub git: Option<Git>,
    pub host: Host,
    pub device: String,
    pub threads: usize,
    pub seed: u64,
    /// SHA-256 of every data file.
    pub data_sha256: BTreeMap<String, String>,
    /// RFC 3339.
    pub started: String,
    pub ended: Option<String>,
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Later commands that continued the run.
    pub resumed: Vec<Resumed>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Running,
    Completed,
    Interrupted,
    Failed { message: String },
}

/// The repository of the working directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Git {
    pub commit: String,
    /// `git diff HEAD`; empty when all is committed. Longer than 1 MiB it is cut, and says so.
    pub uncommitted_diff: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub name: String,
    pub system: String,
    pub processor: String,
    pub cores: usize,
}

/// A command that continued a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    pub command: Vec<String>,
    pub host: Host,
    pub started: String,
    /// Epochs completed before.
    pub after_epoch: usize,
}

impl Provenance {
    /// The start of a run, here and now.
    pub fn begin(device: String, threads: usize, seed: u64, data_sha256: BTreeMap<String, String>) -> Self {
        let directory = std::env::current_dir().map_or(String::new(), |path| path.display().to_string());
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            command: std::env::args().collect(),
            working_directory: directory,
            git: git(),
            host: host(),
            device,
            threads,
            seed,
            data_sha256,
            started: now(),
            ended: None,
            outcome: Outcome::Running,
            resumed: Vec::new(),
        }
    }

    /// Notes that this process continues the run.
    pub fn resume(&mut self, after_epoch: usize) {
        let command = std::env::args().collect();
        self.resumed.push(Resumed { command, host: host(), started: now(), after_epoch });
        (self.ended, self.outcome) = (None, Outcome::Running);
    }

    pub fn finish(&mut self, outcome: Outcome) {
        (self.ended, self.outcome) = (Some(now()), outcome);
    }

    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(|e| Error::io("write", path)(e.into()))?;
        write_atomically(path, &text)
    }

    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        serde_json::from_str(&text)
            .map_err(|e| Error::Run(format!("{}: expected a run's provenance: {e}", path.display())))
    }
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

fn git() -> Option<Git> {
    let commit = output("git", &["rev-parse", "HEAD"])?.trim().to_string();
    let mut diff = output("git", &["diff", "HEAD"]).unwrap_or_default();
    if diff.len() > DIFF_BYTES {
        let end = (0..=DIFF_BYTES).rev().find(|&end| diff.is_char_boundary(end)).unwrap_or(0);
        let left_out = diff.len() - end;
        diff.truncate(end);
        diff += &format!("\n({left_out} more bytes left out)\n");
    }
    Some(Git { commit, uncommitted_diff: diff })
}

fn host() -> Host {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let processor =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, name)| name.trim());
    Host {
        name: read("/proc/sys/kernel/hostname").trim().to_string(),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        processor: processor.unwrap_or_default().to_string(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(std::process::Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_and_its_resumption_read_back_as_written() -> Result<()> {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("provenance.json");
        let mut provenance = Provenance::begin("cpu".into(), 2, 7, BTreeMap::from([("a.bin".into(), "00".into())]));
        provenance.finish(Outcome::Failed { message: "disk full".into() });
        provenance.resume(3);
        provenance.finish(Outcome::Completed);
        provenance.save(&path)?;
        let loaded = Provenance::load(&path)?;
        assert_eq!(loaded, provenance);
        assert_eq!((loaded.outcome, loaded.resumed[0].after_epoch), (Outcome::Completed, 3));
        assert!(std::fs::read_to_string(&path).expect("a text").contains("\"outcome\": \"completed\""));
        Ok(())
    }
}
