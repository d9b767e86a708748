//! Whether two runs compute the same: the one rule of sweep, table, compare, report and `--resume-or-start`.
//!
//! Two runs are the same when their experiments say the same of everything that is computed, and their data and initial
//! weights have the same checksums. What is not computed: the name, where data and initial weights lie,
//! `training.device`, `training.threads`, `training.checkpoint_every`, `training.keep`, `training.tensorboard` and
//! `provenance`; but a key that a sweep or a table sets is never ignored. Runs that differ in their seeds alone are
//! repetitions of one experiment.
//!
//! Where the data of a plan are not on this machine, nothing tells whether they are those of a run but their path, or
//! that all runs in question had the same.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use toml::Table;

use crate::config;
use crate::config::settings::{self, Difference};
use crate::data::DatasetConfig;
use crate::error::{Error, Result};
use crate::experiment::{CheckpointEvery, Experiment, KeptCheckpoints, SHARED};
use crate::files::atomic::sha256_hex;
use crate::files::weights;
use crate::run::initial_weights;
use crate::run::listing;
use crate::run::provenance::{Outcome, Provenance};
use crate::run::{RunFolder, versions};

/// Checksums by the names of the files, wherever they lie.
pub type Checksums = BTreeMap<String, String>;

/// One checksum of those of all data files.
pub fn data_sha256(checksums: &Checksums) -> String {
    let lines: String = checksums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    sha256_hex(lines.as_bytes())
}

/// What differs between the data of a run's beginning and those of now: `train.bin has changed`. Nothing where they are
/// the same.
pub fn changed_data(before: &Checksums, now: &Checksums) -> Vec<String> {
    let lost = before.keys().filter(|name| !now.contains_key(*name)).map(|name| format!("{name} is missing"));
    let other = now.iter().filter_map(|(name, sum)| match before.get(name) {
        Some(old) if old == sum => None,
        Some(_) => Some(format!("{name} has changed")),
        None => Some(format!("{name} is new")),
    });
    lost.chain(other).collect()
}

/// An experiment without what is not computed.
pub fn comparable(experiment: &Experiment) -> Experiment {
    let mut experiment = experiment.clone();
    experiment.data.dataset.spec_mut().paths().into_iter().for_each(|path| path.clear());
    // That there are initial weights counts; which they are, their checksum tells.
    experiment.training.initial_weights.iter_mut().for_each(|weights| weights.path_mut().clear());
    experiment.name.clear();
    experiment.training.device.clear();
    experiment.training.threads = None;
    experiment.training.checkpoint_every = CheckpointEvery::default();
    experiment.training.keep = KeptCheckpoints::default();
    experiment.training.tensorboard = false;
    experiment.provenance = Default::default();
    experiment
}

/// The computed settings in which two experiments differ: `network.lif.leak: 0.9, here 0.95`.
///
/// # Errors
/// Settings that no TOML can hold.
pub fn differences(run: &Experiment, here: &Experiment) -> Result<Vec<String>> {
    let table = |experiment: &Experiment| Ok::<_, Error>(comparable(experiment).to_toml()?.parse::<Table>().ok());
    let (run, here) = (table(run)?, table(here)?);
    let text = |key: &str, value: Option<&Option<toml::Value>>| {
        value.and_then(Option::as_ref).map_or_else(|| "nothing".into(), |value| settings::words(key, value))
    };
    let line = |Difference { key, values }: &Difference| match (text(key, values.first()), text(key, values.get(1))) {
        (run, here) if run == here => format!("{key}: {run}, here {here} that differ"),
        (run, here) => format!("{key}: {run}, here {here}"),
    };
    Ok(settings::differences(&[run.as_ref(), here.as_ref()]).iter().map(line).collect())
}

/// An experiment that runs are looked for.
pub struct RunQuery<'a> {
    /// With absolute paths.
    pub experiment: &'a Experiment,
    /// Keys that count although they are not computed: those that a sweep or a table sets.
    pub set: &'a [String],
    /// Whether other seeds are wanted too.
    pub any_seed: bool,
}

/// What a run folder says of itself.
#[derive(Debug, Clone)]
pub struct RecordedRun {
    pub folder: RunFolder,
    pub experiment: Experiment,
    pub outcome: Outcome,
    data: Checksums,
    initial_weights: Option<String>,
}

