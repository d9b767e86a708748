//! How long a sweep still takes, by the runs of it that are complete.
//!
//! What a run costs is predicted in multiply-accumulates: those of its network over all time-steps, images and epochs.
//! Seconds for them come from the runs that were completed in this sitting, or in those before while there are none:
//! these may have had other threads or another machine.

use super::SweepRun;
use crate::run::RunFolder;
use crate::run::listing::RunSummary;
use crate::run::results::Results;
use std::collections::BTreeMap;

/// What is known of the runs of a sweep while it works. Times are in seconds, `at` since it began.
pub struct TimeLeft {
    at_a_time: usize,
    /// Those that are to be trained, by their names.
    runs: BTreeMap<String, RunLeft>,
    before: CompletedWork,
    here: CompletedWork,
}

#[derive(Default)]
struct CompletedWork {
    cost: f64,
    seconds: f64,
}

struct RunLeft {
    /// Of what is left of it.
    cost: f64,
    /// When it began, where it has.
    since: Option<f64>,
}

impl TimeLeft {
    /// Of all runs and how they stand, of which the `to_train` are trained, `at_a_time` at once.
    pub fn new(runs: &[SweepRun], standings: &[Option<RunSummary>], to_train: &[&SweepRun], at_a_time: usize) -> Self {
        let mut time =
            Self { at_a_time, runs: BTreeMap::new(), before: CompletedWork::default(), here: CompletedWork::default() };
        for (run, standing) in runs.iter().zip(standings) {
            match standing {
                Some(found) if found.state == "completed" => {
                    let seconds = Results::read(&RunFolder::at(found.path.clone())).seconds;
                    seconds.into_iter().for_each(|seconds| time.before.add(cost(run), seconds));
                }
                found if to_train.iter().any(|other| other.name == run.name) => {
                    let cost = cost(run) * found.as_ref().map_or(1.0, share_left);
                    time.runs.insert(run.name.clone(), RunLeft { cost, since: None });
                }
                _ => {}
            }
        }
        time
    }

    pub fn started(&mut self, run: &str, at: f64) {
        self.runs.get_mut(run).into_iter().for_each(|run| run.since = Some(at));
    }

    /// A run has been completed in so many seconds.
    pub fn completed(&mut self, run: &str, seconds: f64) {
        if let Some(RunLeft { cost, .. }) = self.runs.remove(run) {
            self.here.add(cost, seconds);
        }
    }

    /// Nothing is left to do of a run.
    pub fn gone(&mut self, run: &str) {
        self.runs.remove(run);
    }

    /// Seconds until the last run ends; nothing while none is complete, or where none is left.
    pub fn left(&self, at: f64) -> Option<f64> {
        let each = self.here.seconds_each().or(self.before.seconds_each())?;
        let at_work = self.runs.values().filter_map(|run| Some((run.cost * each - (at - run.since?)).max(0.0)));
        let waiting = self.runs.values().filter(|run| run.since.is_none()).map(|run| run.cost * each);
        (!self.runs.is_empty()).then(|| until_the_last_ends(at_work.chain(waiting), self.at_a_time))
    }
}

impl CompletedWork {
    fn add(&mut self, cost: f64, seconds: f64) {
        self.cost += cost;
        self.seconds += seconds;
    }

    fn seconds_each(&self) -> Option<f64> {
        (self.cost > 0.0).then(|| self.seconds / self.cost)
    }
}

/// When the last of runs ends that take so many seconds and begin in order, each as soon as fewer than `at_a_time` are
/// at work.
pub fn until_the_last_ends(seconds: impl IntoIterator<Item = f64>, at_a_time: usize) -> f64 {
    let mut ends = vec![0.0f64; at_a_time.clamp(1, 1 << 16)];
    for run in seconds {
        ends.iter_mut().min_by(|a, b| a.total_cmp(b)).into_iter().for_each(|first| *first += run);
    }
    ends.into_iter().fold(0.0, f64::max)
}

/// The share of its epochs that a run has to go.
pub fn share_left(run: &RunSummary) -> f64 {
    let epochs = run.epochs.unwrap_or(0).max(1) as f64;
    (1.0 - run.epochs_done as f64 / epochs).max(0.0)
}

