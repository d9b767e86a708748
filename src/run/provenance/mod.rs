//! Where a run's numbers come from: `provenance.json`, written when a run starts and again when it ends.

mod git;
mod membership;
mod program;
mod repository;
mod sealed;

pub use git::{Git, Uncommitted};
pub use membership::SweepMembership;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::atomic::write_atomically;
use crate::files::reading;
use crate::system::gpus;

/// Bytes of the file. Those of older versions have a diff a session.
const LARGEST_FILE: u64 = 1 << 28;

/// Everything needed to tell how a run came about, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    pub outcome: Outcome,
    /// RFC 3339, UTC, as all times here.
    pub started: String,
    /// Absent while the run works, and after it was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Why a completed run has fewer epochs than were asked for: a sentence of early stopping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
    pub seed: u64,
    /// SHA-256 of each data file by name.
    pub data: BTreeMap<String, String>,
    /// SHA-256 of `training.initial_weights`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<String>,
    /// Of which run it was made, where nothing was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub converted: Option<ConversionRecord>,
    /// Of which file its weights are, where nothing was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<ImportRecord>,
    /// Which run of which sweep it is, where a sweep began it or went on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepMembership>,
    /// The first is the run's start; each `resume` adds one.
    pub sessions: Vec<SessionRecord>,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Running,
    Completed,
    /// Made of another run, by `bntt convert`: nothing was trained, or is left to be.
    Converted,
    /// Made of a file of weights, by `bntt import`: nothing was trained, or is left to be.
    Imported,
    Interrupted,
    /// With the error's message.
    Failed(String),
}

/// The run that a converted one was made of, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConversionRecord {
    /// Its folder then.
    pub from: PathBuf,
    /// SHA-256 of its model.safetensors.
    pub model_sha256: String,
    /// Percent of a layer's activations that its threshold is not below.
    pub percentile: f64,
    /// The training images that activations were counted on.
    pub images: u64,
    /// By layer: `layers.2.lif`.
    pub thresholds: Vec<(String, f64)>,
}

/// The file that an imported run has its weights of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportRecord {
    pub from: PathBuf,
    /// Of the file.
    pub sha256: String,
    /// The run's tensors, and where each was found in the file.
    pub tensors: Vec<(String, String)>,
}

/// One process that worked on the run: a resume may use other code on another machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The command line.
    pub command: Vec<String>,
    pub bntt_version: String,
    /// The repository of the current directory; absent where there is none, no `git`, or it is not to be recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
    pub host: Host,
    /// Such as `cpu` or `cuda:0 (NVIDIA H200)`.
    pub device: String,
    /// `CUDA_VISIBLE_DEVICES` of a session on a GPU, where it was set: of its list, `cuda:0` is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible_gpus: Option<String>,
    /// Threads used.
    pub threads: usize,
    /// Epochs that were completed when the session began.
    pub from_epoch: usize,
    /// What was not as it should have been, and was accepted by the user: from here on the run is not the one that it
    /// would have been.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// What the session changed of the run's length, and what had been read of the test images before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub longer: Vec<String>,
    pub started: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub name: String,
    pub operating_system: String,
    pub cpu: String,
    pub cores: usize,
}

impl Provenance {
    /// A run that starts now, by this process's command line, in a repository.
    pub fn begin(seed: u64, device: &str, threads: usize, data: BTreeMap<String, String>, git: Option<Git>) -> Self {
        let session = SessionRecord::begin(0, device, threads, git);
        let started = session.started.clone();
        Self {
            outcome: Outcome::Running,
            started,
            ended: None,
            ended_early: None,
            seed,
            data,
            initial_weights: None,
            converted: None,
            imported: None,
            sweep: None,
            sessions: vec![session],
        }
    }

    /// Adds a session that goes on after `from_epoch` completed epochs.
    pub fn resume(&mut self, from_epoch: usize, device: &str, threads: usize, git: Option<Git>) {
        self.outcome = Outcome::Running;
        (self.ended, self.ended_early) = (None, None);
        self.sessions.push(SessionRecord::begin(from_epoch, device, threads, git));
    }

    /// Notes what the newest session takes as it is.
    pub fn accept(&mut self, losses: &[String]) {
        if let Some(session) = self.sessions.last_mut() {
            session.accepted.extend_from_slice(losses);
        }
    }

