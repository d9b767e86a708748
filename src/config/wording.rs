//! The sentences of messages: what was expected, what was found, what was perhaps meant.

use figment::value::{Num, Value};

use super::key::KeyPath;
use super::shape::{Range, Schema, Shape};

/// More keys than this are not listed when one of them is close to what was written.
const MANY: usize = 20;

/// What a value must be, as the object of "expected".
pub(super) fn expected(schema: &Schema, shape: &Shape<'_>) -> String {
    match shape {
        Shape::Choice { words, variants } => one_of(&names(words, variants)),
        Shape::Table(_) => "a table".to_owned(),
        Shape::List { least, most, .. } => match (least, most) {
            (Some(n), Some(m)) if n == m => format!("a list of {n} values"),
            (Some(n), None) => format!("a list of at least {n} values"),
            (None, Some(m)) => format!("a list of at most {m} values"),
            (Some(n), Some(m)) => format!("a list of {n} to {m} values"),
            (None, None) => "a list".to_owned(),
        },
        Shape::Number(range) => number(range),
        Shape::Text => "a string".to_owned(),
        Shape::Flag => "true or false".to_owned(),
        Shape::Either(nodes) => {
            let all: Vec<String> = nodes.iter().map(|node| expected(schema, &schema.shape(node))).collect();
            all.join(" or ")
        }
        Shape::Anything => "a value".to_owned(),
    }
}

fn number(range: &Range) -> String {
    let kind = if range.whole { "a whole number" } else { "a number" };
    let low = range.low.map(|(x, excluded)| if excluded { format!("above {x}") } else { format!("of at least {x}") });
    let high = range.high.map(|(x, excluded)| if excluded { format!("below {x}") } else { format!("at most {x}") });
    match (range.low, range.high, low, high) {
        (Some((low, false)), Some((high, false)), ..) => format!("{kind} from {low} to {high}"),
        (_, _, Some(low), Some(high)) => format!("{kind} {low} and {high}"),
        (_, _, Some(bound), None) => format!("{kind} {bound}"),
        (_, _, None, Some(bound)) => format!("{kind} of {bound}").replace("of below", "below"),
        _ => kind.to_owned(),
    }
}

/// What stands there instead, as the object of "found".
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::String(_, text) if text.chars().count() > 60 => {
            format!("the string {:?}...", text.chars().take(60).collect::<String>())
        }
        Value::String(_, text) => format!("the string {text:?}"),
        Value::Char(_, c) => format!("the string {:?}", c.to_string()),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, Num::F64(x)) => format!("{x:?}").to_lowercase(),
        Value::Num(_, n) => n.to_i128().map_or_else(|| "a number".to_owned(), |n| n.to_string()),
        Value::Empty(..) => "nothing".to_owned(),
        Value::Dict(_, dict) if dict.is_empty() => "an empty table".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Array(_, items) => match items.len() {
            0 => "an empty list".to_owned(),
            1 => "a list of 1 value".to_owned(),
            n => format!("a list of {n} values"),
        },
    }
}

/// For a key that is not among the `valid` ones: a near one of these, or the paths of what it is elsewhere.
pub(super) fn unknown_key(near: Option<&str>, elsewhere: &[KeyPath], valid: &[&str]) -> String {
    let keys = valid.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    match near {
        _ if !elsewhere.is_empty() => format!("unknown key; did you mean {}?", any_of(near, elsewhere)),
        _ if valid.is_empty() => "unknown key; no keys are possible here.".to_owned(),
        Some(near) if valid.len() > MANY => format!("unknown key; did you mean `{near}`?"),
        Some(near) => format!("unknown key; did you mean `{near}`? The keys here are {keys}."),
        None => format!("unknown key; the keys here are {keys}."),
    }
}

/// "`a`, `b.c` or `d`, at the top of the file".
fn any_of(near: Option<&str>, paths: &[KeyPath]) -> String {
    let path = |path: &KeyPath| match path.0.len() {
        1 => format!("`{path}`, at the top of the file"),
        _ => format!("`{path}`"),
    };
    let named: Vec<String> = near.iter().map(|near| format!("`{near}`")).chain(paths.iter().map(path)).collect();
    match named.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => String::new(),
    }
}