impl RecordedRun {
    /// A run stays what it was when its data have moved: they are not asked for.
    ///
    /// # Errors
    /// The name of the file that cannot be read.
    pub fn read(folder: RunFolder) -> Result<Self, &'static str> {
        let loaded = config::load::<Experiment>(&folder.config(), &[], &SHARED).map_err(|_| "config.toml")?;
        let provenance = Provenance::load(&folder.provenance()).map_err(|_| "provenance.json")?;
        let Provenance { outcome, data, initial_weights, .. } = provenance;
        Ok(Self { folder, experiment: loaded.value, outcome, data, initial_weights })
    }

    /// Those of all runs below a folder that can be read, by name and version.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`] when `root` cannot be read.
    pub fn below(root: &Path) -> Result<Vec<Self>> {
        Ok(listing::folders(root)?.into_iter().filter_map(|(.., path)| Self::read(RunFolder::at(path)).ok()).collect())
    }
}

impl RunQuery<'_> {
    /// Those of `runs` that compute what is planned.
    pub fn matching<'r>(&self, runs: impl IntoIterator<Item = &'r RecordedRun>) -> Vec<&'r RecordedRun> {
        let (computed, set) = (self.computed(self.experiment), self.set_values(self.experiment));
        let alike = runs.into_iter().filter(|run| self.computed(&run.experiment) == computed);
        let alike: Vec<&RecordedRun> = alike.filter(|run| self.set_values(&run.experiment) == set).collect();
        if alike.is_empty() {
            return alike;
        }
        match data(&self.experiment.data.dataset, self.experiment.network.time_steps) {
            Some(data) => {
                alike.into_iter().filter(|run| same_data(&data, &run.data) && self.same_weights(run)).collect()
            }
            None => self.by_place(alike),
        }
    }

    fn computed(&self, experiment: &Experiment) -> Experiment {
        let mut experiment = comparable(experiment);
        if self.any_seed {
            experiment.seed = 0;
        }
        experiment
    }

    /// What is set besides, of which some is not computed.
    fn set_values(&self, experiment: &Experiment) -> Vec<Option<toml::Value>> {
        if self.set.is_empty() {
            return Vec::new();
        }
        let table = experiment.to_toml().ok().and_then(|text| text.parse::<Table>().ok());
        let counts = |key: &&String| *key != "name" && !(self.any_seed && *key == "seed");
        let value = |key: &String| table.as_ref().and_then(|table| settings::get(table, key)).cloned();
        self.set.iter().filter(counts).map(value).collect()
    }

    /// Of runs of the same settings, where the plan's data are not at hand.
    fn by_place<'r>(&self, runs: Vec<&'r RecordedRun>) -> Vec<&'r RecordedRun> {
        let paths = |experiment: &Experiment| -> Vec<PathBuf> {
            experiment.data.dataset.clone().spec_mut().paths().into_iter().map(|path| path.clone()).collect()
        };
        let here = paths(self.experiment);
        let (there, elsewhere): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| paths(&run.experiment) == here);
        let one_set = elsewhere.windows(2).all(|pair| matches!(pair, [a, b] if same_data(&a.data, &b.data)));
        let runs = if there.is_empty() && one_set { elsewhere } else { there };
        runs.into_iter().filter(|run| self.same_weights(run)).collect()
    }

    fn same_weights(&self, run: &RecordedRun) -> bool {
        let path = |experiment: &Experiment| {
            experiment.training.initial_weights.as_ref().map(|weights| weights.path().to_path_buf())
        };
        match (path(self.experiment), &run.initial_weights) {
            (Some(file), Some(sum)) => {
                let found = initial_weights::file(&file).and_then(|file| weights::sha256(&file));
                found.map_or(Some(file) == path(&run.experiment), |found| found == *sum)
            }
            (planned, _) => planned == path(&run.experiment),
        }
    }
}

