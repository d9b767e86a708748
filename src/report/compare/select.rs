//! Which runs are shown, and in which order.

use super::ComparedRun;
use super::sweep_columns::VARIANT;
use crate::config::settings;
use crate::error::{Error, Result};
use crate::sweep::{Sweep, SweepRun};
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

impl Filter {
    /// Whether a run fulfils it.
    pub fn keeps(&self, run: &ComparedRun) -> bool {
        run.value(&self.key).is_some_and(|value| self.is_fulfilled_by(&value))
    }

    /// Whether the value at its key is the one that is asked for.
    fn is_fulfilled_by(&self, value: &Value) -> bool {
        match self.key.as_str() {
            // A variant may be called 5.
            VARIANT => settings::same(&settings::parse(&settings::text(value)), &self.value),
            _ => settings::same(value, &self.value),
        }
    }
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
    Ok(runs.into_iter().filter(|run| filters.iter().all(|filter| filter.keeps(run))).collect())
}

/// Keeps those of a sweep's runs, run or not, that fulfil every condition on its axes or on their configs.
///
/// # Errors
/// [`Error::Run`] for a key that no run has, and where no run is left.
pub fn keep_planned(sweep: Sweep, filters: &[Filter]) -> Result<Sweep> {
    if filters.is_empty() {
        return Ok(sweep);
    }
    let Sweep { name, path, axes, runs } = sweep;
    let planned = runs.iter().map(ComparedRun::not_run).collect::<Result<Vec<_>>>()?;
    for filter in filters {
        refuse_unknown(&planned, &filter.key, "--where")?;
    }
    let is_kept = |(_, planned): &(SweepRun, ComparedRun)| filters.iter().all(|filter| filter.keeps(planned));
    let runs: Vec<SweepRun> = runs.into_iter().zip(planned).filter(is_kept).map(|(run, _)| run).collect();
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

/// Refuses a `key` of `option` that none of `runs` has, where the config of any can be read.
///
/// # Errors
/// [`Error::Run`] with the key that was perhaps meant.
pub fn refuse_unknown(runs: &[ComparedRun], key: &str, option: &str) -> Result<()> {
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
