//! One run of a sweep as a process of its own.

use super::gpu_slots::GpuGrant;
use super::warnings::WarningReader;
use crate::error::StopReason;
use crate::error::{Error, Result};
use crate::sweep::SweepRun;
use crate::system::program;
use crate::terminal::logging;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

/// Of what a process said, so much is kept for the message about its end.
const MOST_SAID: usize = 1 << 16;

/// A process that trains a run.
pub struct Child<'a> {
    pub run: &'a SweepRun,
    /// The GPU that it has until it ends.
    pub grant: GpuGrant,
    pub started: Instant,
    /// The signal that was passed on to it.
    pub told: Option<StopReason>,
    process: std::process::Child,
    said: UnixStream,
    heard: Vec<u8>,
    warnings: WarningReader,
}

impl<'a> Child<'a> {
    /// Starts `command` for `run`, which has a GPU or none.
    ///
    /// # Errors
    /// [`Error::Run`] when the operating system has no process for it.
    pub fn start(mut command: Command, run: &'a SweepRun, grant: GpuGrant) -> Result<Self> {
        let refused = |e: io::Error| Error::Run(format!("cannot start a process for the run: {e}."));
        // A socket and no pipe: it can be read without a thread that waits.
        let (said, theirs) = UnixStream::pair().map_err(refused)?;
        said.set_nonblocking(true).map_err(refused)?;
        // Ctrl-C reaches this process alone, which passes it on: a run that heard it twice would end at once.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(OwnedFd::from(theirs));
        let process = command.spawn().map_err(refused)?;
        Ok(Self {
            run,
            grant,
            started: Instant::now(),
            told: None,
            process,
            said,
            heard: Vec::new(),
            warnings: WarningReader::default(),
        })
    }

    /// Passes a signal on, once.
    pub fn report(&mut self, reason: StopReason) {
        if self.told.is_none()
            && let Ok(id) = libc::pid_t::try_from(self.process.id())
        {
            self.told = Some(reason);
            // SAFETY: a plain call; the child has not been waited for, so that the number is still its own. One that
            // has just ended takes no harm.
            unsafe { libc::kill(id, reason.signal()) };
        }
    }

    /// How it ended, once it has.
    ///
    /// # Errors
    /// The operating system's.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.process.try_wait();
        self.listen();
        status
    }

    fn listen(&mut self) {
        let mut chunk = [0; 4096];
        loop {
            match self.said.read(&mut chunk) {
                Ok(count @ 1..) => {
                    let said = chunk.get(..count).unwrap_or_default();
                    self.heard.extend_from_slice(said);
                    self.warnings.hear(said);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                // Silent for now, or for good.
                _ => return,
            }
            if let Some(more @ MOST_SAID..) = self.heard.len().checked_sub(MOST_SAID) {
                self.heard.drain(..more);
            }
        }
    }

    /// The warnings that it has given since it was asked before, each once a run.
    pub fn warnings(&mut self) -> Vec<String> {
        self.warnings.take()
    }

    /// The last error that it told, in all its lines.
    pub fn error(&self) -> Option<String> {
        program::last_error(&String::from_utf8_lossy(&self.heard))
    }
}

/// What trains the run in `config`, of the sweep in `sweep`. It does not inherit `RUST_LOG`, which is about what the
/// sweep's own screen shows: of what a run says its warnings and its last error are read, and neither may be left out
/// or drown. Who wants more of one run has it with `RUST_LOG` and `bntt sweep FILE --only N`.
pub fn command(program: &Path, config: &Path, runs: &Path, sweep: &Path, threads: usize) -> Command {
    let mut command = Command::new(program);
    command.arg0(std::env::current_exe().as_deref().unwrap_or(program));
    command.arg("run").arg(config).arg("--runs").arg(runs).arg("--resume-or-start").arg("--of-sweep").arg(sweep);
    command.env_remove(logging::VARIABLE);
    // Where neither the config nor the user says how many; it is no part of the run, whose bits do not depend on it.
    if std::env::var_os("RAYON_NUM_THREADS").is_none() {
        command.env("RAYON_NUM_THREADS", threads.to_string());
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_does_not_hear_of_what_the_sweeps_screen_shows() {
        let files = ["bntt", "a.toml", "runs", "sweep.toml"].map(Path::new);
        let command = command(files[0], files[1], files[2], files[3], 2);
        assert!(command.get_envs().any(|(name, value)| name == "RUST_LOG" && value.is_none()));
    }
}
