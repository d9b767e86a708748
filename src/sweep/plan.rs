//! From a sweep's file to its runs.

use super::file::{SweepFile, beside, side_by_side};
use super::names::Names;
use crate::config::settings::text;
use crate::config::{KeyPath, KeyStep};
use crate::error::{Error, Mistake, Result};
use crate::experiment::{CheckedExperiment, Experiment};
use crate::files::nearest;
use crate::run::RunFolder;
use crate::run::identity::{self, RecordedRun, RunQuery};
use crate::run::listing::{self, RunSummary};
use crate::run::provenance::{Outcome, SweepMembership};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use toml::{Table, Value};

/// After so many mistakes the other runs are not looked at.
const MOST_MISTAKES: usize = 100;

/// One run of a sweep.
pub struct SweepRun {
    /// The experiment's name, and the name of its folder.
    pub name: String,
    /// What it has on every axis, as text: `("network.time_steps", "5")`.
    pub settings: Vec<(String, String)>,
    pub seed: u64,
    /// The same for its record.
    pub membership: SweepMembership,
    /// As the files said when they were read. With absolute paths, as the run folder's config.toml has it.
    pub checked: CheckedExperiment,
}

impl SweepRun {
    /// Its run, of its name, as [`identity::find`] has it.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be read.
    pub fn run(&self, runs: &Path) -> Result<Option<RunFolder>> {
        Ok(identity::find(runs, &self.as_plan(&self.keys()))?.run)
    }

    /// A run of another name that computes the same, and is complete.
    pub fn elsewhere(&self, all: &[RecordedRun]) -> Option<RunFolder> {
        let keys = self.keys();
        let same = self.as_plan(&keys).matching(all.iter().filter(|run| run.outcome == Outcome::Completed));
        same.last().map(|run| run.folder.clone())
    }

    /// What its sweep sets: these count, be they computed or not.
    fn keys(&self) -> Vec<String> {
        self.settings.iter().map(|(key, _)| key.clone()).filter(|key| key != "variant").collect()
    }

    fn as_plan<'a>(&'a self, set: &'a [String]) -> RunQuery<'a> {
        RunQuery { experiment: &self.checked.experiment, set, any_seed: false }
    }

    /// How its run stands.
    ///
    /// # Errors
    /// As [`SweepRun::run`].
    pub fn summary(&self, runs: &Path) -> Result<Option<RunSummary>> {
        Ok(self.run(runs)?.as_ref().map(standing))
    }
}

/// How a run stands.
pub fn standing(run: &RunFolder) -> RunSummary {
    let mut summary = listing::summarize(run);
    // Whoever takes a run up again holds it before its record says so.
    if summary.state != "completed" && run.is_at_work() {
        summary.state = "running";
    }
    summary
}

/// What a run is made of, where the file has it.
struct RunDraft<'a> {
    name: String,
    variant: Option<&'a str>,
    values: &'a Table,
    /// Of the grid and the zip.
    settings: Vec<(&'a str, &'a Value)>,
    seed: Option<u64>,
}

/// All runs, in the order that the module states, and the axes.
pub fn plan(file: &SweepFile) -> Result<(Vec<String>, Vec<SweepRun>)> {
    let mut axes: Vec<String> =
        file.variants.iter().find_map(|(name, _)| name.as_ref().map(|_| "variant".to_string())).into_iter().collect();
    axes.extend(file.grid.iter().chain(&file.zip).map(|(key, _)| key.clone()));
    let (names, mut taken) = (Names::new(file), BTreeSet::new());
    let mut drafts = Vec::new();
    for (variant, values) in &file.variants {
        for grid in product(&file.grid) {
            for zip in side_by_side(&file.zip) {
                for &seed in &file.seeds {
                    let (variant, settings) = (variant.as_deref(), [grid.clone(), zip.clone()].concat());
                    let name = names.run_name(&of_axes(variant, &settings), seed);
                    if !taken.insert(name.clone()) {
                        let problem =
                            format!("two runs would have the name {name}. Give variants and values other names.");
                        return Err(Error::Config(vec![file.written.mistake(&KeyPath::default(), true, problem)]));
                    }
                    drafts.push(RunDraft { name, variant, values, settings, seed });
                }
            }
        }
    }
    let (mut runs, mut mistakes): (Vec<SweepRun>, Vec<(Mistake, String)>) = (Vec::new(), Vec::new());
    for draft in drafts {
        let name = draft.name.clone();
        match draft.check(file) {
            Ok(run) => runs.push(run),
            // A value that many runs have is one mistake.
            Err(Error::Config(found)) => {
                for mistake in found {
                    if !mistakes.iter().any(|(told, _)| told.identity() == mistake.identity()) {
                        mistakes.push((mistake, name.clone()));
                    }
                }
            }
            Err(other) => return Err(other),
        }
        if mistakes.len() >= MOST_MISTAKES {
            break;
        }
    }
    match mistakes.is_empty() {
        true => Ok((axes, runs)),
        false => {
            Err(Error::of_mistakes(mistakes.into_iter().map(|(mistake, run)| of_run(mistake, &run, file)).collect()))
        }
    }
}

/// Of a mistake that stands elsewhere than in the sweep's file it is told which run has it.
fn of_run(mistake: Mistake, run: &str, file: &SweepFile) -> Mistake {
    if mistake.argument.is_some() || mistake.place.starts_with(&format!("{}:", file.path.display())) {
        return mistake;
    }
    let end = if mistake.problem.ends_with(['.', '?', '!']) { "" } else { "." };
    Mistake { problem: format!("{}{end} So it is in the run {run}.", mistake.problem), ..mistake }
}

