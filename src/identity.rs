//! Whether two runs compute the same: the one rule of sweep, table, compare, report and `--resume-or-start`.
//!
//! Two runs are the same when their experiments say the same of everything that is computed, and their data and initial weights have the same
//! checksums. What is not computed: the name, where data and initial weights lie, `training.device`, `training.threads`,
//! `training.checkpoint_every` and `training.tensorboard`; but a key that a sweep or a table sets is never ignored. Runs that differ in their
//! seeds alone are repetitions of one experiment.
//!
//! Where the data of a plan are not on this machine, nothing tells whether they are those of a run but their path, or that all runs in question
//! had the same.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use toml::Table;

use crate::config;
use crate::data::DatasetConfig;
use crate::durable::sha256_hex;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, SHARED};
use crate::listing;
use crate::provenance::{Outcome, Provenance};
use crate::run::{RunFolder, versions};
use crate::settings::{self, Difference};
use crate::train::CheckpointEvery;
use crate::weights;

/// Checksums by the names of the files, wherever they lie.
pub type Checksums = BTreeMap<String, String>;

/// One checksum of those of all data files.
pub fn data_sha256(checksums: &Checksums) -> String {
    let lines: String = checksums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    sha256_hex(lines.as_bytes())
}

/// What differs between the data of a run's beginning and those of now: `train.bin has changed`. Nothing where they are the same.
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
    experiment.data.dataset.paths().into_iter().for_each(|path| path.clear());
    // That there are initial weights counts; which they are, their checksum tells.
    experiment.training.initial_weights.iter_mut().for_each(PathBuf::clear);
    experiment.name.clear();
    experiment.training.device.clear();
    experiment.training.threads = None;
    experiment.training.checkpoint_every = CheckpointEvery::default();
    experiment.training.tensorboard = false;
    experiment
}

/// The computed settings in which two experiments differ: `network.lif.leak: 0.9, here 0.95`.
///
/// # Errors
/// Settings that no TOML can hold.
pub fn differences(run: &Experiment, here: &Experiment) -> Result<Vec<String>> {
    let table = |experiment: &Experiment| Ok::<_, Error>(comparable(experiment).to_toml()?.parse::<Table>().ok());
    let (run, here) = (table(run)?, table(here)?);
    let text = |value: Option<&Option<toml::Value>>| {
        value.and_then(Option::as_ref).map_or_else(|| "nothing".into(), settings::text)
    };
    let line = |Difference { key, values }: &Difference| {
        format!("{key}: {}, here {}", text(values.first()), text(values.get(1)))
    };
    Ok(settings::differences(&[run.as_ref(), here.as_ref()]).iter().map(line).collect())
}

/// An experiment that runs are looked for.
pub struct Plan<'a> {
    /// With absolute paths.
    pub experiment: &'a Experiment,
    /// Keys that count although they are not computed: those that a sweep or a table sets.
    pub set: &'a [String],
    /// Whether other seeds are wanted too.
    pub any_seed: bool,
}

/// What a run folder says of itself.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub folder: RunFolder,
    pub experiment: Experiment,
    pub outcome: Outcome,
    data: Checksums,
    initial_weights: Option<String>,
}

impl Recorded {
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

impl Plan<'_> {
    /// Those of `runs` that compute what is planned.
    pub fn of<'r>(&self, runs: impl IntoIterator<Item = &'r Recorded>) -> Vec<&'r Recorded> {
        let (computed, set) = (self.computed(self.experiment), self.set_values(self.experiment));
        let alike = runs.into_iter().filter(|run| self.computed(&run.experiment) == computed);
        let alike: Vec<&Recorded> = alike.filter(|run| self.set_values(&run.experiment) == set).collect();
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
    fn by_place<'r>(&self, runs: Vec<&'r Recorded>) -> Vec<&'r Recorded> {
        let paths = |experiment: &Experiment| -> Vec<PathBuf> {
            experiment.data.dataset.clone().paths().into_iter().map(|path| path.clone()).collect()
        };
        let here = paths(self.experiment);
        let (there, elsewhere): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| paths(&run.experiment) == here);
        let one_set = elsewhere.windows(2).all(|pair| matches!(pair, [a, b] if same_data(&a.data, &b.data)));
        let runs = if there.is_empty() && one_set { elsewhere } else { there };
        runs.into_iter().filter(|run| self.same_weights(run)).collect()
    }

    fn same_weights(&self, run: &Recorded) -> bool {
        let path = |experiment: &Experiment| experiment.training.initial_weights.clone();
        match (path(self.experiment), &run.initial_weights) {
            (Some(file), Some(sum)) => {
                weights::sha256(&file).map_or(Some(file) == path(&run.experiment), |found| found == *sum)
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

/// The checksums of a data set; `None` where it cannot be read here. Read once by a process: a sweep asks for each of its runs.
fn data(dataset: &DatasetConfig, time_steps: usize) -> Option<Arc<Checksums>> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Option<Arc<Checksums>>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let read = || dataset.checksums(time_steps).ok().map(Arc::new);
    known.entry(format!("{time_steps} {dataset:?}")).or_insert_with(read).clone()
}

/// The run of an experiment's name that computes what is planned: of several one that is complete, or else the newest.
#[derive(Debug, Default)]
pub struct Found {
    pub run: Option<RunFolder>,
    /// Where there is none, but a newest version that is another: in what it differs.
    pub other: Option<(RunFolder, Vec<String>)>,
}

/// Looks for the run of a plan below `<root>/<its name>`.
///
/// # Errors
/// [`crate::error::Error::Io`] when the folder cannot be read.
pub fn find(root: &Path, plan: &Plan<'_>) -> Result<Found> {
    let container = root.join(&plan.experiment.name);
    if !container.is_dir() {
        return Ok(Found::default());
    }
    let folders = versions(&container)?.into_iter().map(|(_, path)| RunFolder::at(path));
    let runs: Vec<Recorded> = folders.filter_map(|folder| Recorded::read(folder).ok()).collect();
    let same = plan.of(&runs);
    let complete = same.iter().rev().find(|run| run.outcome == Outcome::Completed);
    if let Some(run) = complete.or(same.last()) {
        return Ok(Found { run: Some(run.folder.clone()), other: None });
    }
    let Some(newest) = runs.last() else { return Ok(Found::default()) };
    let mut differ = differences(&newest.experiment, plan.experiment)?;
    if differ.is_empty() {
        differ.push("the data, the initial weights or what is set besides".into());
    }
    Ok(Found { run: None, other: Some((newest.folder.clone(), differ)) })
}