/// Multiply-accumulates of a whole run, up to a factor that its sweep's runs share.
fn cost(run: &SweepRun) -> f64 {
    let (experiment, plan) = (&run.checked.experiment, &run.checked.plan);
    let images = experiment.data.most_training_images(Some(&run.checked.shape)).unwrap_or(1);
    let of_step = plan.macs().max(1) as f64 * plan.time_steps as f64;
    of_step * images as f64 * experiment.training.epochs as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Sweep;

    fn time(costs: &[f64], at_a_time: usize) -> TimeLeft {
        let run = |(number, &cost): (usize, &f64)| (format!("run{number}"), RunLeft { cost, since: None });
        TimeLeft {
            at_a_time,
            runs: costs.iter().enumerate().map(run).collect(),
            before: CompletedWork::default(),
            here: CompletedWork::default(),
        }
    }

    #[test]
    fn what_is_left_goes_by_the_runs_that_are_complete_and_by_what_each_costs() {
        let mut time = time(&[1.0, 1.0, 2.0, 4.0], 1);
        assert_eq!(time.left(0.0), None);
        time.started("run0", 0.0);
        time.completed("run0", 10.0);
        assert_eq!(time.left(10.0), Some(70.0));
        // Of the next, 4 s are done; one that takes longer than it should has nothing left that is known.
        time.started("run1", 10.0);
        assert_eq!(time.left(14.0), Some(66.0));
        assert_eq!(time.left(99.0), Some(60.0));
        time.gone("run1");
        assert_eq!(time.left(99.0), Some(60.0));
        // 3 units have taken 70 s.
        time.completed("run2", 60.0);
        assert_eq!(time.left(99.0), Some(4.0 * (70.0 / 3.0)));
        time.gone("run3");
        assert_eq!(time.left(99.0), None);
    }

    #[test]
    fn runs_of_a_sitting_before_tell_while_none_of_this_one_does() {
        let mut time = time(&[1.0, 1.0], 1);
        time.before.add(2.0, 8.0);
        assert_eq!(time.left(0.0), Some(8.0));
        time.completed("run0", 1.0);
        assert_eq!(time.left(1.0), Some(1.0));
    }

    #[test]
    fn several_at_a_time_end_with_the_last() {
        assert_eq!(until_the_last_ends([3.0, 1.0, 1.0, 4.0], 1), 9.0);
        // 3 beside 1 and 1, then 4 after these.
        assert_eq!(until_the_last_ends([3.0, 1.0, 1.0, 4.0], 2), 6.0);
        assert_eq!(until_the_last_ends([3.0, 1.0], 4), 3.0);
        assert_eq!(until_the_last_ends([], 2), 0.0);
        let mut time = time(&[1.0; 5], 2);
        time.before.add(1.0, 10.0);
        time.started("run0", 0.0);
        time.started("run1", 5.0);
        // At 6 s, 4 and 9 are left of those at work, and three more follow.
        assert_eq!(time.left(6.0), Some(24.0));
    }

    #[test]
    fn a_run_costs_its_network_over_time_steps_images_and_epochs() {
        let folder = tempfile::tempdir().unwrap();
        let base = "name = 'a'\ndata = { dataset = 'digits', batch_size = 64, limit = { train = 100 } }\noptimizer = { sgd = { lr = 0.1 } }\n\
                    training = { epochs = 2 }\n[network]\ntime_steps = 3\nencoder = 'poisson'\n\
                    layers = ['flatten', { linear = { features = 20 } }, 'lif', { linear = { features = 'classes' } }]";
        std::fs::write(folder.path().join("base.toml"), base).unwrap();
        let path = folder.path().join("trial.toml");
        std::fs::write(&path, "base = 'base.toml'\ngrid = { 'network.time_steps' = [3, 6] }").unwrap();
        let runs = Sweep::load(&path).unwrap().runs;
        // 64 pixels to 20 neurons to 10 classes, 3 time-steps, 100 images, 2 epochs.
        let macs = 64.0 * 20.0 + 20.0 * 10.0;
        assert_eq!([cost(&runs[0]), cost(&runs[1])], [macs * 3.0 * 200.0, macs * 6.0 * 200.0]);
        let time = TimeLeft::new(&runs, &[None, None], &[&runs[1]], 1);
        assert_eq!((time.runs.len(), time.runs[&runs[1].name].cost), (1, cost(&runs[1])));
    }
}