/// Every combination of one value a key, the last key fastest.
fn product(lists: &[(String, Vec<Value>)]) -> Vec<Vec<(&str, &Value)>> {
    lists.iter().fold(vec![Vec::new()], |all, (key, values)| {
        let with = |first: &Vec<_>| {
            let one = |value| [first.clone(), vec![(key.as_str(), value)]].concat();
            values.iter().map(one).collect::<Vec<_>>()
        };
        all.iter().flat_map(with).collect()
    })
}

fn of_axes(variant: Option<&str>, settings: &[(&str, &Value)]) -> Vec<(String, String)> {
    let variant = variant.map(|name| ("variant".into(), name.into()));
    variant.into_iter().chain(settings.iter().map(|(key, value)| (key.to_string(), text(value)))).collect()
}

/// The keys that variants set, each once, in their order.
fn variant_keys(file: &SweepFile) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for key in file.variants.iter().flat_map(|(_, values)| values.keys()) {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys
}

impl RunDraft<'_> {
    fn check(self, file: &SweepFile) -> Result<SweepRun> {
        let (mut config, mut base) = (file.base.clone(), KeyPath::default().name("base"));
        let mut overrides: Vec<String> = Vec::new();
        // Where in the sweep's file each of them stands.
        let mut places: Vec<KeyPath> = Vec::new();
        for (place, key, value) in self.values_of(file) {
            match (key, value) {
                ("base", Value::String(path)) => {
                    config = beside(&file.path, Path::new(path))
                        .map_err(|problem| Error::Config(vec![file.written.mistake(&place, false, problem)]))?;
                    base = place;
                }
                _ => {
                    overrides.push(format!("{key}={value}"));
                    places.push(place);
                }
            }
        }
        if let Some(problem) = absent(&config, &file.path) {
            return Err(Error::Config(vec![file.written.mistake(&base, false, problem)]));
        }
        let Self { name, variant, settings, seed, .. } = self;
        overrides.extend(seed.map(|seed| format!("seed={seed}")));
        overrides.push(format!("name={name}"));
        let mut checked = Experiment::load(&config, &overrides).map_err(|error| match error {
            Error::Config(found) => Error::of_mistakes(
                found.into_iter().map(|mistake| in_sweep(mistake, file, &places, &overrides)).collect(),
            ),
            other => Error::Run(format!("{}: the run {name} cannot be:\n{other}", file.path.display())),
        })?;
        checked.experiment.make_paths_absolute();
        let seed = checked.experiment.seed;
        let settings = of_axes(variant, &settings);
        let membership = SweepMembership {
            name: file.name.clone(),
            variant: variant.map(String::from),
            variant_keys: variant_keys(file),
            settings: settings.iter().filter(|(key, _)| key != "variant").cloned().collect(),
        };
        Ok(SweepRun { name, settings, seed, membership, checked })
    }

    /// What the run sets, in order, and where the sweep's file says so.
    fn values_of<'a>(&'a self, file: &'a SweepFile) -> Vec<(KeyPath, &'a str, &'a Value)> {
        let top = KeyPath::default();
        let set = file.set.iter().map(|(key, value)| (top.name("set").name(key), key.as_str(), value));
        let variant = top.name("variants").name(self.variant.unwrap_or_default());
        let values = self.values.iter().map(|(key, value)| (variant.name(key), key.as_str(), value));
        let listed = self.settings.iter().map(|(key, value)| {
            let in_list = |part: &str, lists: &[(String, Vec<Value>)]| {
                let (_, values) = lists.iter().find(|(name, _)| name == key)?;
                Some(top.name(part).name(key).index(values.iter().position(|one| std::ptr::eq(one, *value))?))
            };
            let place = in_list("grid", &file.grid).or_else(|| in_list("zip", &file.zip));
            (place.unwrap_or_default(), *key, *value)
        });
        set.chain(values).chain(listed).collect()
    }
}

/// What to say of a base that is not there; what else may be wrong with one, whoever reads it says.
fn absent(base: &Path, sweep: &Path) -> Option<String> {
    let reason = std::fs::metadata(base).err().filter(|reason| reason.kind() == ErrorKind::NotFound)?;
    let folder = sweep.parent().unwrap_or(Path::new(""));
    let end = nearest::ending(folder, base.strip_prefix(folder).unwrap_or(base), &reason);
    Some(format!("base: cannot read the base file {}: {reason}{end}", base.display()))
}

/// A mistake in what the sweep's file sets, where it stands there; others stay where they are.
fn in_sweep(mistake: Mistake, file: &SweepFile, places: &[KeyPath], overrides: &[String]) -> Mistake {
    let Some(part) = mistake.argument else { return mistake };
    let (Some(place), Some(set)) = (places.get(part.number), overrides.get(part.number)) else { return mistake };
    let depth = set.split_once('=').and_then(|(key, _)| KeyPath::parse(key).ok()).map_or(0, |key| key.0.len());
    let key = KeyPath::parse(&mistake.key).unwrap_or_default();
    let inside: Vec<KeyStep> = key.0.iter().skip(depth).cloned().collect();
    let mut place = place.clone();
    // The key of a list stands before all of its values.
    if part.is_key && inside.is_empty() && matches!(place.0.last(), Some(KeyStep::Index(_))) {
        place.0.pop();
    }
    place.0.extend(inside);
    Mistake {
        key: mistake.key,
        argument: mistake.argument,
        ..file.written.mistake(&place, part.is_key, mistake.problem)
    }
}