/// For a word or the name of a variant.
pub(super) fn unknown_name(name: &str, valid: &[&str], elsewhere: &[KeyPath]) -> String {
    let expected = one_of(valid);
    match nearest(name, valid) {
        Some(near) => format!("unknown name {name:?}; did you mean {near:?}? Expected {expected}."),
        None if !elsewhere.is_empty() => {
            format!("unknown name {name:?}; did you mean {}? Expected {expected}.", any_of(None, elsewhere))
        }
        None => format!("unknown name {name:?}; expected {expected}."),
    }
}

/// What to write where a number or true or false is expected and `text` was found; nothing where that is not plain.
pub(super) fn instead(shape: &Shape<'_>, text: &str) -> Option<String> {
    match shape {
        Shape::Number(range) => {
            let plain = text.trim().trim_matches(['“', '”', '‘', '’', '"', '\'']);
            let plain = plain.replace(',', ".").replace(['\u{2212}', '\u{2013}'], "-");
            let number = plain.parse::<f64>().ok().filter(|x| range.contains(*x))?;
            (!range.whole || number.fract() == 0.0 && !plain.contains('.')).then_some(plain)
        }
        Shape::Flag => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => Some("true".to_owned()),
            "false" | "no" | "off" => Some("false".to_owned()),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn names<'s, P>(words: &[&'s str], variants: &[(&'s str, P)]) -> Vec<&'s str> {
    words.iter().copied().chain(variants.iter().map(|(name, _)| *name)).collect()
}

fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first, second] => format!("{first} or {second}"),
        all => format!("one of {}", all.join(", ")),
    }
}

/// The valid name that `name` is most likely a slip of.
pub(super) fn nearest<'s>(name: &str, valid: &[&'s str]) -> Option<&'s str> {
    let plain = name.to_lowercase().replace('-', "_");
    let allowed = (plain.chars().count() / 4).saturating_add(1);
    let distance = |candidate: &str| strsim::damerau_levenshtein(&plain, candidate);
    // Long strings are no slips, and the distance takes quadratic time.
    let candidates = valid.iter().filter(|_| plain.len() <= 100);
    candidates.map(|name| (distance(name), *name)).filter(|(d, _)| *d <= allowed).min().map(|(_, name)| name)
}

/// Whether `name` is nearly `near`: one letter in four is another, and a short name has no letter of its own.
pub(super) fn is_slip(name: &str, near: &str) -> bool {
    let plain = name.to_lowercase().replace('-', "_");
    plain.len() <= 100 && strsim::damerau_levenshtein(&plain, near) <= (near.chars().count() / 4).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_described_with_their_bounds() {
        let text = |low, high| number(&Range { whole: false, single: false, low, high });
        assert_eq!(text(None, None), "a number");
        assert_eq!(text(Some((0.0, true)), None), "a number above 0");
        assert_eq!(text(Some((1.0, false)), None), "a number of at least 1");
        assert_eq!(text(None, Some((1.0, false))), "a number of at most 1");
        assert_eq!(text(None, Some((1.0, true))), "a number below 1");
        assert_eq!(text(Some((0.0, false)), Some((1.0, false))), "a number from 0 to 1");
        assert_eq!(text(Some((0.0, true)), Some((1.0, false))), "a number above 0 and at most 1");
        assert_eq!(text(Some((0.0, false)), Some((1.0, true))), "a number of at least 0 and below 1");
    }

    #[test]
    fn a_slip_is_told_from_another_word() {
        let keys = ["leak", "threshold", "one_minus_leak"];
        assert_eq!(nearest("laek", &keys), Some("leak"));
        assert_eq!(nearest("One-Minus-Leak", &keys), Some("one_minus_leak"));
        assert_eq!(nearest("treshhold", &keys), Some("threshold"));
        assert_eq!(nearest("colour", &keys), None);
    }
}
