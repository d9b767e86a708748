//! Run folders: `<root>/<name>/v0001`, where everything that a run leaves on disk has its place.

pub mod analyses;
pub mod archive;
pub mod checkpoint;
pub mod identity;
pub mod initial_weights;
pub mod labels;
pub mod listing;
pub mod metrics;
pub mod provenance;
pub mod records;
pub mod removal;
pub mod results;
pub mod tensorboard;
pub mod trackers;

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::experiment::check_name;
use crate::files::atomic::{self, sync_folder};
use crate::files::lock::{self, Lock};
use crate::system::signals::Stop;

/// One version of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

/// The checkpoints of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointKind {
    /// Of the newest step that was saved: where `resume` goes on.
    Last,
    /// Of the epoch with the best accuracy on the images by which it is chosen.
    Best,
    /// With running statistics that `bntt recalibrate` estimated again.
    Recalibrated,
}

impl CheckpointKind {
    /// `last`, `best` or `recalibrated`: its folder, and what commands call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Best => "best",
            Self::Recalibrated => "recalibrated",
        }
    }
}

impl RunFolder {
    /// Makes the folder `<root>/<name>/v<next number>`; two processes at once get two numbers.
    ///
    /// # Errors
    /// [`Error::Run`] for a name that is no plain folder name, [`Error::Io`] when the folder cannot be made.
    pub fn create(root: &Path, name: &str) -> Result<Self> {
        Ok(Self::create_with(root, name, |_| Ok(()))?.0)
    }

    /// The same with what `fill` puts into it, and its lock: the folder appears under its name with all that, on the
    /// disk, or not at all.
    ///
    /// # Errors
    /// As [`RunFolder::create`], and those of `fill`.
    pub fn create_with(root: &Path, name: &str, fill: impl FnOnce(&Self) -> Result<()>) -> Result<(Self, Lock)> {
        check_name(name)?;
        let container = root.join(name);
        atomic::create_folders(&container)?;
        let (unfinished, lock) = atomic::unfinished_folder(&container, ".new-")?;
        let new = Self { path: unfinished.path().to_path_buf() };
        fs::create_dir(new.checkpoints()).map_err(Error::io("create", new.checkpoints()))?;
        fill(&new)?;
        sync_folder(&new.checkpoints())?;
        sync_folder(&new.path)?;
        let run = new.take_version(&container)?;
        // It has another name now, under which it is not removed.
        let _ = unfinished.keep();
        Ok((run, lock))
    }

    /// Takes the run's lock.
    ///
    /// # Errors
    /// [`Error::Busy`] naming the process that works on it, [`Error::Io`] when the lock's file cannot be opened.
    pub fn take_lock(&self) -> Result<Lock> {
        Lock::take(&self.lock(), &self.path)
    }

    /// Whether a process works on the run. Looking hinders nobody.
    pub fn is_at_work(&self) -> bool {
        lock::is_held(&self.lock())
    }

    /// Waits for the lock of a name, held from the decision whether there is a run to go on with until that run's own
    /// lock is taken.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when asked to stop meanwhile; those of making the folder.
    pub fn wait_for_name(root: &Path, name: &str, stop: &Stop) -> Result<Lock> {
        check_name(name)?;
        let container = root.join(name);
        atomic::create_folders(&container)?;
        Lock::wait(&container.join(".lock"), &container, stop)
    }

