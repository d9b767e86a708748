//! From a sweep's file to its runs.

use super::file::{File, beside};
use crate::durable::sha256_hex;
use crate::error::{Error, Result};
use crate::experiment::{Checked, Experiment};
use crate::listing::{self, RunSummary};
use crate::run::RunFolder;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The longest part of a name that settings may take; longer ones end in a checksum.
const LONGEST: usize = 60;

/// One run of a sweep.
pub struct Planned {
    /// The experiment's name, and the name of its folder.
    pub name: String,
    /// What it has on every axis, as text: `("network.time_steps", "5")`.
    pub settings: Vec<(String, String)>,
    pub seed: u64,
    /// The file that it starts from, and what replaces its values: what `bntt run` takes.
    pub config: PathBuf,
    pub overrides: Vec<String>,
    /// With absolute paths, as the run folder's config.toml has it.
    pub checked: Checked,
}

impl Planned {
    /// Its run: the newest of its name, if the config is the same.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be read.
    pub fn run(&self, runs: &Path) -> Result<Option<RunFolder>> {
        RunFolder::newest_of(runs, &self.checked.experiment)
    }

    /// How its run stands.
    ///
    /// # Errors
    /// As [`Planned::run`].
    pub fn summary(&self, runs: &Path) -> Result<Option<RunSummary>> {
        Ok(self.run(runs)?.map(|run| listing::of(&run)))
    }
}

/// All runs, in the order that the module states, and the axes.
pub fn plan(file: &File) -> Result<(Vec<String>, Vec<Planned>)> {
    let mut axes: Vec<String> =
        file.variants.iter().find_map(|(name, _)| name.as_ref().map(|_| "variant".to_string())).into_iter().collect();
    axes.extend(file.grid.iter().chain(&file.zip).map(|(key, _)| key.clone()));
    let mut runs = Vec::new();
    for (variant, values) in &file.variants {
        for grid in product(&file.grid) {
            for zip in side_by_side(&file.zip) {
                for seed in &file.seeds {
                    let settings = [grid.clone(), zip.clone()].concat();
                    runs.push(one(file, variant.as_deref(), values, &settings, *seed)?);
                }
            }
        }
    }
    let names: BTreeSet<&str> = runs.iter().map(|run: &Planned| run.name.as_str()).collect();
    if names.len() != runs.len() {
        let twice = runs.iter().find(|run| runs.iter().filter(|other| other.name == run.name).count() > 1);
        let name = twice.map_or("", |run| run.name.as_str());
        return Err(Error::Run(format!(
            "{}: two runs would have the name {name}; are there values or seeds that stand twice?",
            file.path.display()
        )));
    }
    Ok((axes, runs))
}

/// Every combination of one value a key, the last key fastest.
fn product(lists: &[(String, Vec<Value>)]) -> Vec<Vec<(String, Value)>> {
    lists.iter().fold(vec![Vec::new()], |all, (key, values)| {
        let with = |first: &Vec<(String, Value)>| {
            let first = first.clone();
            values
                .iter()
                .map(move |value| [first.clone(), vec![(key.clone(), value.clone())]].concat())
                .collect::<Vec<_>>()
        };
        all.iter().flat_map(with).collect()
    })
}

/// The first value of every key, the second of every key, and so on.
fn side_by_side(lists: &[(String, Vec<Value>)]) -> Vec<Vec<(String, Value)>> {
    let count = lists.first().map_or(0, |(_, values)| values.len());
    if count == 0 {
        return vec![Vec::new()];
    }
    let at = |i: usize| lists.iter().filter_map(|(key, values)| Some((key.clone(), values.get(i)?.clone()))).collect();
    (0..count).map(at).collect()
}

fn one(
    file: &File,
    variant: Option<&str>,
    values: &Table,
    settings: &[(String, Value)],
    seed: Option<u64>,
) -> Result<Planned> {
    let (mut config, mut overrides) = (file.base.clone(), Vec::new());
    let all = file.set.iter().chain(values).chain(settings.iter().map(|(key, value)| (key, value)));
    for (key, value) in all {
        match (key.as_str(), value) {
            ("base", Value::String(path)) => {
                config = beside(&file.path, Path::new(path))?;
            }
            _ => give(&mut overrides, key, value),
        }
    }
    if let Some(seed) = seed {
        give(&mut overrides, "seed", &seed);
    }
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let mut of_axes: Vec<(String, String)> = variant.map(|name| ("variant".into(), name.into())).into_iter().collect();
    of_axes.extend(settings.iter().map(|(key, value)| (key.clone(), shown(value))));
    let mut name = file.name.clone();
    for part in
        [slug(&of_axes)].into_iter().chain(seed.map(|seed| format!("seed{seed}"))).filter(|part| !part.is_empty())
    {
        name = format!("{name}.{part}");
    }
    give(&mut overrides, "name", &name);
    let mut checked = Experiment::load(&config, &overrides)
        .map_err(|error| Error::Run(format!("{}: the run {name} cannot be:\n{error}", file.path.display())))?;
    checked.experiment.make_paths_absolute();
    Ok(Planned { name, settings: of_axes, seed: checked.experiment.seed, config, overrides, checked })
}

/// Gives a key its value, in place of an earlier one.
fn give(overrides: &mut Vec<String>, key: &str, value: &impl std::fmt::Display) {
    overrides.retain(|given| !given.strip_prefix(key).is_some_and(|rest| rest.starts_with('=')));
    overrides.push(format!("{key}={value}"));
}

