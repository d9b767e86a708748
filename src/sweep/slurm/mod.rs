//! A sweep as SLURM's job arrays: one task a run that is neither complete nor queued already.
//!
//! Every submission has a folder of its own, `<runs>/<sweep>.slurm/0001`, which stays: the experiments of its runs as
//! they were then (`0.toml`, ...), the script, the job's number, a log a task. Task N is `bntt run N.toml
//! --resume-or-start`: so a task that SLURM queues again, after a preemption or a node's failure, loses nothing. A
//! minute before the job's time is over the task saves, and asks to be queued again.

mod commands;
mod script;
mod submission;

use super::{Sweep, SweepRun};
use crate::error::{Error, Result};
use crate::experiment::{CheckedExperiment, Experiment};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use submission::Submission;

/// A job array that was submitted.
pub struct Job {
    pub number: String,
    /// Its tasks.
    pub runs: usize,
}

/// Submits the runs that are due, in as many arrays as SLURM's largest demands; `options` go to sbatch.
///
/// # Errors
/// [`Error::Run`] for options that are this program's own, for paths that SLURM cannot be told, and with what sbatch
/// said, or that there is none; it names what was submitted before. [`Error::Io`] when a submission's folder cannot be
/// written.
pub fn submit(sweep: &Sweep, due: &[&SweepRun], runs: &Path, options: &[String]) -> Result<Vec<Job>> {
    commands::check(options)?;
    let folder = folder(sweep, runs)?;
    let most = commands::most_tasks();
    let submissions = due.chunks(most).map(|runs_of_one| Submission::prepare(&folder, sweep, runs_of_one, runs));
    let (mut jobs, submissions): (Vec<Job>, Vec<Submission>) = (Vec::new(), submissions.collect::<Result<_>>()?);
    for submission in submissions {
        let job = submission.submit(&sweep.name, options).map_err(|error| after(&jobs, &error))?;
        jobs.push(job);
    }
    Ok(jobs)
}

/// A task that SLURM still knows of.
pub struct KnownTask {
    /// SLURM's word: `PENDING`, `RUNNING`.
    pub state: String,
    /// The experiment that it trains.
    config: PathBuf,
}

impl KnownTask {
    /// Whether it trains, or will, what `run` is now: a sweep's file may have changed since.
    pub fn is_to_train(&self, run: &SweepRun) -> bool {
        let same = |found: CheckedExperiment| found.experiment == run.checked.experiment;
        !commands::is_over(&self.state) && Experiment::load(&self.config, &[]).is_ok_and(same)
    }
}

/// The tasks that SLURM still knows of, by the name of their run, whichever submission they are of, in order. None
/// where nothing was submitted; a warning where SLURM cannot be asked.
///
/// # Errors
/// [`Error::Io`] when the folder of the submissions cannot be read.
pub fn tasks(sweep: &Sweep, runs: &Path) -> Result<BTreeMap<String, Vec<KnownTask>>> {
    let submissions = Submission::all(&folder(sweep, runs)?)?;
    let known = commands::tasks(submissions.iter().filter_map(Submission::job));
    let mut tasks: BTreeMap<String, Vec<KnownTask>> = BTreeMap::new();
    for submission in &submissions {
        for task in known.iter().filter(|task| Some(task.job.as_str()) == submission.job()) {
            if let Some(name) = submission.name(task.index) {
                let (state, config) = (task.state.clone(), submission.config(task.index));
                tasks.entry(name).or_default().push(KnownTask { state, config });
            }
        }
    }
    Ok(tasks)
}

fn folder(sweep: &Sweep, runs: &Path) -> Result<PathBuf> {
    std::path::absolute(runs.join(format!("{}.slurm", sweep.name))).map_err(Error::io("find", runs))
}

/// What went wrong, and what goes on all the same.
fn after(jobs: &[Job], error: &Error) -> Error {
    let numbers = jobs.iter().map(|job| job.number.as_str()).collect::<Vec<_>>().join(" ");
    let runs = jobs.iter().map(|job| job.runs).fold(0, usize::saturating_add);
    Error::Run(match jobs {
        [] => error.to_string(),
        _ => format!(
            "{error}\n{runs} runs were submitted before: `scancel {numbers}` cancels them, the same command submits the rest."
        ),
    })
}
