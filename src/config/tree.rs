//! The merged file as a tree of figment values, each tagged with its source.

use std::ops::Range;

use figment::value::{Dict, Empty, Num, Tag, Value};
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeValue};

use super::key::KeyStep;

/// The value at `steps`, and the tags of it and of everything around it, outermost first, as far as the steps lead.
pub(super) fn walk<'t>(root: &'t Value, steps: &[KeyStep]) -> (Vec<&'t Value>, bool) {
    let mut seen = Vec::new();
    let mut value = root;
    for step in steps {
        let next = match value {
            Value::Dict(_, dict) => dict.get(&step.as_name()),
            Value::Array(_, items) => step.as_index().and_then(|i| items.get(i)),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => return (seen, false),
        }
        seen.push(value);
    }
    (seen, true)
}

/// The value at `steps`, if there is one.
pub(super) fn get<'t>(root: &'t Value, steps: &[KeyStep]) -> Option<&'t Value> {
    let (seen, whole) = walk(root, steps);
    if whole { seen.last().copied().or(Some(root)) } else { None }
}

/// As [`get`], to change.
pub(super) fn get_mut<'t>(root: &'t mut Value, steps: &[KeyStep]) -> Option<&'t mut Value> {
    let mut value = root;
    for step in steps {
        value = match value {
            Value::Dict(_, dict) => dict.get_mut(&step.as_name())?,
            Value::Array(_, items) => items.get_mut(step.as_index()?)?,
            _ => return None,
        };
    }
    Some(value)
}

/// A parsed TOML value without its positions, with `tag` throughout.
///
/// # Errors
/// The place of the first number that fits neither an i64 nor an f64, or of the first date, which no setting is; and a
/// sentence without its end.
pub(super) fn from_toml(value: &Spanned<DeValue<'_>>, tag: Tag) -> Result<Value, (Range<usize>, String)> {
    let refuse = |problem: String| (value.span(), problem);
    let too_large = |number: &str| refuse(format!("the number {number} is too large"));
    Ok(match value.get_ref() {
        DeValue::String(text) => Value::String(tag, text.to_string()),
        DeValue::Datetime(date) => {
            return Err(refuse(format!("{date} is a date, and no setting is one; strings stand in quotes")));
        }
        DeValue::Boolean(flag) => Value::Bool(tag, *flag),
        DeValue::Integer(n) => Value::Num(tag, Num::I64(integer(n).ok_or_else(|| too_large(n.as_str()))?)),
        DeValue::Float(x) => Value::Num(tag, Num::F64(float(x).ok_or_else(|| too_large(x.as_str()))?)),
        DeValue::Array(items) => {
            Value::Array(tag, items.iter().map(|item| from_toml(item, tag)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let mut dict = Dict::new();
            for (name, value) in table {
                dict.insert(name.get_ref().to_string(), from_toml(value, tag)?);
            }
            Value::Dict(tag, dict)
        }
    })
}

fn integer(n: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(n.as_str(), n.radix()).ok()
}

/// `1e999` is refused here; a written `inf` is the check's business.
fn float(x: &DeFloat<'_>) -> Option<f64> {
    let value: f64 = x.as_str().parse().ok()?;
    (value.is_finite() || x.as_str().contains(['i', 'n'])).then_some(value)
}

/// The tree for serde. Numbers that are not finite have been refused before.
pub(super) fn to_json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::String(_, text) => Json::from(text.as_str()),
        Value::Char(_, c) => Json::from(c.to_string()),
        Value::Bool(_, flag) => Json::from(*flag),
        Value::Num(_, Num::I64(n)) => Json::from(*n),
        Value::Num(_, n) => n.to_f64().map_or(Json::Null, Json::from),
        Value::Empty(..) => Json::Null,
        Value::Dict(_, dict) => Json::Object(dict.iter().map(|(name, value)| (name.clone(), to_json(value))).collect()),
        Value::Array(_, items) => Json::Array(items.iter().map(to_json).collect()),
    }
}

/// The other way, of what stands in a schema: nulls are left out.
pub(super) fn from_json(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let tag = Tag::Default;
    match value {
        Json::Null => Value::Empty(tag, Empty::None),
        Json::Bool(flag) => Value::Bool(tag, *flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Num(tag, Num::I64(whole)),
            None => Value::Num(tag, Num::F64(number.as_f64().unwrap_or_default())),
        },
        Json::String(text) => Value::String(tag, text.clone()),
        Json::Array(items) => Value::Array(tag, items.iter().map(from_json).collect()),
        Json::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Value::Dict(tag, kept.map(|(name, value)| (name.clone(), from_json(value))).collect())
        }
    }
}