/// Settings as a part of a folder's name: `BNTT-time_steps5`.
fn slug(settings: &[(String, String)]) -> String {
    let plain = |text: &str| -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_.".contains(c) { c } else { '_' };
        text.trim().chars().map(plain).collect()
    };
    let part = |(key, value): &(String, String)| match key.as_str() {
        "variant" => plain(value),
        key => format!("{}{}", plain(key.rsplit('.').next().unwrap_or(key)), plain(value)),
    };
    let whole = settings.iter().map(part).collect::<Vec<_>>().join("-");
    if whole.len() <= LONGEST {
        return whole;
    }
    let sum = sha256_hex(format!("{settings:?}").as_bytes());
    format!("{}-{}", &whole[..LONGEST - 9], &sum[..8])
}

#[cfg(test)]
mod tests {
    use super::super::Sweep;
    use super::*;

    const BASE: &str = "name = 'a'\ndata = { dataset = 'digits', batch_size = 64 }\noptimizer = { sgd = { lr = 0.1 } }\n\
                        training = { epochs = 1 }\n[network]\ntime_steps = 16\nencoder = 'poisson'\n\
                        layers = ['flatten', { linear = { features = 10 } }, 'bntt', 'lif', { linear = { features = 'classes' } }]";

    fn sweep(text: &str) -> Result<Sweep> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trial.toml");
        std::fs::write(folder.path().join("base.toml"), BASE).expect("a file");
        std::fs::write(&path, text).expect("a file");
        Sweep::load(&path)
    }

    #[test]
    fn a_grid_a_zip_variants_and_seeds_make_every_run_in_order() -> Result<()> {
        let text = "base = 'base.toml'\nset = { 'training.epochs' = 3 }\nseeds = [4, 5]\n\
                    grid = { 'network.time_steps' = [2, 3], 'network.encoder' = ['poisson', 'direct'] }\n\
                    zip = { 'network.lif.leak' = [0.9, 0.8], 'network.lif.threshold' = [1.0, 0.5] }\n\
                    [variants]\nBNTT = {}\n'no norm' = { 'network.layers' = ['flatten', 'lif', { linear = { features = 'classes' } }] }\n";
        let Sweep { name, axes, runs, .. } = sweep(text)?;
        assert_eq!(name, "trial");
        assert_eq!(
            axes,
            ["variant", "network.time_steps", "network.encoder", "network.lif.leak", "network.lif.threshold"]
        );
        assert_eq!(runs.len(), 2 * 2 * 2 * 2 * 2);
        assert_eq!(runs[0].name, "trial.BNTT-time_steps2-encoderpoisson-leak0.9-threshold1.0.seed4");
        assert_eq!(runs[31].name, "trial.no_norm-time_steps3-encoderdirect-leak0.8-threshold0.5.seed5");
        let values = |run: &Planned| run.settings.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
        assert_eq!(values(&runs[3]), ["BNTT", "2", "poisson", "0.8", "0.5"]);
        assert_eq!(values(&runs[4]), ["BNTT", "2", "direct", "0.9", "1.0"]);
        let Checked { experiment, plan, .. } = &runs[31].checked;
        assert_eq!((experiment.training.epochs, experiment.seed, experiment.network.time_steps), (3, 5, 3));
        assert_eq!((experiment.network.lif.leak, experiment.network.lif.threshold), (0.8, 0.5));
        assert_eq!(plan.kinds, ["flatten", "lif", "linear"]);
        assert_eq!(experiment.name, runs[31].name);
        Ok(())
    }

    #[test]
    fn a_variant_may_start_from_another_file_and_long_names_end_in_a_checksum() -> Result<()> {
        let long = "x".repeat(80);
        let text = format!("base = 'absent.toml'\n[variants]\n{long} = {{ base = 'base.toml' }}\n");
        let run = &sweep(&text)?.runs[0];
        assert_eq!(run.name.len(), "trial.".len() + LONGEST);
        assert_eq!(run.seed, 0);
        Ok(())
    }

    #[test]
    fn mistakes_name_the_file_and_the_run() {
        let refused = |text: &str| sweep(text).err().expect("a mistake").to_string();
        for (text, expected) in [
            ("seeds = [1]", "missing field `base`"),
            ("base = 'base.toml'\nseed = [1]", "unknown field `seed`"),
            ("base = 'base.toml'\ngrid = { a = 3 }", "grid.\"a\": expected a list of values such as [5, 10], found 3."),
            ("base = 'base.toml'\ngrid = { a = [] }", "grid.\"a\": expected a list"),
            (
                "base = 'base.toml'\nzip = { a = [1, 2], b = [1] }",
                "zip.\"b\": expected 2 values, as \"a\" has, found 1",
            ),
            ("base = 'base.toml'\nvariants = { a = 1 }", "variants.\"a\": expected a table"),
            ("base = 'base.toml'\nseeds = [1, 1]", "two runs would have the name trial.seed1"),
            (
                "base = 'base.toml'\nseeds = [1]\ngrid = { 'network.tme_steps' = [1] }",
                "the run trial.tme_steps1.seed1 cannot be:",
            ),
        ] {
            let message = refused(text);
            assert!(message.contains("trial.toml") && message.contains(expected), "expected {expected:?} in {message}");
        }
    }
}
