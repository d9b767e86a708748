//! The runs of a sweep as tables: what they cost, and how they stand.

use super::{SweepArguments, times};
use crate::error::Result;
use crate::report::table::text::{self, terminal_width};
use crate::report::table::{Printout, Table};
use crate::run::listing::RunSummary;
use crate::sweep::{Sweep, SweepRun, slurm};
use crate::terminal::amounts::{bytes, count, grouped, rough_duration};
use serde_json::Value as Json;

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

/// The runs and what each costs, with the time that is left of it where steps are timed.
pub fn plan(sweep: &Sweep, arguments: &SweepArguments) -> Result<Printout> {
    let standings = sweep.standings(&arguments.runs)?;
    let times = (!arguments.no_timing).then(|| times::of_runs(sweep, &standings, usize::from(arguments.jobs)));
    let mut header = head(sweep, &["state", "parameters", "MACs", "memory"]);
    header.extend(times.as_ref().map(|_| "time".to_string()));
    let mut rows = Vec::new();
    for (number, (run, standing)) in sweep.runs.iter().zip(&standings).enumerate() {
        let state = standing.as_ref().map_or("not run".into(), |found| state_of(run, found));
        let plan = &run.checked.plan;
        let peak = run.checked.peak_bytes(plan.time_steps, run.checked.experiment.data.batch_size);
        let costs = [state, grouped(plan.parameters() as u64), count(plan.macs()), peak.map_or(String::new(), bytes)];
        let seconds = times.as_ref().map(|times| times.seconds.get(number).copied().flatten());
        let time = seconds.map(|seconds| seconds.map_or(String::new(), rough_duration));
        rows.push(
            [vec![number.to_string()], settings(sweep, run), costs.to_vec(), time.into_iter().collect()].concat(),
        );
    }
    let table = Table { header, rows, left: sweep.axes.len().saturating_add(3), ..Table::default() };
    let text = format!(
        "{}: {} runs under {}\n\n{}\nMACs are per image and time-step, memory is the predicted peak of a training step.\n{}",
        sweep.name,
        sweep.runs.len(),
        arguments.runs.display(),
        text::in_parts(&table, terminal_width()),
        times.as_ref().map_or(String::new(), |times| times.words())
    );
    let printout = Printout::new(text, vec![table]);
    Ok(match times {
        Some(times) => Printout { json: with_seconds(printout.json, &times.seconds), ..printout },
        None => printout,
    })
}

/// Rows with their times as numbers.
fn with_seconds(mut rows: Json, seconds: &[Option<f64>]) -> Json {
    for (row, seconds) in rows.as_array_mut().into_iter().flatten().zip(seconds) {
        if let Some(row) = row.as_object_mut() {
            row.remove("time");
            row.insert("seconds".into(), (*seconds).into());
        }
    }
    rows
}

/// `completed`, or where a run of another name has computed the same.
fn state_of(run: &SweepRun, found: &RunSummary) -> String {
    match found.name == run.name {
        true => found.state.into(),
        false => format!("{} as {}", found.state, found.path.display()),
    }
}

/// The runs and how each stands.
pub fn states(sweep: &Sweep, arguments: &SweepArguments) -> Result<Printout> {
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
    Ok(Printout::new(format!("{}\n\n{}", sweep.name, text::in_parts(&table, terminal_width())), vec![table]))
}
