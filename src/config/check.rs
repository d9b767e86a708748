//! Every mistake of the merged file against the schema, in one walk.

use figment::value::{Dict, Num, Value};
use serde_json::Value as Json;

use super::absent;
use super::key::KeyPath;
use super::shape::{ItemShapes, Range, Schema, Shape, TableShape};
use super::sources::{KeyProblem, PartOfKey};
use super::{tree, wording};

/// All mistakes of `written`. A required key may also come from `complete`, which is `written` with the shared defaults
/// filled in: what was written once is reported once.
pub(super) fn check(schema: &Schema, written: &Value, complete: &Value) -> Vec<KeyProblem> {
    let mut checker = Checker { schema, complete, found: Vec::new() };
    checker.value(schema.root(), written, &KeyPath::default());
    checker.found
}

/// Whether `value` alone fits `node`.
pub(super) fn accepts(schema: &Schema, node: &Json, value: &Value) -> bool {
    let mut checker = Checker { schema, complete: value, found: Vec::new() };
    checker.value(node, value, &KeyPath::default());
    checker.found.is_empty()
}

/// Whether `value` is of the kind that `shape` asks for, whatever its content.
pub(super) fn could_be(shape: &Shape<'_>, value: &Value) -> bool {
    match (shape, value) {
        (Shape::Choice { variants, .. }, Value::Dict(..)) => !variants.is_empty(),
        (Shape::Choice { .. } | Shape::Text, Value::String(..))
        | (Shape::Table(_), Value::Dict(..))
        | (Shape::List { .. }, Value::Array(..))
        | (Shape::Number(_), Value::Num(..))
        | (Shape::Flag, Value::Bool(..))
        | (Shape::Either(_) | Shape::Anything, _) => true,
        _ => false,
    }
}

struct Checker<'a> {
    schema: &'a Schema,
    complete: &'a Value,
    found: Vec<KeyProblem>,
}