    /// Notes that the newest session goes on for longer.
    pub fn lengthen(&mut self, changes: &[String]) {
        if let Some(session) = self.sessions.last_mut() {
            session.longer.extend_from_slice(changes);
        }
    }

    /// Ends the run and its newest session now.
    pub fn finish(&mut self, outcome: Outcome) {
        let now = now();
        if let Some(session) = self.sessions.last_mut() {
            session.ended = Some(now.clone());
        }
        self.ended = Some(now);
        self.outcome = outcome;
    }

    /// Writes the file, with its own checksum in it.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| Error::Run(format!("cannot write {}: {e}.", path.display())))?;
        write_atomically(path, sealed::seal(&text).as_bytes())
    }

    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::Run`] when it is malformed or not what was written.
    pub fn load(path: &Path) -> Result<Self> {
        let text = reading::bytes(path, LARGEST_FILE).map_err(Error::io("read", path))?;
        let refuse = |problem: String| Error::Run(format!("{} is {problem}.", path.display()));
        let record = serde_json::from_slice(&text).map_err(|e| refuse(format!("malformed: {e}")))?;
        if sealed::is_broken(&text) {
            return Err(refuse("damaged: its SHA-256 is not that of its content".into()));
        }
        Ok(record)
    }
}

impl SessionRecord {
    fn begin(from_epoch: usize, device: &str, threads: usize, git: Option<Git>) -> Self {
        Self {
            command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            bntt_version: env!("CARGO_PKG_VERSION").into(),
            git,
            host: Host::this(),
            device: device.into(),
            visible_gpus: visible_gpus(device, std::env::var_os(gpus::VARIABLE)),
            threads,
            from_epoch,
            accepted: Vec::new(),
            longer: Vec::new(),
            started: now(),
            ended: None,
        }
    }

    /// The device, and of which GPUs it is: `cuda:0 of CUDA_VISIBLE_DEVICES=3`.
    pub fn computed_on(&self) -> String {
        let list = self.visible_gpus.as_ref().map(|list| format!(" of {}={list}", gpus::VARIABLE));
        format!("{}{}", self.device, list.unwrap_or_default())
    }
}

fn visible_gpus(device: &str, variable: Option<OsString>) -> Option<String> {
    variable.filter(|_| device.starts_with("cuda")).map(|list| list.to_string_lossy().into_owned())
}

impl Host {
    fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let kernel = read("/proc/sys/kernel/osrelease");
        let release = read("/etc/os-release");
        let distribution = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or_default();
        let system = format!("{} {} {}", std::env::consts::OS, kernel.trim(), distribution.trim_matches('"'));
        let cpu = read("/proc/cpuinfo");
        let cpu = cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
        Self {
            name: read("/proc/sys/kernel/hostname").trim().to_string(),
            operating_system: system.split_whitespace().collect::<Vec<_>>().join(" "),
            cpu: cpu.map_or(std::env::consts::ARCH, |(_, model)| model.trim()).to_string(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// The time now, UTC, in whole seconds, as RFC 3339 writes it: `2026-11-24T04:33:55Z`.
fn now() -> String {
    let now = jiff::Timestamp::now();
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gpus_that_a_session_was_shown_stand_in_its_record_and_the_cpu_has_none() {
        let shown = || Some(OsString::from("GPU-8932f937"));
        let mut session = SessionRecord::begin(0, "cuda:0", 1, None);
        session.visible_gpus = visible_gpus("cuda:0", shown());
        assert_eq!(session.computed_on(), "cuda:0 of CUDA_VISIBLE_DEVICES=GPU-8932f937");
        let text = serde_json::to_string(&session).unwrap();
        assert!(text.contains(r#""visible_gpus":"GPU-8932f937""#), "{text}");
        session.visible_gpus = visible_gpus("cuda:0", None);
        assert_eq!(session.computed_on(), "cuda:0");
        let text = serde_json::to_string(&session).unwrap();
        assert!(!text.contains("visible_gpus"), "{text}");
        assert_eq!(serde_json::from_str::<SessionRecord>(&text).unwrap(), session);
        assert_eq!(visible_gpus("cpu", shown()), None);
    }
}