    /// Renames this folder to the next free version, which no archived run has either. No version is empty, so that
    /// none is replaced.
    fn take_version(&self, container: &Path) -> Result<Self> {
        let last = |found: Vec<(u32, PathBuf)>| found.last().map_or(0, |&(number, _)| number);
        // First those that may be archived meanwhile.
        let here = last(versions(container)?);
        let archived = archive::folder(container.parent().unwrap_or(Path::new(".")));
        let archived = container.file_name().map(|name| archived.join(name)).filter(|container| container.is_dir());
        let mut number = here.max(archived.map_or(Ok(0), |archived| versions(&archived).map(last))?);
        loop {
            number = number.checked_add(1).ok_or_else(|| Error::Run(format!("{} is full.", container.display())))?;
            let path = container.join(format!("v{number:04}"));
            match fs::rename(&self.path, &path) {
                Ok(()) => {
                    sync_folder(container)?;
                    return Ok(Self { path });
                }
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory
                    ) => {}
                Err(e) => return Err(Error::io("create", &path)(e)),
            }
        }
    }

    /// The newest version below `<root>/<name>`, if there is one.
    pub fn newest(root: &Path, name: &str) -> Result<Option<Self>> {
        let container = root.join(name);
        if !container.is_dir() {
            return Ok(None);
        }
        Ok(versions(&container)?.pop().map(|(_, path)| Self { path }))
    }

    /// Opens a run folder, or the newest version below `<root>/<name>`.
    ///
    /// # Errors
    /// [`Error::Run`] that says what is missing when `path` is neither.
    pub fn open(path: &Path) -> Result<Self> {
        let refuse = |problem: &str| Err(Error::Run(format!("{} is not a run folder: {problem}", path.display())));
        if !path.exists() {
            return refuse("there is nothing there. `bntt list` shows the runs there are.");
        }
        if !path.is_dir() {
            return refuse("it is a file. Name the folder that holds config.toml, such as runs/<name>/v0001.");
        }
        let run = Self { path: path.to_path_buf() };
        if run.config().is_file() {
            return Ok(run);
        }
        let Some((_, newest)) = versions(path)?.pop() else {
            return refuse("it has neither a config.toml nor versions (v0001, v0002, ...).");
        };
        let run = Self { path: newest };
        if !run.config().is_file() {
            let newest = run.path.display();
            return refuse(&format!("its newest version {newest} has no config.toml. Name another version."));
        }
        Ok(run)
    }

    /// Names a folder without looking at it.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's name: that of the folder above the version.
    pub fn name(&self) -> String {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        path.parent().and_then(Path::file_name).map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    /// The resolved experiment.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// What config.toml was before the run went on for longer for the first time, the second, and so on.
    pub fn earlier_config(&self, number: usize) -> PathBuf {
        self.path.join(format!("config.{number}.toml"))
    }

    /// Those that are there, the oldest first.
    pub fn earlier_configs(&self) -> Vec<PathBuf> {
        (1..).map(|number| self.earlier_config(number)).take_while(|path| path.is_file()).collect()
    }

    pub fn provenance(&self) -> PathBuf {
        self.path.join("provenance.json")
    }

    /// What differed from the git commit when the run was started.
    pub fn uncommitted_diff(&self) -> PathBuf {
        self.path.join("uncommitted.diff")
    }

    /// A line an epoch.
    pub fn metrics_jsonl(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// The same lines as a table.
    pub fn metrics_csv(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// A line a step.
    pub fn steps(&self) -> PathBuf {
        self.path.join("steps.jsonl")
    }

    /// Held by the process that works on the run: see [`Lock`].
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// A note and tags: see [`labels::Labels`].
    pub fn labels(&self) -> PathBuf {
        self.path.join("labels.toml")
    }

    pub fn log(&self) -> PathBuf {
        self.path.join("log.txt")
    }

    pub fn checkpoint(&self, which: CheckpointKind) -> PathBuf {
        self.checkpoints().join(which.name())
    }

    /// What was measured on the network: [`analyses::RecordedAnalysis`].
    pub fn analyses(&self) -> PathBuf {
        self.path.join("analyses")
    }

    fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// What no other file may be written over: everything that a run leaves here, be it there or not.
    pub fn own_files(&self) -> Vec<PathBuf> {
        let own = vec![
            self.config(),
            self.provenance(),
            self.uncommitted_diff(),
            self.metrics_jsonl(),
            self.metrics_csv(),
            self.steps(),
            self.lock(),
            self.log(),
            self.analyses(),
            self.labels(),
            self.checkpoints(),
        ];
        [own, self.earlier_configs()].concat()
    }
}

/// The folders `v0001`, `v0002`, ... below `container`, in ascending order.
pub(crate) fn versions(container: &Path) -> Result<Vec<(u32, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(container).map_err(Error::io("read", container))? {
        let entry = entry.map_err(Error::io("read", container))?;
        if let Some(number) = version_number(&entry.file_name())
            && entry.path().is_dir()
        {
            found.push((number, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// 1 of `v0001`.
fn version_number(name: &OsStr) -> Option<u32> {
    name.to_str()?.strip_prefix('v').filter(|digits| digits.len() >= 4)?.parse().ok()
}
