//! `key.path=value` arguments, applied to the merged files.

use figment::value::{Dict, Tag, Value};
use toml::de::DeValue;

use super::key::{KeyPath, KeyStep};
use super::sources::{KeyProblem, PartOfKey};
use super::tree;

use crate::files::nesting;

/// Changes `tree` by every argument in turn; what cannot be applied is returned.
pub(super) fn apply(arguments: &[String], tree: &mut Value) -> Vec<KeyProblem> {
    let mut findings = Vec::new();
    for (number, argument) in arguments.iter().enumerate() {
        let done = parse(argument).and_then(|(key, value)| {
            let result = set(tree, &key.0, value, &KeyPath::default());
            result.map_err(|problem| (key, problem))
        });
        if let Err((key, problem)) = done {
            findings.push(KeyProblem::new(key, PartOfKey::Argument(number), problem));
        }
    }
    findings
}

/// The key and the value of an argument, or where it is wrong and how.
pub(super) fn parse(argument: &str) -> Result<(KeyPath, Value), (KeyPath, String)> {
    let whole = |problem| (KeyPath::default(), problem);
    let Some((name, text)) = argument.split_once('=') else {
        return Err(whole(format!("`{argument}` sets nothing; write key=value, as in `seed=1`.")));
    };
    let (name, text) = (name.trim(), text.trim());
    if name.is_empty() {
        return Err(whole(format!("`{argument}` has no key before the `=`; write key=value, as in `seed=1`.")));
    }
    let key = KeyPath::parse(name).map_err(|problem| whole(format!("{problem}.")))?;
    if key.0.first() == Some(&KeyStep::Name("base".to_owned())) {
        return Err((key, "base files can only be named in a file.".to_owned()));
    }
    if text.is_empty() {
        return Err((key, "there is no value after the `=`; write \"\" for an empty string.".to_owned()));
    }
    match value(text) {
        Ok(value) => Ok((key, value)),
        Err(reason) => Err((key, format!("`{text}` is not a value: {reason}."))),
    }
}

/// A TOML value, or the text itself where it does not look like one: `cuda:0`, `../data`.
fn value(text: &str) -> Result<Value, String> {
    nesting::check_value(text).map_err(|(_, problem)| problem)?;
    let verbatim = || Ok(Value::String(Tag::Default, text.to_owned()));
    let is_number = text.contains(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok();
    let looks_like_one = text.starts_with(['"', '\'', '[', '{']) || text.contains('\n') || is_number;
    match DeValue::parse(text) {
        // A folder may be called by a date.
        Ok(value) if matches!(value.get_ref(), DeValue::Datetime(_)) => verbatim(),
        Ok(value) => tree::from_toml(&value, Tag::Default).map_err(|(_, problem)| problem),
        Err(_) if !looks_like_one => verbatim(),
        Err(error) => Err(error.message().to_owned()),
    }
}

/// Puts `new` at `steps` of `value`, which stands at `key`. Tables are merged, as those of files are; lists and their
/// entries are replaced.
fn set(value: &mut Value, steps: &[KeyStep], new: Value, key: &KeyPath) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else {
        merge(value, new);
        return Ok(());
    };
    if let Value::Array(_, items) = value {
        let count = items.len();
        let Some(index) = step.as_index() else {
            return Err(format!("`{key}` is a list; name an entry by its number, as in `{key}[0]`."));
        };
        let Some(item) = items.get_mut(index) else {
            return Err(format!("`{key}` has {count} entries, counted from 0; there is none with number {index}."));
        };
        if rest.is_empty() {
            *item = new;
            return Ok(());
        }
        return set(item, rest, new, &key.index(index));
    }
    if !matches!(value, Value::Dict(..)) {
        *value = Value::Dict(Tag::Default, Dict::new());
    }
    if let Value::Dict(_, dict) = value {
        let name = step.as_name();
        let key = key.name(&name);
        let inner = dict.entry(name).or_insert_with(|| Value::Dict(Tag::Default, Dict::new()));
        set(inner, rest, new, &key)?;
    }
    Ok(())
}

fn merge(value: &mut Value, new: Value) {
    match (value, new) {
        (Value::Dict(_, old), Value::Dict(_, new)) => {
            for (name, new) in new {
                match old.get_mut(&name) {
                    Some(old) => merge(old, new),
                    None => {
                        old.insert(name, new);
                    }
                }
            }
        }
        (value, new) => *value = new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(argument: &str) -> Result<String, String> {
        let mut tree = Value::Dict(Tag::Default, Dict::new());
        let findings = apply(&[argument.to_owned()], &mut tree);
        match findings.into_iter().next() {
            None => Ok(tree::to_json(&tree).to_string()),
            Some(finding) => Err(format!("{}: {}", finding.key, finding.problem)),
        }
    }

    #[test]
    fn values_are_toml_and_bare_words_are_strings() {
        assert_eq!(applied("a.b=1").unwrap(), r#"{"a":{"b":1}}"#);
        assert_eq!(applied("a = 1e-4").unwrap(), r#"{"a":0.0001}"#);
        assert_eq!(applied("a=[0.5, true]").unwrap(), r#"{"a":[0.5,true]}"#);
        assert_eq!(applied("a={ sgd = { lr = 1 } }").unwrap(), r#"{"a":{"sgd":{"lr":1}}}"#);
        for word in ["direct", "cuda:0", "../data/cifar 10", "vgg9_cifar10", "a=b", "3x3"] {
            assert_eq!(applied(&format!("a={word}")).unwrap(), format!(r#"{{"a":"{word}"}}"#));
        }
    }

    #[test]
    fn broken_arguments_are_refused_with_a_reason() {
        let problem = |argument| applied(argument).unwrap_err();
        assert_eq!(problem("seed"), ": `seed` sets nothing; write key=value, as in `seed=1`.");
        assert_eq!(problem("=3"), ": `=3` has no key before the `=`; write key=value, as in `seed=1`.");
        assert_eq!(problem("a..b=3"), ": `a..b` is not a key like `a.b` or `a[2].b`.");
        assert_eq!(problem("a="), "a: there is no value after the `=`; write \"\" for an empty string.");
        assert_eq!(problem("a=[1, 2"), "a: `[1, 2` is not a value: unclosed array, expected `]`.");
        assert_eq!(problem("a=1e999"), "a: `1e999` is not a value: the number 1e999 is too large.");
        assert_eq!(problem("base=x.toml"), "base: base files can only be named in a file.");
    }
}
