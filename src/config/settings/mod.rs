//! The settings of a resolved experiment by dotted key, and how their values compare.

mod alignment;
mod differences;
mod words;

pub use differences::{Difference, differences};
pub use words::words;

use std::cmp::Ordering;
use toml::{Table, Value};

/// The value at a key such as `network.time_steps` or `network.layers[0].conv.channels`.
pub fn get<'a>(config: &'a Table, key: &str) -> Option<&'a Value> {
    let key = key.replace('[', ".").replace(']', "");
    let (first, rest) = key.split_once('.').map_or((key.as_str(), None), |(first, rest)| (first, Some(rest)));
    let start = config.get(first)?;
    rest.into_iter().flat_map(|rest| rest.split('.')).try_fold(start, |value, step| match value {
        Value::Table(table) => table.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The keys of all values that are neither tables nor lists, in the config's order.
pub fn keys(config: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in config {
        below(name, value, &mut found);
    }
    found
}

fn below(key: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Table(table) => table.iter().for_each(|(name, value)| below(&format!("{key}.{name}"), value, found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, value)| below(&format!("{key}[{i}]"), value, found))
        }
        _ => found.push(key.to_string()),
    }
}

/// A TOML value, or the text itself where it is none: `direct`.
pub fn parse(text: &str) -> Value {
    let table = toml::from_str::<Table>(&format!("value = {text}"));
    let one = |table: Table| (table.len() == 1).then_some(table)?.remove("value");
    table.ok().and_then(one).unwrap_or_else(|| Value::String(text.trim().to_string()))
}

/// Whether two values say the same: 1 is 1.0, and `"poisson"` is a `{ poisson = { ... } }` with any settings.
pub fn same(a: &Value, b: &Value) -> bool {
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return a == b;
    }
    match (a, b) {
        (Value::String(name), Value::Table(table)) | (Value::Table(table), Value::String(name)) => {
            table.len() == 1 && table.contains_key(name)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Table(a), Value::Table(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Numbers by size, before all others, which go by their text.
pub fn order(a: &Value, b: &Value) -> Ordering {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => text(a).cmp(&text(b)),
    }
}

/// As TOML, but strings without their quotes.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// ` Did you mean ...?`, or nothing where no name is near: the paths that end in what was `written`, or else the
/// nearest.
pub fn suggestion<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let ends = |name: &&&str| name.strip_suffix(written).is_some_and(|around| around.ends_with('.'));
    let mut paths: Vec<String> = names.iter().filter(ends).take(3).map(|name| format!("`{name}`")).collect();
    if let Some(last) = paths.pop() {
        let first = if paths.is_empty() { String::new() } else { format!("{} or ", paths.join(", ")) };
        return format!(" Did you mean {first}{last}?");
    }
    let near = names.into_iter().map(|name| (strsim::normalized_damerau_levenshtein(written, name), name));
    let best = near.filter(|(nearness, _)| *nearness > 0.6).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(String::new, |(_, name)| format!(" Did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_as_toml_does_and_choices_by_name() {
        for (a, b, expected) in [
            ("0.50", "0.5", true),
            ("10", "10.0", true),
            ("1e-4", "0.0001", true),
            ("direct", "'direct'", true),
            ("poisson", "{ poisson = { scale = 1.0 } }", true),
            ("[1, 2]", "[1.0, 2.0]", true),
            ("direct", "{ poisson = {} }", false),
            ("10", "'10'", false),
            ("[1]", "[1, 2]", false),
        ] {
            assert_eq!(same(&parse(a), &parse(b)), expected, "{a} and {b}");
        }
    }

    #[test]
    fn keys_reach_into_tables_and_lists() -> Result<(), toml::de::Error> {
        let config: Table =
            "name = 'a'\nlayers = ['lif', { conv = { channels = 8 } }]\nlif = { leak = 0.5 }".parse()?;
        assert_eq!(keys(&config), ["name", "layers[0]", "layers[1].conv.channels", "lif.leak"]);
        for key in keys(&config) {
            assert!(get(&config, &key).is_some(), "{key}");
        }
        assert_eq!(get(&config, "layers[1].conv.channels"), Some(&Value::Integer(8)));
        for key in ["", "lif.", "lif.leak.x", "layers[2]", "layers[-1]", "layers[x]", "[0]"] {
            assert_eq!(get(&config, key), None, "{key}");
        }
        assert_eq!(suggestion("lif.leek", ["name", "lif.leak"]), " Did you mean `lif.leak`?");
        assert_eq!(suggestion("xyz", ["name", "lif.leak"]), "");
        assert_eq!(suggestion("leak", ["name", "leaky", "a.lif.leak"]), " Did you mean `a.lif.leak`?");
        assert_eq!(suggestion("x", ["a.x", "b.x", "bx", "c.x", "d.x"]), " Did you mean `a.x`, `b.x` or `c.x`?");
        Ok(())
    }
}
