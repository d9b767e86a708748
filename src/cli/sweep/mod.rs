//! `bntt sweep`.

mod lines;
mod summary;
mod tables;
mod times;

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use super::run::print_folder;
use crate::error::{Error, Result};
use crate::report::table::Format;
use crate::sweep::{FrozenConfigs, GpuSlots, Jobs, JobsOutcome, Sweep, SweepRun, slurm};
use crate::system::signals::Stop;
use crate::terminal::logging::Log;
use crate::train::session::{self, SessionOptions};
use lines::SweepLines;
use std::path::PathBuf;
use tracing::info;

/// Train all runs of a sweep: what is complete is skipped, what was stopped goes on.
///
/// A sweep is a file that names a base experiment and what its runs differ in: `grid`, `zip`, `variants`, `seeds`. Stop
/// it and start it again at will; a run that fails does not stop the others. Every run that is completed is a line with
/// its accuracy and the time that the sweep still takes; what runs warn of, such as a dead layer, is passed on once.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt sweep configs/sweeps/norm_ablation.toml --dry-run\n  \
                        bntt sweep configs/sweeps/norm_ablation.toml --jobs 2\n  \
                        bntt sweep configs/sweeps/norm_ablation.toml --jobs 4 --gpus 0,1,2,3\n  \
                        bntt sweep configs/sweeps/norm_ablation.toml --slurm --partition=gpu --gres=gpu:1 --time=4:00:00")]
pub struct SweepArguments {
    /// Sweep file.
    #[arg(value_parser = path())]
    sweep: PathBuf,
    /// Where run folders go.
    #[arg(long, value_name = "DIR", default_value = "runs", value_parser = path())]
    runs: PathBuf,
    /// Runs at a time, each a process of its own with its share of the cores and, on GPUs, a GPU of its own.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// GPUs to give to runs, one run a GPU at a time: numbers as in "cuda:0", or UUIDs; all unless given.
    ///
    /// A run whose training.device is "auto" or "cuda:0" gets the first that is free, and waits where none is; "cuda:1"
    /// and so on wait for that GPU, and runs on the CPU for none. A GPU that stands here twice has two runs at a time.
    /// Where CUDA_VISIBLE_DEVICES is set, numbers are places in its list.
    #[arg(long, value_name = "GPU,..", value_delimiter = ',', conflicts_with = "instead")]
    gpus: Vec<String>,
    /// Show the runs and what they cost, and train none: a step of each kind is timed, for at most 20 seconds in all.
    #[arg(long, group = "instead")]
    dry_run: bool,
    /// With --dry-run, time nothing.
    #[arg(long, requires = "dry_run")]
    no_timing: bool,
    /// Show how the runs stand, and train none.
    #[arg(long, group = "instead")]
    status: bool,
    /// Submit the runs as a SLURM job array; all that follows goes to sbatch.
    #[arg(long, group = "instead", value_name = "SBATCH OPTIONS", num_args = 0.., allow_hyphen_values = true)]
    slurm: Option<Vec<String>>,
    /// Train run number N alone, in this process; its folder is all that is printed to standard output.
    #[arg(long, group = "instead", value_name = "N")]
    only: Option<usize>,
    #[command(flatten)]
    format: super::FormatArgument,
}

pub fn sweep(arguments: &SweepArguments, log: &Log) -> Result<()> {
    let sweep =
        Sweep::load(&arguments.sweep).map_err(|error| of_other_kind(error, &arguments.sweep, &[FileKind::Sweep]))?;
    if let Some(number) = arguments.only {
        return train_one(&sweep, arguments, number, log);
    }
    if arguments.dry_run {
        return arguments.format.print(tables::plan(&sweep, arguments)?);
    }
    if arguments.status {
        return arguments.format.print(tables::states(&sweep, arguments)?);
    }
    if let Some(options) = &arguments.slurm {
        return submit(&sweep, arguments, options);
    }
    train(&sweep, arguments, log)
}

