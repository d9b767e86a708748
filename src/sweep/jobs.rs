//! The runs of a sweep on this machine, some at a time, each a process of its own: one that fails leaves the others alone.

use super::{Planned, Sweep};
use crate::error::{Error, Result};
use crate::stop::{Reason, Stop};
use std::collections::VecDeque;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often children are looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Of what a child said, so much is kept for the message about its end.
const MOST_SAID: usize = 1 << 16;

/// What is told while the jobs work.
pub enum Event<'a> {
    /// A run begins, or goes on.
    Started { run: &'a Planned },
    /// It ended well.
    Completed { run: &'a Planned, seconds: f64 },
    /// It was asked to stop, and can be resumed.
    Stopped { run: &'a Planned },
    /// It ended with an error, the last that it said.
    Failed { run: &'a Planned, said: String },
}

/// How the jobs ended together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    pub failed: usize,
    /// Why not all runs were begun.
    pub stopped: Option<Reason>,
}

struct Job<'a> {
    run: &'a Planned,
    child: Child,
    said: JoinHandle<String>,
    started: Instant,
    /// Whether the signal that stops it was passed on.
    told: bool,
}

/// Trains the runs of the sweep that `due` names by their place, `at_a_time` of them, until all are done or `stop` is asked for; then those at
/// work are asked to stop, and waited for.
///
/// # Errors
/// [`Error::Run`] when this program cannot start itself.
pub fn train(
    sweep: &Sweep,
    due: &[usize],
    runs: &Path,
    at_a_time: usize,
    stop: &Stop,
    mut tell: impl FnMut(Event<'_>),
) -> Result<Ended> {
    let program =
        std::env::current_exe().map_err(|e| Error::Run(format!("cannot find this program to start runs: {e}.")))?;
    let threads =
        std::thread::available_parallelism().map_or(1, usize::from).checked_div(at_a_time).unwrap_or(1).max(1);
    let mut waiting: VecDeque<&Planned> = due.iter().filter_map(|&i| sweep.runs.get(i)).collect();
    let (mut at_work, mut ended): (Vec<Job<'_>>, Ended) = (Vec::new(), Ended::default());
    loop {
        ended.stopped = ended.stopped.or(stop.asked());
        let mut still = Vec::new();
        for mut job in at_work {
            if let (Some(reason), false) = (ended.stopped, job.told) {
                job.told = true;
                pass_on(&job.child, reason);
            }
            match job.child.try_wait().map_err(|e| Error::Run(format!("cannot wait for {}: {e}.", job.run.name)))? {
                None => still.push(job),
                Some(status) => {
                    let said = job.said.join().unwrap_or_default();
                    let seconds = job.started.elapsed().as_secs_f64();
                    // A run that stopped for SIGUSR1 ends with 0 too.
                    let stopped = said.contains("stopped by SIG");
                    match status.success() {
                        true if !stopped => tell(Event::Completed { run: job.run, seconds }),
                        _ if stopped => tell(Event::Stopped { run: job.run }),
                        _ => {
                            ended.failed = ended.failed.saturating_add(1);
                            let error = said.rsplit_once("error: ").map_or("", |(_, error)| error).trim();
                            let said = if error.is_empty() { format!("ended with {status}") } else { error.into() };
                            tell(Event::Failed { run: job.run, said });
                        }
                    }
                }
            }
        }
        at_work = still;
        while at_work.len() < at_a_time.max(1)
            && ended.stopped.is_none()
            && let Some(run) = waiting.pop_front()
        {
            tell(Event::Started { run });
            at_work.push(start(&program, run, runs, threads)?);
        }
        if at_work.is_empty() {
            return Ok(ended);
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

fn start<'a>(program: &Path, run: &'a Planned, runs: &Path, threads: usize) -> Result<Job<'a>> {
    let mut command = Command::new(program);
    command.arg("run").arg(&run.config).args(&run.overrides).arg("--runs").arg(runs).arg("--resume-or-start");
    // Where the config does not say how many; it is no part of the run, whose bits do not depend on it.
    command.env("RAYON_NUM_THREADS", threads.to_string());
    // Ctrl-C reaches this process alone, which passes it on: a run that heard it twice would end at once.
    command.process_group(0);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| Error::Run(format!("cannot start {} run {}: {e}.", program.display(), run.name)))?;
    let stderr = child.stderr.take();
    let said = std::thread::spawn(move || stderr.map_or_else(String::new, last_of));
    Ok(Job { run, child, said, started: Instant::now(), told: false })
}

/// The end of what a child says, read until it is silent for good.
fn last_of(mut from: impl Read) -> String {
    let (mut kept, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        kept.extend_from_slice(chunk.get(..count).unwrap_or_default());
        if let Some(more @ MOST_SAID..) = kept.len().checked_sub(MOST_SAID) {
            kept.drain(..more);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn pass_on(child: &Child, reason: Reason) {
    if let Ok(id) = libc::pid_t::try_from(child.id()) {
        // SAFETY: a plain call; the child has not been waited for, so that the number is still its own. One that has just ended takes no harm.
        unsafe { libc::kill(id, reason.signal()) };
    }
}
