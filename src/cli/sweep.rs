//! `bntt sweep`.

use super::meant::{FileKind, of_other_kind};
use super::path_argument::path;
use super::run::print_end;
use crate::error::{Error, Result};
use crate::report::table::{Printout, Table, text};
use crate::run::listing::RunSummary;
use crate::sweep::{FrozenConfigs, GpuSlots, JobEvent, Jobs, JobsOutcome, Sweep, SweepRun, slurm};
use crate::system::signals::Stop;
use crate::terminal::amounts::{bytes, count, grouped};
use crate::terminal::logging::Log;
use crate::train::session::{self, SessionOptions};
use std::path::PathBuf;
use tracing::{error, info};

/// Train all runs of a sweep: what is complete is skipped, what was stopped goes on.
///
/// A sweep is a file that names a base experiment and what its runs differ in: `grid`, `zip`, `variants`, `seeds`. Stop
/// it and start it again at will; a run that fails does not stop the others.
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
    /// Show the runs and what they cost, and train none.
    #[arg(long, group = "instead")]
    dry_run: bool,
    /// Show how the runs stand, and train none.
    #[arg(long, group = "instead")]
    status: bool,
    /// Submit the runs as a SLURM job array; all that follows goes to sbatch.
    #[arg(long, group = "instead", value_name = "SBATCH OPTIONS", num_args = 0.., allow_hyphen_values = true)]
    slurm: Option<Vec<String>>,
    /// Train run number N alone, in this process.
    #[arg(long, group = "instead", value_name = "N")]
    only: Option<usize>,
    #[command(flatten)]
    format: super::FormatArgument,
}

pub fn sweep(arguments: &SweepArguments, log: &Log) -> Result<()> {
    let sweep =
        Sweep::load(&arguments.sweep).map_err(|error| of_other_kind(error, &arguments.sweep, &[FileKind::Sweep]))?;
    if let Some(number) = arguments.only {
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
            stop: Stop::on_signals()?,
            ..SessionOptions::new(&arguments.runs, log)
        };
        return print_end(&session::start(&frozen.write(run)?, &[], options)?);
    }
    if arguments.dry_run {
        return arguments.format.print(plan(&sweep, arguments)?);
    }
    if arguments.status {
        return arguments.format.print(states(&sweep, arguments)?);
    }
    if let Some(options) = &arguments.slurm {
        return submit(&sweep, arguments, options);
    }
    let (all, due) = (sweep.runs.len(), sweep.due(&arguments.runs)?);
    info!("{}: {all} runs, {} to train, {} at a time", sweep.name, due.to_train.len(), arguments.jobs);
    let (at_a_time, gpus) = (usize::from(arguments.jobs), GpuSlots::find(&due, &arguments.gpus)?);
    gpus.describe(at_a_time, due.to_train.len()).into_iter().for_each(|said| info!("{said}"));
    let stop = Stop::on_signals()?;
    let jobs = Jobs { sweep: &sweep, runs: &arguments.runs, at_a_time, gpus: &gpus, stop: &stop };
    let JobsOutcome { failed, at_work, stopped } = jobs.train(&due, report)?;
    // Whether anybody reads it does not change how the runs ended.
    let shown = states(&sweep, arguments).and_then(|states| arguments.format.print(states));
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

fn report(event: JobEvent<'_>) {
    match event {
        JobEvent::Started { run, gpu: Some(gpu) } => info!("{}: training on {gpu}", run.name),
        JobEvent::Started { run, gpu: None } => info!("{}: training", run.name),
        JobEvent::Completed { run, seconds } => info!("{}: completed, {seconds:.0} s", run.name),
        JobEvent::Stopped { run } => info!("{}: stopped, saved", run.name),
        JobEvent::Failed { run, said } => error!("{}: {said}", run.name),
        JobEvent::AtWork { run } => info!("{}: at work in another process, passed over", run.name),
        JobEvent::CompletedElsewhere { run } => info!("{}: completed by another process", run.name),
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

/// The axes' columns of a table, and what a run has in them.
fn settings(sweep: &Sweep, run: &SweepRun) -> Vec<String> {
    let value = |axis: &String| {
        run.settings.iter().find(|(key, _)| key == axis).map_or(String::new(), |(_, value)| value.clone())
    };
    sweep.axes.iter().map(value).chain([run.seed.to_string()]).collect()
}

fn head(sweep: &Sweep, rest: &[&str]) -> Vec<String> {
    let axes = sweep.axes.iter().map(String::as_str).chain(["seed"]);
    ["run"].into_iter().chain(axes).chain(rest.iter().copied()).map(String::from).collect()
}

fn plan(sweep: &Sweep, arguments: &SweepArguments) -> Result<Printout> {
    let header = head(sweep, &["state", "parameters", "MACs", "memory"]);
    let mut rows = Vec::new();
    let standings = sweep.standings(&arguments.runs)?;
    for (number, (run, standing)) in sweep.runs.iter().zip(standings).enumerate() {
        let state = standing.map_or("not run".into(), |found| state_of(run, &found));
        let plan = &run.checked.plan;
        let peak = run.checked.peak_bytes(plan.time_steps, run.checked.experiment.data.batch_size);
        let costs = [state, grouped(plan.parameters() as u64), count(plan.macs()), peak.map_or(String::new(), bytes)];
        rows.push([vec![number.to_string()], settings(sweep, run), costs.to_vec()].concat());
    }
    let table = Table { header, rows, left: sweep.axes.len().saturating_add(3), ..Table::default() };
    let text = format!(
        "{}: {} runs under {}\n\n{}\nMACs are per image and time-step, memory is the predicted peak of a training step.\n",
        sweep.name,
        sweep.runs.len(),
        arguments.runs.display(),
        text::render(&table, None)
    );
    Ok(Printout::new(text, vec![table]))
}

/// `completed`, or where a run of another name has computed the same.
fn state_of(run: &SweepRun, found: &RunSummary) -> String {
    match found.name == run.name {
        true => found.state.into(),
        false => format!("{} as {}", found.state, found.path.display()),
    }
}

fn states(sweep: &Sweep, arguments: &SweepArguments) -> Result<Printout> {
    let tasks = slurm::tasks(sweep, &arguments.runs)?;
    let header = head(sweep, &["state", "epochs", "best top-1", "epoch"]);
    let mut rows = Vec::new();
    let standings = sweep.standings(&arguments.runs)?;
    for (number, (run, standing)) in sweep.runs.iter().zip(standings).enumerate() {
        let (mut state, mut results) = ("not run".to_string(), vec![String::new(); 3]);
        if let Some(found) = standing {
            state = state_of(run, &found);
            results = found.result_cells().to_vec();
        }
        let known = || tasks.get(&run.name).into_iter().flatten().map(|task| task.state.as_str());
        if let Some(task) = known().find(|state| *state == "RUNNING").or(known().next_back()) {
            state = format!("{state} (SLURM: {})", task.to_lowercase());
        }
        rows.push([vec![number.to_string()], settings(sweep, run), vec![state], results].concat());
    }
    let table = Table { header, rows, left: sweep.axes.len().saturating_add(3), ..Table::default() };
    Ok(Printout::new(format!("{}\n\n{}", sweep.name, text::render(&table, None)), vec![table]))
}