fn train_one(sweep: &Sweep, arguments: &SweepArguments, number: usize, log: &Log) -> Result<()> {
    let count = sweep.runs.len();
    let Some(run) = sweep.runs.get(number) else {
        return Err(Error::Run(format!(
            "there is no run {number}: the sweep has runs 0 to {}",
            count.saturating_sub(1)
        )));
    };
    let frozen = FrozenConfigs::begin(&arguments.runs)?;
    let options = SessionOptions {
        resume_or_start: true,
        sweep: Some(run.membership.clone()),
        stop: Stop::on_signals()?,
        ..SessionOptions::new(&arguments.runs, log)
    };
    let config = frozen.write(run)?;
    print_folder(options, |options| session::start(&config, &[], options))
}

fn train(sweep: &Sweep, arguments: &SweepArguments, log: &Log) -> Result<()> {
    let (all, due) = (sweep.runs.len(), sweep.due(&arguments.runs)?);
    info!("{}: {all} runs, {} to train, {} at a time", sweep.name, due.to_train.len(), arguments.jobs);
    let (at_a_time, gpus) = (usize::from(arguments.jobs), GpuSlots::find(&due, &arguments.gpus)?);
    gpus.describe(at_a_time, due.to_train.len()).into_iter().for_each(|said| info!("{said}"));
    let stop = Stop::on_signals()?;
    let jobs = Jobs { sweep, runs: &arguments.runs, at_a_time, gpus: &gpus, stop: &stop };
    let mut lines = SweepLines::begin(sweep, &due, arguments, log)?;
    let JobsOutcome { failed, at_work, stopped } = jobs.train(&due, |event| lines.tell(event))?;
    // Whether anybody reads it does not change how the runs ended.
    let shown = match (stopped, failed, arguments.format.format) {
        (None, 0, Format::Text) => {
            summary::of_end(sweep, arguments).and_then(|text| super::print(&super::fitted(&text)))
        }
        (.., Format::Text) => {
            let text = summary::of_stop(sweep, arguments, lines.failed());
            text.and_then(|text| super::print(&super::fitted(&text)))
        }
        _ => tables::states(sweep, arguments).and_then(|states| arguments.format.print(states)),
    };
    if at_work > 0 {
        info!("{} at work in another process, which is left to it", runs_are(at_work));
    }
    match (stopped, failed) {
        (Some(reason), _) => {
            info!("stopped by {}: the same command goes on", reason.name());
            Err(Error::Interrupted(reason))
        }
        (None, 0) => shown,
        (None, failed) => Err(Error::Run(format!("{failed} of {all} runs failed; the same command tries them again"))),
    }
}

/// `1 run is`, `3 runs are`.
fn runs_are(count: usize) -> String {
    if count == 1 { "1 run is".into() } else { format!("{count} runs are") }
}

fn submit(sweep: &Sweep, arguments: &SweepArguments, options: &[String]) -> Result<()> {
    let (due, tasks) = (sweep.due(&arguments.runs)?, slurm::tasks(sweep, &arguments.runs)?);
    let tasks_of = |run: &SweepRun| tasks.get(&run.name).into_iter().flatten();
    let is_queued = |run: &&SweepRun| tasks_of(run).any(|task| task.is_to_train(run));
    let (queued, new): (Vec<&SweepRun>, Vec<&SweepRun>) = due.to_train.into_iter().partition(is_queued);
    let mut said = Vec::new();
    if !due.at_work.is_empty() {
        said.push(format!("{} at work already", runs_are(due.at_work.len())));
    }
    if !queued.is_empty() {
        said.push(format!("{} queued in SLURM already", runs_are(queued.len())));
    }
    if new.is_empty() {
        let why = if said.is_empty() { "all runs are complete".into() } else { said.join(", ") };
        return super::print(&format!("{why}: nothing is submitted\n"));
    }
    said.into_iter().for_each(|said| info!("{said}: not submitted again"));
    let jobs = slurm::submit(sweep, &new, &arguments.runs, options)?;
    let numbers = jobs.iter().map(|job| job.number.as_str()).collect::<Vec<_>>().join(", ");
    let (word, count, path) = (if jobs.len() == 1 { "job" } else { "jobs" }, new.len(), arguments.sweep.display());
    super::print(&format!("{word} {numbers}: {count} runs; `bntt sweep {path} --status` shows how they stand\n"))
}
