//! Which runs are shown, and in which order.

use super::ComparedRun;
use super::sweep_columns::VARIANT;
use crate::config::settings;
use crate::error::{Error, Result};
use crate::sweep::Sweep;
use std::cmp::Ordering;
use std::str::FromStr;
use toml::Value;

/// A condition `key=value` on a config, or on what a run is in its sweep: `variant=BNTT`. Values are compared as TOML:
/// 0.50 is 0.5.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    pub key: String,
    pub value: Value,
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
                Ok(Self { key: key.trim().into(), value: settings::parse(value) })
            }
            _ => Err(format!("expected key=value, as in network.time_steps=10, found {text:?}")),
        }
    }
}

/// What decides the order. Runs that lack it come last; equal ones go by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortKey {
    /// The best accuracy, highest first.
    Best,
    /// The accuracy after the last epoch, highest first.
    Final,
    Name,
    /// The value at a key of the config, or on an axis of the sweep such as `variant`, ascending.
    Key(String),
}

impl FromStr for SortKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "best" => Self::Best,
            "final" => Self::Final,
            "name" => Self::Name,
            key => Self::Key(key.into()),
        })
    }
}

/// Keeps the runs that fulfil every condition.
///
/// # Errors
/// [`Error::Run`] for a key that no run has.
pub fn keep(runs: Vec<ComparedRun>, filters: &[Filter]) -> Result<Vec<ComparedRun>> {
    for filter in filters {
        refuse_unknown(&runs, &filter.key, "--where")?;
    }
    let fulfils = |run: &ComparedRun, filter: &Filter| {
        // A variant may be called 5.
        let of_run = run
            .value(&filter.key)
            .map(|value| if filter.key == VARIANT { settings::parse(&settings::text(&value)) } else { value });
        of_run.is_some_and(|value| settings::same(&value, &filter.value))
    };
    Ok(runs.into_iter().filter(|run| filters.iter().all(|filter| fulfils(run, filter))).collect())
}

/// Keeps those of a sweep's runs, run or not, that fulfil every condition on its axes or on their configs.
///
/// # Errors
/// [`Error::Run`] for a key that no run has, and where no run is left.
pub fn keep_planned(sweep: Sweep, filters: &[Filter]) -> Result<Sweep> {
    let Sweep { name, path, axes, mut runs } = sweep;
    for Filter { key, value } in filters {
        let mut kept = Vec::new();
        let mut known = axes.clone();
        let mut is_known = axes.contains(key);
        for planned in runs {
            let of_axis = planned.settings.iter().find(|(axis, _)| axis == key).map(|(_, text)| settings::parse(text));
            let found = match of_axis {
                Some(value) => Some(value),
                None => {
                    let config: toml::Table = planned.checked.experiment.to_toml()?.parse().unwrap_or_default();
                    known = settings::keys(&config);
                    settings::get(&config, key).cloned()
                }
            };
            is_known = is_known || found.is_some();
            if found.is_some_and(|found| settings::same(&found, value)) {
                kept.push(planned);
            }
        }
        if !is_known {
            let meant = settings::suggestion(key, known.iter().chain(&axes).map(String::as_str));
            return Err(Error::Run(format!("--where {key}: no run of {} has such a key.{meant}", path.display())));
        }
        runs = kept;
    }
    match runs.is_empty() {
        true => Err(Error::Run(format!("--where: no run of {} has these values.", path.display()))),
        false => Ok(Sweep { name, path, axes, runs }),
    }
}

/// Puts the runs in order.
///
/// # Errors
/// [`Error::Run`] for a key that no run has.
pub fn sort(runs: &mut [ComparedRun], by: &SortKey) -> Result<()> {
    if let SortKey::Key(key) = by {
        refuse_unknown(runs, key, "--sort")?;
    }
    let accuracy = |a: Option<f64>, b: Option<f64>| lacking_last(a, b, |a, b| b.total_cmp(a));
    runs.sort_by(|a, b| {
        let first = match by {
            SortKey::Best => accuracy(a.best(), b.best()),
            SortKey::Final => accuracy(a.last(), b.last()),
            SortKey::Name => Ordering::Equal,
            SortKey::Key(key) => lacking_last(a.value(key), b.value(key), settings::order),
        };
        first.then_with(|| a.run.cmp(&b.run))
    });
    Ok(())
}

fn lacking_last<T>(a: Option<T>, b: Option<T>, order: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (&a, &b) {
        (Some(a), Some(b)) => order(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

fn refuse_unknown(runs: &[ComparedRun], key: &str, option: &str) -> Result<()> {
    if runs.iter().all(|run| run.config.is_none()) || runs.iter().any(|run| run.value(key).is_some()) {
        return Ok(());
    }
    if key == VARIANT {
        return Err(Error::Run(format!(
            "{option} variant: no run has one. It is known of runs that a sweep with `[variants]` trained, and of those of a sweep's \
             file: `bntt compare SWEEP.toml {option} variant...`."
        )));
    }
    let known: Vec<String> = runs.iter().flat_map(ComparedRun::keys).collect();
    let meant = settings::suggestion(key, known.iter().map(String::as_str));
    let words = if option == "--sort" { "best, final, name or a key" } else { "a key" };
    Err(Error::Run(format!(
        "{option} {key}: expected {words} of a config.toml such as network.time_steps, found one that no run has.{meant}"
    )))
}
