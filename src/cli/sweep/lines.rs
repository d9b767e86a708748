//! What is said while the runs of a sweep are trained: a line for each that begins and that ends.

use super::SweepArguments;
use crate::error::Result;
use crate::run::RunFolder;
use crate::run::results::Results;
use crate::sweep::{IncompleteRuns, JobEvent, Sweep, SweepRun, TimeLeft};
use crate::terminal::amounts::{duration, rough_duration};
use crate::terminal::logging::Log;
use crate::terminal::printing::shortened;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;
use tracing::{error, info, warn};

/// Of a name that is shortened so much is left.
const SHORTEST_NAME: usize = 16;

/// Tells of runs, and counts them.
pub struct SweepLines<'a> {
    runs: &'a Path,
    log: &'a Log,
    /// What the names of all runs begin with.
    sweep: String,
    all: usize,
    completed: usize,
    began: Instant,
    time: TimeLeft,
    failed: Vec<(String, String)>,
    /// What was warned of that is no matter of one run's epochs.
    warned: BTreeSet<String>,
}

impl<'a> SweepLines<'a> {
    /// Of a sweep that begins now, with the runs that are due.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`] when the folder of runs cannot be read.
    pub fn begin(sweep: &Sweep, due: &IncompleteRuns<'_>, arguments: &'a SweepArguments, log: &'a Log) -> Result<Self> {
        let standings = sweep.standings(&arguments.runs)?;
        let all = sweep.runs.len();
        let incomplete = due.to_train.len().saturating_add(due.at_work.len());
        let time = TimeLeft::new(&sweep.runs, &standings, &due.to_train, usize::from(arguments.jobs));
        let completed = all.saturating_sub(incomplete);
        Ok(Self {
            runs: &arguments.runs,
            log,
            sweep: format!("{}.", sweep.name),
            all,
            completed,
            began: Instant::now(),
            time,
            failed: Vec::new(),
            warned: BTreeSet::new(),
        })
    }

    /// The runs that failed, each with its error.
    pub fn failed(&self) -> &[(String, String)] {
        &self.failed
    }

    /// Says what has become of a run.
    pub fn tell(&mut self, event: JobEvent<'_>) {
        let now = self.began.elapsed().as_secs_f64();
        match event {
            JobEvent::Started { run, gpu } => {
                self.time.started(&run.name, now);
                let gpu = gpu.map_or(String::new(), |gpu| format!(" on {gpu}"));
                info!("{}: training{gpu}", run.name);
            }
            JobEvent::Warned { run, warnings } => {
                for warning in warnings {
                    // A setting that takes no effect takes none in any run.
                    if warning.starts_with("epoch ") || self.warned.insert(warning.clone()) {
                        warn!("{}: {warning}", run.name);
                    }
                }
            }
            JobEvent::Completed { run, seconds } => {
                self.time.completed(&run.name, seconds);
                let [whole, short] = self.accuracy(run).map(|accuracy| format!("{accuracy}, {}", duration(seconds)));
                self.completed(run, [&whole, &short], now);
            }
            JobEvent::CompletedElsewhere { run } => {
                self.time.gone(&run.name);
                self.completed(run, ["completed by another process"; 2], now);
            }
            JobEvent::Stopped { run } => info!("{}: stopped, saved", run.name),
            JobEvent::Failed { run, said } => {
                self.time.gone(&run.name);
                error!("{}: {said}", run.name);
                self.failed.push((run.name.clone(), said));
            }
            JobEvent::AtWork { run } => {
                self.time.gone(&run.name);
                info!("{}: at work in another process, passed over", run.name);
            }
        }
    }

    fn completed(&mut self, run: &SweepRun, how: [&str; 2], now: f64) {
        self.completed = self.completed.saturating_add(1);
        let number = format!("[{}/{}]", self.completed, self.all);
        let names = [run.name.as_str(), run.name.strip_prefix(&self.sweep).unwrap_or(&run.name)];
        info!("{}", completed_line(&number, names, how, self.time.left(now), self.log.columns()));
    }

    /// In full, and in short.
    fn accuracy(&self, run: &SweepRun) -> [String; 2] {
        let folder = run.run(self.runs).ok().flatten();
        folder.map_or(["completed".into(), "completed".into()], |folder: RunFolder| accuracy(&Results::read(&folder)))
    }
}

/// `51.25 % after 8 epochs`, and `51.25 %`.
fn accuracy(results: &Results) -> [String; 2] {
    let after = |epochs: usize| if epochs == 1 { "1 epoch".to_string() } else { format!("{epochs} epochs") };
    let early = if results.ended_early { ", ended early" } else { "" };
    let percent = |top1: f64| format!("{top1:.2} %");
    match (results.last, results.best) {
        (Some(last), _) => [format!("{} after {}{early}", percent(last.top1), after(last.epoch)), percent(last.top1)],
        // With validation images.
        (None, Some(best)) => {
            let done = results.epochs_done;
            let whole = format!("{} with the weights of epoch {} of {done}{early}", percent(best.top1), best.epoch);
            [whole, percent(best.top1)]
        }
        (None, None) => [format!("completed after {}", after(results.epochs_done)), "completed".into()],
    }
}

/// `[12/48] NAME: 51.25 % after 8 epochs, 74 s; about 45 min left`. Where a terminal is too narrow, in this order: the
/// name goes without the sweep's, the rest is said in short, the name loses its middle.
fn completed_line(
    number: &str,
    [name, own_name]: [&str; 2],
    [how, in_short]: [&str; 2],
    left: Option<f64>,
    columns: Option<usize>,
) -> String {
    let left = left.filter(|&left| left >= 1.0);
    let left = left.map_or(String::new(), |left| format!("; about {} left", rough_duration(left)));
    let columns = columns.unwrap_or(usize::MAX);
    let lines = [(name, how), (own_name, how), (own_name, in_short)];
    let mut lines = lines.map(|(name, how)| format!("{number} {name}: {how}{left}")).into_iter();
    lines.find(|line| line.chars().count() <= columns).unwrap_or_else(|| {
        let rest = format!("{number} : {in_short}{left}").chars().count();
        let name = shortened(own_name, columns.saturating_sub(rest).max(SHORTEST_NAME));
        format!("{number} {name}: {in_short}{left}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_completed_run_is_one_line_that_fits_where_it_can() {
        let line = |columns| {
            let names = ["norms.BNTT-time_steps5.seed0", "BNTT-time_steps5.seed0"];
            let how = ["51.25 % after 8 epochs, 1 min 14 s", "51.25 %, 1 min 14 s"];
            completed_line("[12/48]", names, how, Some(2700.0), columns)
        };
        let whole = "[12/48] norms.BNTT-time_steps5.seed0: 51.25 % after 8 epochs, 1 min 14 s; about 45 min left";
        assert_eq!([line(None), line(Some(120))], [whole, whole]);
        assert_eq!(
            line(Some(86)),
            "[12/48] BNTT-time_steps5.seed0: 51.25 % after 8 epochs, 1 min 14 s; about 45 min left"
        );
        assert_eq!(line(Some(80)), "[12/48] BNTT-time_steps5.seed0: 51.25 %, 1 min 14 s; about 45 min left");
        assert_eq!(line(Some(66)).chars().count(), 66);
        assert!(line(Some(66)).starts_with("[12/48] BNTT-tim..s5.seed0: 51.25 %"), "{}", line(Some(66)));
        let elsewhere = ["completed by another process"; 2];
        assert_eq!(
            completed_line("[1/2]", ["a", "a"], elsewhere, None, Some(60)),
            "[1/2] a: completed by another process"
        );
    }
}
