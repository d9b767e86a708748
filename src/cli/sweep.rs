//! `bntt sweep`.

use super::path::path;
use super::run::{Session, train_planned};
use super::table::{bytes, count, grouped, table};
use crate::error::{Error, Result};
use crate::listing::RunSummary;
use crate::logging::Log;
use crate::stop::Stop;
use crate::sweep::{Event, Planned, Sweep, slurm, train};
use std::path::PathBuf;
use tracing::{error, info, warn};

/// Train all runs of a sweep: what is complete is skipped, what was stopped goes on.
///
/// A sweep is a file that names a base experiment and what its runs differ in: `grid`, `zip`, `variants`, `seeds`. Stop it and start it again
/// at will; a run that fails does not stop the others.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt sweep configs/sweeps/norm_ablation.toml --dry-run\n  \
                        bntt sweep configs/sweeps/norm_ablation.toml --jobs 2\n  \
                        bntt sweep configs/sweeps/norm_ablation.toml --slurm --partition=gpu --gres=gpu:1 --time=4:00:00")]
pub struct Arguments {
    /// Sweep file.
    #[arg(value_parser = path())]
    sweep: PathBuf,
    /// Where run folders go.
    #[arg(long, value_name = "DIR", default_value = "runs", value_parser = path())]
    runs: PathBuf,
    /// Runs at a time, each a process of its own with its share of the cores.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Show the runs and what they cost, and train none.
    #[arg(long, group = "instead")]
    dry_run: bool,
    /// Show how the runs stand, and train none.
    #[arg(long, group = "instead")]
    status: bool,
    /// Submit the runs as a SLURM job array; all that follows goes to sbatch.
    #[arg(long, group = "instead", value_name = "SBATCH OPTIONS", num_args = 0.., allow_hyphen_values = true)]
    slurm: Option<Vec<String>>,
    /// Train run number N alone, in this process: a task of the job array.
    #[arg(long, group = "instead", value_name = "N")]
    only: Option<usize>,
}

pub fn sweep(arguments: &Arguments, log: &Log) -> Result<()> {
    let sweep = Sweep::load(&arguments.sweep)?;
    if let Some(number) = arguments.only {
        let count = sweep.runs.len();
        let Some(run) = sweep.runs.get(number) else {
            return Err(Error::Run(format!(
                "there is no run {number}: the sweep has runs 0 to {}",
                count.saturating_sub(1)
            )));
        };
        let session = Session { runs: &arguments.runs, resume: true, insist: false, log };
        return train_planned(&run.config, &run.overrides, &session);
    }
    if arguments.dry_run {
        return super::print(&plan(&sweep, arguments)?);
    }
    if arguments.status {
        return super::print(&states(&sweep, arguments)?);
    }
    let due = due(&sweep, arguments)?;
    if let Some(options) = &arguments.slurm {
        if due.is_empty() {
            return super::print("all runs are complete: nothing is submitted\n");
        }
        let job = slurm::submit(&sweep, &due, &arguments.runs, options)?;
        let (number, path) = (due.len(), arguments.sweep.display());
        return super::print(&format!("job {job}: {number} runs; `bntt sweep {path} --status` shows how they stand\n"));
    }
    let all = sweep.runs.len();
    info!("{}: {all} runs, {} to train, {} at a time", sweep.name, due.len(), arguments.jobs);
    let stop = Stop::on_signals()?;
    let ended = train(&sweep, &due, &arguments.runs, arguments.jobs.into(), &stop, tell)?;
    super::print(&states(&sweep, arguments)?)?;
    match (ended.stopped, ended.failed) {
        (Some(reason), _) => {
            info!("stopped by {}: the same command goes on", reason.name());
            Err(Error::Interrupted(reason))
        }
        (None, 0) => Ok(()),
        (None, failed) => Err(Error::Run(format!("{failed} of {all} runs failed; the same command tries them again"))),
    }
}

fn tell(event: Event<'_>) {
    match event {
        Event::Started { run } => info!("{}: training", run.name),
        Event::Completed { run, seconds } => info!("{}: completed, {seconds:.0} s", run.name),
        Event::Stopped { run } => info!("{}: stopped, saved", run.name),
        Event::Failed { run, said } => error!("{}: {said}", run.name),
    }
}

/// The runs that are neither complete nor at work elsewhere, by their place.
fn due(sweep: &Sweep, arguments: &Arguments) -> Result<Vec<usize>> {
    let mut due = Vec::new();
    for (number, run) in sweep.runs.iter().enumerate() {
        match run.summary(&arguments.runs)? {
            Some(RunSummary { state: "completed", .. }) => {}
            Some(RunSummary { state: "running", path, .. }) => warn!("{} is at work elsewhere", path.display()),
            _ => due.push(number),
        }
    }
    Ok(due)
}

/// The axes' columns of a table, and what a run has in them.
fn settings(sweep: &Sweep, run: &Planned) -> Vec<String> {
    let value = |axis: &String| {
        run.settings.iter().find(|(key, _)| key == axis).map_or(String::new(), |(_, value)| value.clone())
    };
    sweep.axes.iter().map(value).chain([run.seed.to_string()]).collect()
}

fn head(sweep: &Sweep, rest: &[&str]) -> Vec<String> {
    let axes = sweep.axes.iter().map(String::as_str).chain(["seed"]);
    ["run"].into_iter().chain(axes).chain(rest.iter().copied()).map(String::from).collect()
}

fn plan(sweep: &Sweep, arguments: &Arguments) -> Result<String> {
    let mut rows = vec![head(sweep, &["state", "parameters", "MACs", "memory"])];
    for (number, run) in sweep.runs.iter().enumerate() {
        let state = run.summary(&arguments.runs)?.map_or("not run", |summary| summary.state);
        let plan = &run.checked.plan;
        let peak = run.checked.peak_bytes(plan.time_steps, run.checked.experiment.data.batch_size);
        let costs =
            [state.into(), grouped(plan.parameters() as u64), count(plan.macs()), peak.map_or(String::new(), bytes)];
        rows.push([vec![number.to_string()], settings(sweep, run), costs.to_vec()].concat());
    }
    let left = sweep.axes.len().saturating_add(3);
    Ok(format!(
        "{}: {} runs under {}\n\n{}\nMACs are per image and time-step, memory is the predicted peak of a training step.\n",
        sweep.name,
        sweep.runs.len(),
        arguments.runs.display(),
        table(&rows, left)
    ))
}

fn states(sweep: &Sweep, arguments: &Arguments) -> Result<String> {
    let tasks = slurm::tasks(sweep, &arguments.runs)?;
    let mut rows = vec![head(sweep, &["state", "epochs", "best top-1", "epoch"])];
    for (number, run) in sweep.runs.iter().enumerate() {
        let (mut state, mut results) = ("not run".to_string(), vec![String::new(); 3]);
        if let Some(run) = run.summary(&arguments.runs)? {
            state = run.state.into();
            let asked = run.epochs.map_or(String::new(), |epochs| format!("/{epochs}"));
            let best = run.best_accuracy.map_or(String::new(), |top1| format!("{top1:.2} %"));
            results = vec![
                format!("{}{asked}", run.epochs_done),
                best,
                run.best_epoch.map_or(String::new(), |epoch| epoch.to_string()),
            ];
        }
        if let Some(task) = tasks.get(&number) {
            state = format!("{state} (SLURM: {})", task.to_lowercase());
        }
        rows.push([vec![number.to_string()], settings(sweep, run), vec![state], results].concat());
    }
    Ok(format!("{}\n\n{}", sweep.name, table(&rows, sweep.axes.len().saturating_add(3))))
}
