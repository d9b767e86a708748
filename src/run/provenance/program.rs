//! Running `git` without the caller's `GIT_*` variables, and no longer than a time.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{Builder, sleep};
use std::time::Duration;

use parking_lot::Mutex;

/// How often a git that has closed its output is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// A key and its value; without one it is on.
pub type GitConfigValue = (String, Option<OsString>);

/// Where `git` is, and the one that runs, if any.
#[derive(Clone)]
pub struct Program {
    path: PathBuf,
    running: Arc<Mutex<ChildProcess>>,
}

#[derive(Default)]
struct ChildProcess {
    child: Option<Child>,
    /// Nobody waits for it any more.
    over: bool,
}

/// What `git` is run on.
pub enum GitTarget<'a> {
    /// The repository that a folder lies in, with its own settings: for commands that run no program, whatever these
    /// say.
    In(&'a Path),
    /// A git folder with settings of ours, and the work tree and objects of the repository.
    With { git_folder: &'a Path, work_tree: &'a Path, objects: &'a Path, settings: &'a [GitConfigValue] },
}

impl Program {
    /// The `git` of the first absolute folder in `PATH` that has one: `.` would be the repository's.
    pub fn find() -> Option<Self> {
        let folders = env::var_os("PATH")?;
        let mut places = env::split_paths(&folders).filter(|folder| folder.is_absolute()).map(|f| f.join("git"));
        let path = places.find(|place| place.is_file())?;
        Some(Self { path, running: Arc::default() })
    }

    /// Does `work`, which runs git, on a thread of its own.
    ///
    /// # Errors
    /// Why there is no result, as the end of a sentence: mostly that it has taken longer than `limit`. The git that
    /// runs then is killed.
    pub fn within<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, String> {
        let (sender, receiver) = channel();
        let program = self.clone();
        let started = Builder::new().name("git".into()).spawn(move || sender.send(work(&program)));
        started.map_err(|e| format!("cannot start a thread: {e}"))?;
        receiver.recv_timeout(limit).map_err(|error| {
            let mut running = self.running.lock();
            running.over = true;
            if let Some(child) = &mut running.child {
                // Only one that has ended already cannot be killed.
                let _ = child.kill();
            }
            match error {
                RecvTimeoutError::Timeout => format!("git did not answer within {} s", limit.as_secs_f64()),
                RecvTimeoutError::Disconnected => "looking at it ended without a word".into(),
            }
        })
    }

    /// What a git command prints, at most `most` bytes, after which it is cut.
    ///
    /// # Errors
    /// The end of a sentence.
    pub fn run(
        &self,
        place: &GitTarget<'_>,
        arguments: &[&str],
        input: Option<File>,
        most: u64,
    ) -> Result<Vec<u8>, String> {
        let failed = |problem: String| format!("`git {}` {problem}", arguments.first().copied().unwrap_or_default());
        let mut command = self.command(place);
        command.args(arguments).stdin(input.map_or_else(Stdio::null, Stdio::from));
        let mut child = command.spawn().map_err(|e| failed(format!("cannot be started: {e}")))?;
        let stdout = child.stdout.take();
        {
            let mut running = self.running.lock();
            if running.over {
                let _ = child.kill();
            }
            running.child = Some(child);
        }
        let mut output = Vec::new();
        let read = stdout.map(|stdout| stdout.take(most.saturating_add(1)).read_to_end(&mut output));
        let cut = output.len() as u64 > most;
        // Its output is closed by now, which ends a git that still has something to say.
        let succeeded = self.wait().map_err(|e| failed(format!("cannot be waited for: {e}")))?;
        match read {
            Some(Ok(_)) if succeeded || cut => Ok(output),
            _ => Err(failed("failed".into())),
        }
    }

    /// Waits for the child's end, without keeping others from killing it; whether it ended well.
    fn wait(&self) -> std::io::Result<bool> {
        loop {
            let mut running = self.running.lock();
            let Some(child) = &mut running.child else { return Ok(false) };
            if let Some(status) = child.try_wait()? {
                running.child = None;
                return Ok(status.success());
            }
            drop(running);
            sleep(BETWEEN_LOOKS);
        }
    }

    fn command(&self, place: &GitTarget<'_>) -> Command {
        let mut command = Command::new(&self.path);
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"GIT_") {
                command.env_remove(name);
            }
        }
        command
            // Looking must not write to the repository, ask anybody or fetch what is missing.
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", "")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        match place {
            GitTarget::In(folder) => {
                command.current_dir(folder);
            }
            GitTarget::With { git_folder, work_tree, objects, settings } => {
                for (key, value) in *settings {
                    let mut setting = OsString::from(key);
                    if let Some(value) = value {
                        setting.push("=");
                        setting.push(value);
                    }
                    command.arg("-c").arg(setting);
                }
                command
                    .current_dir(work_tree)
                    .env("GIT_DIR", git_folder)
                    .env("GIT_WORK_TREE", work_tree)
                    .env("GIT_INDEX_FILE", git_folder.join("index"))
                    .env("GIT_OBJECT_DIRECTORY", objects)
                    .env("GIT_CONFIG_NOSYSTEM", "1")
                    .env("GIT_CONFIG_SYSTEM", "/dev/null")
                    .env("GIT_CONFIG_GLOBAL", "/dev/null");
            }
        }
        command
    }
}
