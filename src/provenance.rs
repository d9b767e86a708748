//! Where a run's numbers come from: `provenance.json`, written when a run starts and again when it ends.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::durable::write_atomically;
use crate::error::{Error, Result};
use crate::reading;

/// A longer diff is cut.
const LARGEST_DIFF: u64 = 1 << 20;
/// Bytes of the file, which has a diff a session.
const LARGEST_FILE: u64 = 1 << 28;
/// More names of untracked files are left out.
const MOST_UNTRACKED: usize = 100;

/// Everything needed to tell how a run came about, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    pub outcome: Outcome,
    /// RFC 3339, UTC, as all times here.
    pub started: String,
    /// Absent while the run works, and after it was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    pub seed: u64,
    /// SHA-256 of each data file by name.
    pub data: BTreeMap<String, String>,
    /// SHA-256 of `training.initial_weights`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<String>,
    /// The first is the run's start; each `resume` adds one.
    pub sessions: Vec<Session>,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Running,
    Completed,
    Interrupted,
    /// With the error's message.
    Failed(String),
}

/// One process that worked on the run: a resume may use other code on another machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The command line.
    pub command: Vec<String>,
    pub bntt_version: String,
    /// The repository of the current directory; absent where there is none, or no `git`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
    pub host: Host,
    /// Such as `cpu` or `cuda:0 (NVIDIA H200)`.
    pub device: String,
    /// Threads used.
    pub threads: usize,
    /// Epochs that were completed when the session began.
    pub from_epoch: usize,
    /// What was not as it should have been, and was accepted by the user: from here on the run is not the one that it would have been.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    pub started: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// The state of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Git {
    /// Absent before the first commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether anything differs from the commit.
    pub dirty: bool,
    /// `git diff HEAD`, cut after 1 MiB.
    pub diff: String,
    /// Files that the diff does not show since git does not track them; at most 100 names.
    pub untracked: Vec<String>,
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
    /// A run that starts now, by this process's command line.
    pub fn begin(seed: u64, device: &str, threads: usize, data: BTreeMap<String, String>) -> Self {
        let session = Session::begin(0, device, threads);
        let started = session.started.clone();
        Self {
            outcome: Outcome::Running,
            started,
            ended: None,
            seed,
            data,
            initial_weights: None,
            sessions: vec![session],
        }
    }

    /// Adds a session that goes on after `from_epoch` completed epochs.
    pub fn resume(&mut self, from_epoch: usize, device: &str, threads: usize) {
        self.outcome = Outcome::Running;
        self.ended = None;
        self.sessions.push(Session::begin(from_epoch, device, threads));
    }

    /// Notes what the newest session takes as it is.
    pub fn accept(&mut self, losses: &[String]) {
        if let Some(session) = self.sessions.last_mut() {
            session.accepted.extend_from_slice(losses);
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

    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| Error::Run(format!("cannot write {}: {e}.", path.display())))?;
        write_atomically(path, (text + "\n").as_bytes())
    }

    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::Run`] when it is malformed.
    pub fn load(path: &Path) -> Result<Self> {
        let text = reading::bytes(path, LARGEST_FILE).map_err(Error::io("read", path))?;
        serde_json::from_slice(&text).map_err(|e| Error::Run(format!("{} is malformed: {e}.", path.display())))
    }
}

impl Session {
    fn begin(from_epoch: usize, device: &str, threads: usize) -> Self {
        Self {
            command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            bntt_version: env!("CARGO_PKG_VERSION").into(),
            git: Git::of(Path::new(".")),
            host: Host::this(),
            device: device.into(),
            threads,
            from_epoch,
            accepted: Vec::new(),
            started: now(),
            ended: None,
        }
    }
}

impl Git {
    /// The repository that `folder` lies in; `None` where there is none, or no `git`.
    pub fn of(folder: &Path) -> Option<Self> {
        let root = git(folder, &["rev-parse", "--show-toplevel"], LARGEST_DIFF)?;
        let root = Path::new(root.trim_end_matches('\n'));
        let commit = git(root, &["rev-parse", "--verify", "HEAD"], LARGEST_DIFF).map(|id| id.trim().to_string());
        let untracked = git(root, &["ls-files", "-z", "--others", "--exclude-standard"], LARGEST_DIFF)?;
        let untracked: Vec<String> =
            untracked.split('\0').filter(|name| !name.is_empty()).take(MOST_UNTRACKED).map(Into::into).collect();
        // Without a commit there is nothing to compare with but the index.
        let head = if commit.is_some() { "HEAD" } else { "--cached" };
        let mut diff = git(root, &["diff", "--no-ext-diff", "--no-textconv", "--no-color", head], LARGEST_DIFF)?;
        let dirty = !diff.is_empty() || !untracked.is_empty();
        if diff.len() as u64 > LARGEST_DIFF {
            let fits = |&place: &usize| diff.is_char_boundary(place);
            let end = (0..=LARGEST_DIFF as usize).rev().find(fits).unwrap_or(0);
            diff.truncate(end);
            diff.push_str("\n[cut here: the diff is longer than 1 MiB]\n");
        }
        Some(Self { commit, dirty, diff, untracked })
    }
}

/// The output of a git command, at most a byte over `limit`; `None` if it fails.
fn git(folder: &Path, arguments: &[&str], limit: u64) -> Option<String> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        // Looking must not write to the repository.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut output = Vec::new();
    let read = child.stdout.take().map(|stdout| stdout.take(limit.saturating_add(1)).read_to_end(&mut output));
    let cut = output.len() as u64 > limit;
    // The pipe is closed by now, which ends a git that still has something to say.
    let status = child.wait().ok()?;
    let whole = matches!(read, Some(Ok(_))) && (status.success() || cut);
    whole.then(|| String::from_utf8_lossy(&output).into_owned())
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
