//! How long the runs of a sweep will take, by steps that are timed: one for all runs whose steps cost the same.

use crate::data::DataConfig;
use crate::experiment::Experiment;
use crate::run::listing::RunSummary;
use crate::sweep::{Sweep, SweepRun, share_left, until_the_last_ends};
use crate::system::threads;
use crate::terminal::amounts::rough_duration;
use crate::train::timing::{self, RunTiming};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tracing::info;

/// So long is timed in all.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is left of every run.
pub struct RunTimes {
    /// By number; nothing of a run that is complete, and where it is not known.
    pub seconds: Vec<Option<f64>>,
    /// Runs that are not complete.
    left: usize,
    at_a_time: usize,
    /// Why some were not timed.
    problem: Option<String>,
}

/// Times the runs that are not complete.
pub fn of_runs(sweep: &Sweep, standings: &[Option<RunSummary>], at_a_time: usize) -> RunTimes {
    // As many threads as each of them would have.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = cores.checked_div(at_a_time).unwrap_or(1).max(1);
    let of_config = sweep.runs.iter().find_map(|run| run.checked.experiment.training.threads);
    threads::start(of_config.or(std::env::var_os("RAYON_NUM_THREADS").is_none().then_some(share)));

    let left = |run: &Option<RunSummary>| run.as_ref().is_none_or(|found| found.state != "completed");
    let due: Vec<(&SweepRun, &Option<RunSummary>)> =
        sweep.runs.iter().zip(standings).filter(|(_, s)| left(s)).collect();
    let kinds: BTreeSet<String> = due.iter().map(|(run, _)| step_kind(&run.checked.experiment)).collect();
    if kinds.len() > 2 {
        info!("timing steps of {} kinds, for at most {} s", kinds.len(), PATIENCE.as_secs());
    }
    let (began, mut problem) = (Instant::now(), None);
    let mut timed: BTreeMap<String, Option<RunTiming>> = BTreeMap::new();
    for (run, _) in &due {
        let kind = step_kind(&run.checked.experiment);
        if timed.contains_key(&kind) || began.elapsed() > PATIENCE {
            continue;
        }
        let timing = timing::time(&run.checked);
        if let (Err(error), None) = (&timing, &problem) {
            problem = Some(format!("{}: {}", run.name, timing::why_not(error)));
        }
        timed.insert(kind, timing.ok());
    }
    let seconds = sweep.runs.iter().zip(standings).map(|(run, standing)| {
        let timing = timed.get(&step_kind(&run.checked.experiment)).and_then(Option::as_ref);
        let seconds = timing.filter(|_| left(standing))?.for_run(&run.checked).seconds?;
        Some(seconds * standing.as_ref().map_or(1.0, share_left))
    });
    RunTimes { seconds: seconds.collect(), left: due.len(), at_a_time, problem }
}

/// The same for runs whose steps cost the same: what an optimizer is called with, and how long is trained, costs none.
fn step_kind(experiment: &Experiment) -> String {
    let Experiment { data, network, optimizer, training, .. } = experiment;
    let data = DataConfig { limit: None, validation: None, ..data.clone() };
    let training =
        (&training.device, training.evaluation_draws, training.early_exit, &training.loss, training.precision);
    format!("{data:?} {network:?} {:?} {training:?}", optimizer.kind())
}

impl RunTimes {
    /// The sum, and how much of it is known.
    pub fn words(&self) -> String {
        let known: Vec<f64> = self.seconds.iter().copied().flatten().collect();
        let (count, left) = (known.len(), self.left);
        let problem = self.problem.as_ref().map_or(String::new(), |problem| format!("Not timed: {problem}.\n"));
        if left == 0 {
            return "All runs are complete.\n".into();
        }
        if count == 0 {
            let why = "How long they take is not known: nobody knows how many images there are before they are here.\n";
            return if problem.is_empty() { why.into() } else { problem };
        }
        let of = match (left, count) {
            (1, _) => "the run that is left".to_string(),
            (left, count) if left == count => format!("the {left} runs that are left"),
            (left, count) => format!("{count} of the {left} runs that are left; the others are not known"),
        };
        let jobs = self.at_a_time.min(count);
        let sum = known.iter().sum();
        let total = match jobs {
            0 | 1 => format!("About {} for {of}, one after another", rough_duration(sum)),
            jobs => format!(
                "About {} for {of}, {jobs} at a time if none slows another down; one after another {}",
                rough_duration(until_the_last_ends(known, jobs)),
                rough_duration(sum)
            ),
        };
        format!("{total}. Steps were timed on random images before training.\n{problem}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(seconds: &[Option<f64>], left: usize, at_a_time: usize) -> String {
        RunTimes { seconds: seconds.to_vec(), left, at_a_time, problem: None }.words()
    }

    #[test]
    fn the_sum_is_divided_among_jobs_and_says_what_is_not_known() {
        let how = "Steps were timed on random images before training.\n";
        let hour = Some(3600.0);
        assert_eq!(
            words(&[hour, hour, hour, None], 3, 1),
            format!("About 3 h for the 3 runs that are left, one after another. {how}")
        );
        assert_eq!(
            words(&[hour, hour, hour], 3, 2),
            format!(
                "About 2 h for the 3 runs that are left, 2 at a time if none slows another down; one after another 3 h. {how}"
            )
        );
        assert_eq!(
            words(&[hour, None, None], 3, 2),
            format!("About 1 h for 1 of the 3 runs that are left; the others are not known, one after another. {how}")
        );
        assert_eq!(words(&[hour], 1, 4), format!("About 1 h for the run that is left, one after another. {how}"));
        assert_eq!(words(&[None], 0, 1), "All runs are complete.\n");
        assert!(words(&[None], 1, 1).starts_with("How long they take is not known"));
    }
}
