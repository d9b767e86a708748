//! The runs of a sweep on this machine, some at a time, each a process of its own: one that fails leaves the others
//! alone.
//!
//! Another process may work on the same runs. Whose a run is, its lock tells; how it ended, its folder tells, not what
//! the process said. A run that is at work elsewhere is passed over, and looked at again when nothing else is due.
//! Which GPU a run has, [`GpuSlots`] tells.

mod child;
mod folder_state;
mod gpu_slots;
#[cfg(test)]
mod gpu_tests;
#[cfg(test)]
mod tests;
mod warnings;

pub use self::gpu_slots::GpuSlots;

use self::child::{Child, command};
use self::folder_state::{FolderState, QueuedRun, judge, look};
use self::gpu_slots::GpuGrant;
use super::{FrozenConfigs, IncompleteRuns, Sweep, SweepRun};
use crate::error::StopReason;
use crate::error::{Error, Result};
use crate::system::gpus;
use crate::system::program;
use crate::system::signals::Stop;
use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

/// How often children are looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What is told while the jobs work.
pub enum JobEvent<'a> {
    /// A run begins, or goes on; with the GPU that it was given, in words.
    Started { run: &'a SweepRun, gpu: Option<String> },
    /// It has warned of something, for the first time.
    Warned { run: &'a SweepRun, warnings: Vec<String> },
    /// It ended well.
    Completed { run: &'a SweepRun, seconds: f64 },
    /// It was asked to stop, and can be resumed.
    Stopped { run: &'a SweepRun },
    /// It ended with an error, the last that it said.
    Failed { run: &'a SweepRun, said: String },
    /// Another process works on it.
    AtWork { run: &'a SweepRun },
    /// Another process has completed it.
    CompletedElsewhere { run: &'a SweepRun },
}

/// How the jobs ended together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobsOutcome {
    /// Runs that failed, here or in another process meanwhile.
    pub failed: usize,
    /// Runs that are left to another process.
    pub at_work: usize,
    /// Why not all runs were begun.
    pub stopped: Option<StopReason>,
}

/// With what the runs are trained.
pub struct Jobs<'a> {
    pub sweep: &'a Sweep,
    pub runs: &'a Path,
    /// Processes at a time.
    pub at_a_time: usize,
    /// Those that runs are given.
    pub gpus: &'a GpuSlots,
    pub stop: &'a Stop,
}

/// The runs of a sweep, where each of them is.
struct SweepJobs<'w, 'a> {
    jobs: &'w Jobs<'w>,
    program: &'w Path,
    frozen: FrozenConfigs,
    waiting: VecDeque<QueuedRun<'a>>,
    elsewhere: Vec<QueuedRun<'a>>,
    at_work: Vec<Child<'a>>,
    ended: JobsOutcome,
}

type ReportEvent<'t, 'a> = &'t mut dyn FnMut(JobEvent<'a>);

impl Jobs<'_> {
    /// Trains the runs that are due, until all are done or a stop is asked for; then those at work are asked to stop,
    /// and waited for.
    ///
    /// # Errors
    /// [`Error::Io`] when nothing can be written below `runs`, [`Error::Run`] when this program cannot find itself.
    pub fn train<'a>(&self, due: &IncompleteRuns<'a>, mut report: impl FnMut(JobEvent<'a>)) -> Result<JobsOutcome> {
        self.train_with(&program::itself()?, due, &mut report)
    }

    fn train_with<'a>(
        &self,
        program: &Path,
        due: &IncompleteRuns<'a>,
        report: ReportEvent<'_, 'a>,
    ) -> Result<JobsOutcome> {
        let elsewhere: Vec<QueuedRun<'a>> =
            due.at_work.iter().map(|run| pass_over(QueuedRun::new(run), report)).collect();
        if due.to_train.is_empty() {
            return Ok(JobsOutcome { at_work: elsewhere.len(), ..JobsOutcome::default() });
        }
        let mut work = SweepJobs {
            jobs: self,
            program,
            frozen: FrozenConfigs::begin(self.runs)?,
            waiting: due.to_train.iter().map(|run| QueuedRun::read(run, self.runs)).collect(),
            elsewhere,
            at_work: Vec::new(),
            ended: JobsOutcome::default(),
        };
        loop {
            work.ended.stopped = work.ended.stopped.or(self.stop.requested());
            let is_free = work.hear(report);
            work.begin(is_free, report);
            if work.at_work.is_empty() {
                return Ok(JobsOutcome { at_work: work.elsewhere.len(), ..work.ended });
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn start<'a>(
        &self,
        program: &Path,
        frozen: &FrozenConfigs,
        run: &'a SweepRun,
        grant: GpuGrant,
    ) -> Result<Child<'a>> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(Error::io("find", path));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.checked_div(self.at_a_time).unwrap_or(1).max(1);
        let config = frozen.write(run)?;
        let mut command = command(program, &config, &absolute(self.runs)?, &absolute(&self.sweep.path)?, threads);
        if let Some(gpu) = self.gpus.shown_alone(grant) {
            command.env(gpus::VARIABLE, gpu);
        }
        Child::start(command, run, grant)
    }
}

impl<'a> SweepJobs<'_, 'a> {
    /// Passes a stop on to the processes, and takes up what became of those that ended. Whether any did, or there is
    /// none.
    fn hear(&mut self, report: ReportEvent<'_, 'a>) -> bool {
        let mut still = Vec::new();
        let before = self.at_work.len();
        for mut child in std::mem::take(&mut self.at_work) {
            self.ended.stopped.into_iter().for_each(|reason| child.report(reason));
            let ended = child.ended();
            let warnings = child.warnings();
            if !warnings.is_empty() {
                report(JobEvent::Warned { run: child.run, warnings });
            }
            match ended {
                Ok(None) => still.push(child),
                Ok(Some(status)) => match judge(&child, status, self.jobs.runs) {
                    JobEvent::AtWork { run } => self.elsewhere.push(pass_over(QueuedRun::new(run), report)),
                    event => self.count(event, report),
                },
                Err(e) => {
                    let said = format!("cannot wait for its process: {e}.");
                    self.count(JobEvent::Failed { run: child.run, said }, report);
                }
            }
        }
        self.at_work = still;
        self.at_work.is_empty() || self.at_work.len() < before
    }

    /// The first run that waits for nothing but its turn, and the GPU that it may have. One that waits for a GPU lets
    /// others pass.
    fn next(&mut self) -> Option<(QueuedRun<'a>, GpuGrant)> {
        // What a process held is free once it has ended, however it did.
        let taken: Vec<usize> = self.at_work.iter().filter_map(|child| child.grant.slot()).collect();
        let granted = |queued: &QueuedRun<'_>| self.jobs.gpus.grant(queued.run, &taken);
        let (place, grant) =
            self.waiting.iter().enumerate().find_map(|(place, queued)| Some((place, granted(queued)?)))?;
        Some((self.waiting.remove(place)?, grant))
    }

    /// Begins runs that wait, as many as may be at work; where none waits and `is_free` says so, those that were at
    /// work elsewhere.
    fn begin(&mut self, is_free: bool, report: ReportEvent<'_, 'a>) {
        if self.waiting.is_empty() && is_free && self.ended.stopped.is_none() {
            self.waiting = std::mem::take(&mut self.elsewhere).into();
        }
        while self.at_work.len() < self.jobs.at_a_time.max(1)
            && self.ended.stopped.is_none()
            && let Some((next, grant)) = self.next()
        {
            let run = next.run;
            match look(&next, self.jobs.runs) {
                FolderState::Due => match self.jobs.start(self.program, &self.frozen, run, grant) {
                    Ok(child) => {
                        report(JobEvent::Started { run, gpu: self.jobs.gpus.label(grant) });
                        self.at_work.push(child);
                    }
                    Err(error) => self.count(JobEvent::Failed { run, said: error.to_string() }, report),
                },
                FolderState::AtWork => self.elsewhere.push(pass_over(next, report)),
                FolderState::Completed => report(JobEvent::CompletedElsewhere { run }),
                FolderState::Failed(said) => self.count(JobEvent::Failed { run, said }, report),
            }
        }
    }

    fn count(&mut self, event: JobEvent<'a>, report: ReportEvent<'_, 'a>) {
        self.ended.failed = self.ended.failed.saturating_add(matches!(event, JobEvent::Failed { .. }).into());
        report(event);
    }
}

/// Tells of a run that is at work elsewhere, the first time. What becomes of it there is not done again here.
fn pass_over<'a>(waiting: QueuedRun<'a>, report: ReportEvent<'_, 'a>) -> QueuedRun<'a> {
    if !waiting.passed_over {
        report(JobEvent::AtWork { run: waiting.run });
    }
    QueuedRun { failed_after: None, passed_over: true, ..waiting }
}
