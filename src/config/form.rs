//! What could be written: a complete example of a value, out of the schema's defaults and required keys.

use figment::value::{Dict, Num, Tag, Value};
use serde_json::Value as Json;

use super::shape::{Range, Schema, Shape, TableShape};
use super::{check, key, tree};

/// Only a type that contains nothing but itself is as deep as this.
const DEEPEST: usize = 16;

/// A value that fits `node`. The bare value that was `written` stands in it where it can.
pub(super) fn example(schema: &Schema, node: &Json, written: Option<&Value>) -> Option<Value> {
    below(schema, node, written, 0)
}

fn below(schema: &Schema, node: &Json, written: Option<&Value>, depth: usize) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    if let Some(written) = written.filter(|written| !is_list_or_table(written) && check::accepts(schema, node, written))
    {
        return Some(written.clone());
    }
    let shape = schema.shape(node);
    // All that a table has by default would be longer than what is wanted.
    let whole = depth == 0 && matches!(shape, Shape::Table(_));
    let given = node.get("default").filter(|_| !whole).or_else(|| node.get("examples")?.get(0)).map(tree::from_json);
    if let Some(given) = given.filter(|given| check::accepts(schema, node, given)) {
        return Some(given);
    }
    let depth = depth.saturating_add(1);
    match shape {
        Shape::Choice { words, variants } => {
            let word = words.first().map(|word| Value::from(*word));
            let variant = || {
                let (name, payload) = variants.first()?;
                Some(table_of([((*name).to_owned(), below(schema, payload, None, depth)?)]))
            };
            word.or_else(variant)
        }
        Shape::Table(table) => {
            let with = taker(schema, &table, written);
            let names = with.into_iter().chain(table.required.iter().copied().filter(|name| Some(*name) != with));
            let value = |name: &'_ str| {
                let written = written.filter(|_| Some(name) == with);
                Some((name.to_owned(), below(schema, table.property(name)?, written, depth)?))
            };
            let mut dict: Dict = names.map(value).collect::<Option<_>>()?;
            if whole && dict.is_empty() {
                dict.extend(table.names().into_iter().next().and_then(value));
            }
            Some(Value::Dict(Tag::Default, dict))
        }
        Shape::List { items, least, .. } => {
            let count = usize::try_from(least.unwrap_or(0)).ok().filter(|count| *count <= DEEPEST)?;
            let item = |i| below(schema, items.at(i)?, None, depth);
            (0..count).map(item).collect::<Option<Vec<_>>>().map(|items| Value::Array(Tag::Default, items))
        }
        Shape::Number(range) => number(&range),
        Shape::Text => Some(Value::from("...")),
        Shape::Flag => Some(Value::from(true)),
        // What may be a name is shown as that.
        Shape::Either(nodes) => {
            let is_choice = |node: &&&Json| matches!(schema.shape(node), Shape::Choice { .. });
            nodes.iter().find(is_choice).or(nodes.first()).and_then(|node| below(schema, node, None, depth))
        }
        Shape::Anything => None,
    }
}

fn is_list_or_table(value: &Value) -> bool {
    matches!(value, Value::Dict(..) | Value::Array(..))
}

/// The key of `table` that a bare value is meant for: one that must be given, or else the first that takes it.
fn taker<'s>(schema: &Schema, table: &TableShape<'s>, written: Option<&Value>) -> Option<&'s str> {
    let written = written.filter(|written| !is_list_or_table(written))?;
    let takes = |name: &&str| table.property(name).is_some_and(|node| check::accepts(schema, node, written));
    let required = table.required.iter().copied().find(takes);
    required.or_else(|| table.names().into_iter().filter(|_| table.required.is_empty()).find(takes))
}

fn table_of(entries: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::Dict(Tag::Default, entries.into_iter().collect())
}

/// A number of the range that somebody could mean.
fn number(range: &Range) -> Option<Value> {
    if range.whole {
        let whole =
            [2.0, range.low.map_or(0.0, |(low, _)| low.ceil()), range.high.map_or(0.0, |(high, _)| high.floor())];
        let whole = whole.into_iter().find(|whole| range.contains(*whole))?;
        return Some(Value::Num(Tag::Default, Num::I64(whole as i64)));
    }
    let both = range.low.zip(range.high).map(|((low, _), (high, _))| f64::midpoint(low, high));
    let number = both.into_iter().chain([0.1, 0.5, 1.0]).find(|x| range.contains(*x))?;
    Some(Value::Num(Tag::Default, Num::F64(number)))
}

/// `value` as TOML on one line.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(_, text) => toml::Value::from(text.as_str()).to_string(),
        Value::Char(_, c) => format!("{:?}", c.to_string()),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, Num::F64(x)) => format!("{x:?}"),
        Value::Num(_, n) => n.to_i128().map_or_else(String::new, |n| n.to_string()),
        Value::Empty(..) => String::new(),
        Value::Dict(_, dict) if dict.is_empty() => "{}".to_owned(),
        Value::Dict(_, dict) => {
            let pairs: Vec<String> = dict.iter().map(|(name, value)| setting(name, value)).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(_, items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
    }
}

/// `name = value`.
pub(super) fn setting(name: &str, value: &Value) -> String {
    format!("{} = {}", key::quoted(name), shown(value))
}

/// `{ name = value }`, as an entry of a list has it.
pub(super) fn entry(name: &str, value: &Value) -> String {
    format!("{{ {} }}", setting(name, value))
}