impl Checker<'_> {
    fn refuse(&mut self, key: KeyPath, at: PartOfKey, problem: String) {
        self.found.push(KeyProblem { key, at, problem });
    }

    fn value(&mut self, node: &Json, value: &Value, key: &KeyPath) {
        if absent::is_meant(self.schema, node, value) {
            return;
        }
        let shape = self.schema.shape(node);
        match (&shape, value) {
            (Shape::Choice { words, variants }, Value::Dict(_, dict)) if !variants.is_empty() => {
                self.variant(words, variants, dict, key);
            }
            (Shape::Choice { words, variants }, Value::String(_, name)) => {
                if variants.iter().any(|(variant, _)| variant == name) {
                    let problem = format!("{name:?} needs a value; write {{ {name} = ... }}.");
                    self.refuse(key.clone(), PartOfKey::Value, problem);
                } else if !words.contains(&name.as_str()) {
                    let mut names = wording::names(words, variants);
                    names.extend(self.schema.may_be_absent(node).then_some(absent::NONE));
                    self.refuse(key.clone(), PartOfKey::Value, wording::unknown_name(name, &names));
                }
            }
            (Shape::Table(table), Value::Dict(_, dict)) => self.table(table, dict, key),
            (Shape::List { items, least, most }, Value::Array(_, values)) => {
                let count = values.len() as u64;
                if least.is_some_and(|least| count < least) || most.is_some_and(|most| count > most) {
                    self.wrong(node, value, key);
                }
                self.entries(items, values, key);
            }
            (Shape::Number(range), Value::Num(_, number)) if fits(range, *number) => {}
            (Shape::Number(range), Value::Num(_, Num::F64(x))) if x.is_finite() && !range.whole && !range.holds(*x) => {
                let problem = format!("{} is beyond the range of 32-bit numbers.", wording::found(value));
                self.refuse(key.clone(), PartOfKey::Value, problem);
            }
            (Shape::Either(nodes), _) => self.either(node, nodes, value, key),
            (Shape::Anything, _) | (Shape::Text, Value::String(..)) | (Shape::Flag, Value::Bool(..)) => {}
            _ => self.wrong(node, value, key),
        }
    }

    fn wrong(&mut self, node: &Json, value: &Value, key: &KeyPath) {
        let shape = self.schema.shape(node);
        let mut expected = wording::expected(self.schema, &shape);
        // Who is only out of the range does not want to be without.
        if self.schema.may_be_absent(node) && !could_be(&shape, value) {
            expected = format!("{expected} or {:?}", absent::NONE);
        }
        self.refuse(key.clone(), PartOfKey::Value, format!("expected {expected}, found {}.", wording::found(value)));
    }

    fn variant(&mut self, words: &[&str], variants: &[(&str, &Json)], dict: &Dict, key: &KeyPath) {
        let names = wording::names(words, variants);
        let mut known: Option<&str> = None;
        for (name, value) in dict {
            let Some((_, payload)) = variants.iter().find(|(variant, _)| variant == name) else {
                let problem = if words.contains(&name.as_str()) {
                    format!("{name:?} has no keys; write just {name:?}.")
                } else {
                    wording::unknown_name(name, &names)
                };
                self.refuse(key.name(name), PartOfKey::Key, problem);
                continue;
            };
            if let Some(other) = known {
                let problem = format!("both {other:?} and {name:?} are given; keep one of them.");
                self.refuse(key.name(name), PartOfKey::Key, problem);
            }
            known = Some(name);
            self.value(payload, value, &key.name(name));
        }
        if dict.is_empty() {
            let shape = Shape::Choice { words: words.to_vec(), variants: variants.to_vec() };
            let problem = format!("expected {}, found an empty table.", wording::expected(self.schema, &shape));
            self.refuse(key.clone(), PartOfKey::Value, problem);
        }
    }

    fn table(&mut self, table: &TableShape<'_>, dict: &Dict, key: &KeyPath) {
        for (name, value) in dict {
            match table.property(name) {
                Some(node) => self.value(node, value, &key.name(name)),
                None => self.refuse(key.name(name), PartOfKey::Key, wording::unknown_key(name, &table.names())),
            }
        }
        let complete = tree::get(self.complete, &key.0);
        for name in &table.required {
            let given = dict.contains_key(*name)
                || matches!(complete, Some(Value::Dict(_, complete)) if complete.contains_key(*name));
            if let Some(node) = table.property(name).filter(|_| !given) {
                let expected = wording::expected(self.schema, &self.schema.shape(node));
                self.refuse(key.name(name), PartOfKey::Key, format!("this key is missing; expected {expected}."));
            }
        }
    }

    fn entries(&mut self, items: &ItemShapes<'_>, values: &[Value], key: &KeyPath) {
        for (i, value) in values.iter().enumerate() {
            if let Some(node) = items.at(i) {
                self.value(node, value, &key.index(i));
            }
        }
    }

    /// Mistakes inside a table or a list are those of the one alternative that is a table or a list.
    fn either(&mut self, node: &Json, nodes: &[&Json], value: &Value, key: &KeyPath) {
        let inside = |node: &&&Json| could_be(&self.schema.shape(node), value);
        let mut possible = nodes.iter().filter(inside);
        let only = possible.next().filter(|_| possible.next().is_none());
        let before = self.found.len();
        for alternative in nodes {
            self.value(alternative, value, key);
            if self.found.len() == before {
                return;
            }
            self.found.truncate(before);
        }
        match (only, value) {
            (Some(only), Value::Dict(..) | Value::Array(..)) => self.value(only, value, key),
            _ => self.wrong(node, value, key),
        }
    }
}

fn fits(range: &Range, number: Num) -> bool {
    match number {
        Num::F64(x) => !range.whole && range.contains(x),
        number => number.to_i128().is_some_and(|n| range.contains(n as f64)),
    }
}
