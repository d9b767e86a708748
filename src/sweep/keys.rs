//! Which keys of a sweep's file may stand beside each other: where a value would replace another without a word, the
//! file is refused.
//!
//! Values are set in the order `set`, a variant's, the grid's, the zip's. A later one may change a part of a table that
//! `set` or a variant gives, and a variant may say otherwise than `set`.

use super::file::{SweepFile, SweepMistake};
use crate::config::KeyPath;
use std::fmt;
use toml::{Table, Value};

/// What of the file a value stands in.
#[derive(Clone, Copy, PartialEq)]
enum ValuePlace<'a> {
    Set,
    Variant(&'a str),
    Grid,
    Zip,
}

/// A key where the file has it.
struct KeyPlace<'a> {
    part: ValuePlace<'a>,
    written: &'a str,
    /// `network`, `layers`, `0` of `network.layers[0]`.
    steps: Vec<String>,
}

/// Refuses two values for one key, keys that are the sweep's own, and base files that are none.
pub fn check(file: &SweepFile) -> Result<(), SweepMistake> {
    let seeds = file.seeds.iter().any(Option::is_some);
    let set = of_table(ValuePlace::Set, &file.set, seeds)?;
    let mut lists = of_lists(ValuePlace::Grid, &file.grid, seeds)?;
    lists.extend(of_lists(ValuePlace::Zip, &file.zip, seeds)?);
    among(&set)?;
    among(&lists)?;
    between(&set, &lists)?;
    for (name, values) in &file.variants {
        let variant = of_table(ValuePlace::Variant(name.as_deref().unwrap_or_default()), values, seeds)?;
        among(&variant)?;
        between(&set, &variant)?;
        between(&variant, &lists)?;
    }
    Ok(())
}

fn of_table<'a>(part: ValuePlace<'a>, table: &'a Table, seeds: bool) -> Result<Vec<KeyPlace<'a>>, SweepMistake> {
    table.iter().map(|(key, value)| setting(part, key, &[value], seeds)).collect()
}

fn of_lists<'a>(
    part: ValuePlace<'a>,
    lists: &'a [(String, Vec<Value>)],
    seeds: bool,
) -> Result<Vec<KeyPlace<'a>>, SweepMistake> {
    lists.iter().map(|(key, values)| setting(part, key, &values.iter().collect::<Vec<_>>(), seeds)).collect()
}

/// Refuses a key that cannot be set there, whatever else the file says.
fn setting<'a>(
    part: ValuePlace<'a>,
    written: &'a str,
    values: &[&Value],
    seeds: bool,
) -> Result<KeyPlace<'a>, SweepMistake> {
    let mut setting = KeyPlace { part, written, steps: Vec::new() };
    let key = KeyPath::parse(written).map_err(|problem| setting.mistake(format!("{setting}: {problem}.")))?;
    let name = |step: String| step.parse::<usize>().map_or(step, |index| index.to_string());
    setting.steps = key.0.iter().map(|step| name(step.as_name())).collect();
    let problem = match setting.steps.first().map(String::as_str) {
        Some("name") => format!(
            "{setting}: a run's name is made of the sweep's, its settings and its seed. Remove it; `name` at the top of the file names the sweep."
        ),
        Some("seed") if seeds => {
            format!(
                "{setting} and seeds both say what the seeds are. Keep `seeds`, over which means are taken, and remove the other."
            )
        }
        Some("base") if part == ValuePlace::Set => {
            format!("{setting} and base both name the base file. Keep the one at the top of the file.")
        }
        Some("base") => match values.iter().find(|value| !value.is_str()) {
            Some(found) => format!("{setting}: expected the name of a file, found {found}."),
            None => return Ok(setting),
        },
        _ => return Ok(setting),
    };
    Err(setting.mistake(problem))
}

fn among(settings: &[KeyPlace<'_>]) -> Result<(), SweepMistake> {
    settings
        .iter()
        .enumerate()
        .try_for_each(|(i, later)| settings.iter().take(i).try_for_each(|earlier| beside(earlier, later)))
}

fn between(earlier: &[KeyPlace<'_>], later: &[KeyPlace<'_>]) -> Result<(), SweepMistake> {
    earlier.iter().try_for_each(|earlier| later.iter().try_for_each(|later| beside(earlier, later)))
}

/// Two keys of one run, of which `later` is set later.
fn beside(earlier: &KeyPlace<'_>, later: &KeyPlace<'_>) -> Result<(), SweepMistake> {
    if matches!((earlier.part, later.part), (ValuePlace::Set, ValuePlace::Variant(_))) {
        return Ok(());
    }
    let is_within = |inner: &KeyPlace<'_>, outer: &KeyPlace<'_>| inner.steps.starts_with(&outer.steps);
    match (is_within(earlier, later), is_within(later, earlier)) {
        (true, true) => Err(later.mistake(format!("{earlier} and {later} set the same key. Remove one of them."))),
        (false, true) if matches!(earlier.part, ValuePlace::Set | ValuePlace::Variant(_)) => Ok(()),
        (false, true) => Err(later.mistake(replaces(later, earlier))),
        (true, false) => Err(later.mistake(replaces(earlier, later))),
        (false, false) => Ok(()),
    }
}

fn replaces(inner: &KeyPlace<'_>, outer: &KeyPlace<'_>) -> String {
    format!(
        "{inner} is a part of {outer}, and one would replace what the other says. Write all of it in one place, or single keys in both."
    )
}

impl KeyPlace<'_> {
    /// Where it stands in the file.
    fn path(&self) -> KeyPath {
        let top = KeyPath::default();
        match self.part {
            ValuePlace::Set => top.name("set"),
            ValuePlace::Variant(name) => top.name("variants").name(name),
            ValuePlace::Grid => top.name("grid"),
            ValuePlace::Zip => top.name("zip"),
        }
        .name(self.written)
    }

    fn mistake(&self, problem: String) -> SweepMistake {
        SweepMistake { is_key: true, ..SweepMistake::new(self.path(), problem) }
    }
}

impl fmt::Display for KeyPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            ValuePlace::Set => write!(f, "set.\"{}\"", self.written),
            ValuePlace::Variant(name) => write!(f, "variants.\"{name}\".\"{}\"", self.written),
            ValuePlace::Grid => write!(f, "grid.\"{}\"", self.written),
            ValuePlace::Zip => write!(f, "zip.\"{}\"", self.written),
        }
    }
}