/// Checksums of older versions of this program are by path.
fn same_data(a: &Checksums, b: &Checksums) -> bool {
    let by_path = |sums: &Checksums| sums.keys().any(|name| Path::new(name).is_absolute());
    if by_path(a) == by_path(b) {
        return a == b;
    }
    let sorted = |sums: &Checksums| {
        let mut sums: Vec<String> = sums.values().cloned().collect();
        sums.sort();
        sums
    };
    sorted(a) == sorted(b)
}

/// The checksums of a data set; `None` where it cannot be read here. Read once by a process: a sweep asks for each of
/// its runs.
fn data(dataset: &DatasetConfig, time_steps: usize) -> Option<Arc<Checksums>> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Option<Arc<Checksums>>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let read = || dataset.spec().checksums(time_steps).ok().map(Arc::new);
    known.entry(format!("{time_steps} {dataset:?}")).or_insert_with(read).clone()
}

/// The run of an experiment's name that computes what is planned: of several one that is complete, or else the newest.
#[derive(Debug, Default)]
pub struct MatchingRuns {
    pub run: Option<RunFolder>,
    /// Where there is none, but a newest version that is another: in what it differs.
    pub other: Option<(RunFolder, Vec<String>)>,
}

/// Looks for the run of a plan below `<root>/<its name>`.
///
/// # Errors
/// [`crate::error::Error::Io`] when the folder cannot be read.
pub fn find(root: &Path, plan: &RunQuery<'_>) -> Result<MatchingRuns> {
    let container = root.join(&plan.experiment.name);
    if !container.is_dir() {
        return Ok(MatchingRuns::default());
    }
    let folders = versions(&container)?.into_iter().map(|(_, path)| RunFolder::at(path));
    let runs: Vec<RecordedRun> = folders.filter_map(|folder| RecordedRun::read(folder).ok()).collect();
    let same = plan.matching(&runs);
    let complete = same.iter().rev().find(|run| run.outcome == Outcome::Completed);
    if let Some(run) = complete.or(same.last()) {
        return Ok(MatchingRuns { run: Some(run.folder.clone()), other: None });
    }
    let Some(newest) = runs.last() else { return Ok(MatchingRuns::default()) };
    let mut differ = differences(&newest.experiment, plan.experiment)?;
    if differ.is_empty() {
        differ.push("the data, the initial weights or what is set besides".into());
    }
    Ok(MatchingRuns { run: None, other: Some((newest.folder.clone(), differ)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = 'a'\ndata = { dataset = { mnist = { path = 'here' } }, batch_size = 64 }\noptimizer = { sgd = { lr = 0.1 } }\n\
                        training = { epochs = 1 }\n[network]\ntime_steps = 4\nencoder = 'poisson'\n\
                        layers = ['flatten', { linear = { features = 10 } }, 'bntt', 'lif', { linear = { features = 'classes' } }]";

    fn experiment(changes: &str) -> Experiment {
        let overrides: Vec<String> = changes.split_whitespace().map(String::from).collect();
        let mut experiment = Experiment::parse(TEXT, "text", &overrides).expect("an experiment").experiment;
        experiment.make_paths_absolute();
        experiment
    }

    fn run(changes: &str, data: &[(&str, &str)]) -> RecordedRun {
        RecordedRun {
            folder: RunFolder::at("a/v0001".into()),
            experiment: experiment(changes),
            outcome: Outcome::Completed,
            data: data.iter().map(|(name, sum)| (name.to_string(), sum.to_string())).collect(),
            initial_weights: None,
        }
    }

    /// Whether a run of `changes` is one of the experiment of the text, in which `set` is set.
    fn same(changes: &str, planned: &str, set: &[&str], any_seed: bool) -> bool {
        let (planned, set) = (experiment(planned), set.iter().map(ToString::to_string).collect::<Vec<_>>());
        !RunQuery { experiment: &planned, set: &set, any_seed }.matching([&run(changes, &[])]).is_empty()
    }

    #[test]
    fn what_changes_no_number_makes_no_other_experiment_and_everything_else_does() {
        for change in [
            "name=b",
            "training.device=cpu",
            "training.threads=3",
            "training.checkpoint_every.steps=5",
            "training.keep=best",
            "training.tensorboard=true",
            "provenance.git=none",
            "network.lif.leak=0.95",
        ] {
            assert!(same(change, "", &[], false), "{change}");
            assert_eq!(differences(&experiment(change), &experiment("")).unwrap(), [""; 0], "{change}");
        }
        for change in [
            "seed=7",
            "training.epochs=2",
            "training.evaluate_every=2",
            "training.precision=bf16",
            "data.batch_size=32",
            "network.lif.leak=0.9",
            "network.encoder=direct",
            "network.layers[2]=tdbn",
            "training.initial_weights=w",
            "training.evaluation_draws=2",
            "data.dataset={fashion_mnist={path='here'}}",
        ] {
            assert!(!same(change, "", &[], false), "{change}");
            assert_eq!(same(change, "", &[], true), change == "seed=7", "{change}");
            assert!(!differences(&experiment(change), &experiment("")).unwrap().is_empty(), "{change}");
        }
        let differ = differences(&experiment("network.lif.leak=0.9"), &experiment("")).unwrap();
        assert_eq!(differ, ["network.lif.leak: 0.9, here 0.95"]);
    }

    #[test]
    fn a_key_that_is_set_counts_though_it_changes_no_number() {
        for (key, change) in [
            ("training.threads", "training.threads=3"),
            ("training.tensorboard", "training.tensorboard=true"),
            ("training.device", "training.device=cpu"),
            ("data.dataset.mnist.path", "data.dataset.mnist.path=/there"),
        ] {
            assert!(same(change, change, &[key], false), "{key}");
            assert!(!same(change, "", &[key], false) && !same("", change, &[key], false), "{key}");
        }
    }

    #[test]
    fn data_that_are_not_here_are_told_by_their_place_or_by_being_the_same_everywhere() {
        let planned = experiment("");
        let plan = RunQuery { experiment: &planned, set: &[], any_seed: true };
        let there = |path: &str, sum: &str, seed: u64| {
            run(&format!("seed={seed} data.dataset.mnist.path={path}"), &[("train-images-idx3-ubyte", sum)])
        };
        let seeds =
            |runs: &[RecordedRun]| plan.matching(runs).iter().map(|run| run.experiment.seed).collect::<Vec<_>>();
        // Wherever they were: there is but one.
        assert_eq!(seeds(&[there("/x", "1", 1), there("/y", "1", 2)]), [1, 2]);
        // Two data sets, of neither of which anything tells that it is meant; and of one its place.
        assert_eq!(seeds(&[there("/x", "1", 1), there("/y", "2", 2)]), [0; 0]);
        assert_eq!(seeds(&[there("/x", "1", 1), there("here", "2", 2), there("/y", "1", 3)]), [2]);
    }

    #[test]
    fn data_that_are_here_are_told_by_their_checksums_wherever_a_run_found_them() {
        let digits = "data.dataset=digits";
        let planned = experiment(digits);
        let plan = RunQuery { experiment: &planned, set: &[], any_seed: false };
        let sums: Vec<(String, String)> = planned.load_data().expect("digits").checksums.into_iter().collect();
        let [(name, sum)] = &sums[..] else { panic!("one file") };
        let with = |name: &str, sum: &str| plan.matching([&run(digits, &[(name, sum)])]).len();
        assert_eq!(with(name, sum), 1);
        assert_eq!(with(name, &sum.replace('a', "b")), 0);
        assert_eq!(with("other", sum), 0);
        // As an older version of this program recorded it.
        assert_eq!(with("/data/digits", sum), 1);
    }

    #[test]
    fn changed_data_are_named_file_by_file() {
        let sums = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, sum)| (name.to_string(), sum.to_string())).collect::<Checksums>()
        };
        let before = sums(&[("a", "1"), ("b", "2"), ("c", "3")]);
        assert_eq!(changed_data(&before, &before), [""; 0]);
        let now = sums(&[("a", "1"), ("b", "9"), ("d", "4")]);
        assert_eq!(changed_data(&before, &now), ["c is missing", "b has changed", "d is new"]);
        assert_ne!(data_sha256(&before), data_sha256(&now));
        // sha256sum of the lines `1  a` and `2  b`.
        assert_eq!(
            data_sha256(&sums(&[("a", "1"), ("b", "2")])),
            "8d711146c07b0092609ee8aa24647b11f96dab70254b0b11505acc5c8cbcd31a"
        );
    }
}
