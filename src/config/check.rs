//! Every mistake of the merged file against the schema, in one walk.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use figment::value::{Dict, Num, Value};
use serde_json::Value as Json;

use super::key::{KeyPath, KeyStep};
use super::known::KnownKeys;
use super::shape::{ItemShapes, Range, Schema, Shape, TableShape};
use super::sources::{KeyProblem, PartOfKey, Repair};
use super::{absent, form, tree, wording};

/// Mistakes that are told with what was perhaps meant; of more at once nobody reads all.
const MOST_EXPLAINED: usize = 1_000;

/// All mistakes of `written`. A required key may also come from `complete`, which is `written` with the shared defaults
/// filled in: what was written once is reported once, and a key that is there under a wrong name is not missing too.
pub(super) fn check(schema: &Schema, written: &Value, complete: &Value) -> Vec<KeyProblem> {
    let mut checker = Checker { schema, complete, found: Vec::new(), known: Some(OnceCell::new()) };
    checker.value(schema.root(), written, &KeyPath::default());
    let mut found = checker.found;
    let meant: BTreeSet<KeyPath> = found.iter().filter_map(|problem| problem.repair.other_key().cloned()).collect();
    found.retain(|problem| !(problem.is_missing && meant.contains(&problem.key)));
    // What a base was to give is not missing: whether the rest is right, that base tells.
    let base = KeyPath::default().name("base");
    if meant.contains(&base) && found.iter().any(|problem| problem.is_missing) {
        found.retain(|problem| problem.repair.other_key() == Some(&base));
    }
    found
}

/// Whether `value` alone fits `node`.
pub(super) fn accepts(schema: &Schema, node: &Json, value: &Value) -> bool {
    let mut checker = Checker { schema, complete: value, found: Vec::new(), known: None };
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
    /// For the words of messages: what is only tried has none.
    known: Option<OnceCell<KnownKeys>>,
}

impl Checker<'_> {
    fn refuse(&mut self, key: KeyPath, at: PartOfKey, problem: String) {
        self.found.push(KeyProblem::new(key, at, problem));
    }

    /// Refuses the value at `key`, which `node` describes.
    fn refuse_value(&mut self, node: &Json, key: &KeyPath, problem: String) {
        let instead = self.example(node, None).map_or(Repair::Nothing, Repair::Replace);
        self.found.push(KeyProblem::new(key.clone(), PartOfKey::Value, problem).repaired(instead));
    }

    /// A value to write, or to go on with.
    fn example(&self, node: &Json, written: Option<&Value>) -> Option<Value> {
        // Nobody reads a thousand messages.
        let is_told = self.known.is_some() && self.found.len() < MOST_EXPLAINED;
        if is_told { form::example(self.schema, node, written) } else { None }
    }

    fn known(&self) -> Option<&KnownKeys> {
        let is_told = self.found.len() < MOST_EXPLAINED;
        let known = self.known.as_ref().filter(|_| is_told)?;
        Some(known.get_or_init(|| KnownKeys::new(self.schema, self.complete)))
    }

    /// Where a key called `name`, which `around` has not, is known.
    fn elsewhere(&self, name: &str, near: Option<&str>, around: &KeyPath) -> Vec<KeyPath> {
        let Some(known) = self.known() else { return Vec::new() };
        match (known.called(name, around), near) {
            (exact, _) if !exact.is_empty() => exact,
            (_, Some(_)) => Vec::new(),
            (_, None) => known.like(name, around),
        }
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
                if let Some((_, payload)) = variants.iter().find(|(variant, _)| variant == name) {
                    let example = self.example(payload, None);
                    let form = example.map_or_else(|| format!("{{ {name} = ... }}"), |value| form::entry(name, &value));
                    self.refuse_value(node, key, format!("{name:?} needs a value; write {form}."));
                } else if !words.contains(&name.as_str()) {
                    let mut names = wording::names(words, variants);
                    names.extend(self.schema.may_be_absent(node).then_some(absent::NONE));
                    let problem = wording::unknown_name(name, &names, &[]);
                    match wording::nearest(name, &names) {
                        Some(near) => {
                            let near = Repair::Replace(Value::from(near));
                            self.found.push(KeyProblem::new(key.clone(), PartOfKey::Value, problem).repaired(near));
                        }
                        None => self.refuse_value(node, key, problem),
                    }
                }
            }
            (Shape::Table(table), Value::Dict(_, dict)) => self.table(table, dict, key, None),
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
                self.refuse_value(node, key, problem);
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
        let instead = self.instead(node, &shape, value, key).map_or_else(String::new, |form| format!("; write {form}"));
        self.refuse_value(node, key, format!("expected {expected}, found {}{instead}.", wording::found(value)));
    }

    /// What to write in the place of a value that only looks like the one expected, or stands for a table.
    fn instead(&self, node: &Json, shape: &Shape<'_>, value: &Value, key: &KeyPath) -> Option<String> {
        match (shape, value) {
            (Shape::Either(nodes), Value::String(_, text)) => {
                nodes.iter().find_map(|node| wording::instead(&self.schema.shape(node), text))
            }
            (shape, Value::String(_, text)) if !matches!(shape, Shape::Table(_)) => wording::instead(shape, text),
            (Shape::Table(_), Value::String(..) | Value::Num(..) | Value::Bool(..)) => {
                let example = self.example(node, Some(value))?;
                let (last, around) = key.0.split_last()?;
                Some(match (last, around.last()) {
                    (KeyStep::Name(name), Some(KeyStep::Index(_))) => form::entry(name, &example),
                    (KeyStep::Name(name), _) => form::setting(name, &example),
                    (KeyStep::Index(_), _) => form::shown(&example),
                })
            }
            _ => None,
        }
    }

    fn variant(&mut self, words: &[&str], variants: &[(&str, &Json)], dict: &Dict, key: &KeyPath) {
        let names = wording::names(words, variants);
        let mut known: Option<&str> = None;
        for (name, value) in dict {
            let Some((_, payload)) = variants.iter().find(|(variant, _)| variant == name) else {
                let (problem, repair) = if words.contains(&name.as_str()) {
                    (format!("{name:?} has no keys; write just {name:?}."), Repair::LeaveOut)
                } else {
                    let near = wording::nearest(name, &names);
                    let elsewhere = if near.is_none() { self.elsewhere(name, None, key) } else { Vec::new() };
                    let problem = wording::unknown_name(name, &names, &elsewhere);
                    (problem, self.read_as(key, dict, near, &elsewhere))
                };
                self.found.push(KeyProblem::new(key.name(name), PartOfKey::Key, problem).repaired(repair));
                continue;
            };
            if let Some(other) = known {
                let problem = format!("both {other:?} and {name:?} are given; keep one of them.");
                self.refuse(key.name(name), PartOfKey::Key, problem);
            }
            known = Some(name);
            let inside = key.name(name);
            match (self.schema.shape(payload), value) {
                (Shape::Table(table), Value::Dict(_, dict)) => self.table(&table, dict, &inside, Some(payload)),
                _ => self.value(payload, value, &inside),
            }
        }
        if dict.is_empty() {
            let shape = Shape::Choice { words: words.to_vec(), variants: variants.to_vec() };
            let problem = format!("expected {}, found an empty table.", wording::expected(self.schema, &shape));
            self.refuse(key.clone(), PartOfKey::Value, problem);
        }
    }

    /// What a key of `dict` that is unknown there is read as.
    fn read_as(&self, around: &KeyPath, dict: &Dict, near: Option<&str>, elsewhere: &[KeyPath]) -> Repair {
        match (near, elsewhere) {
            (Some(near), []) if !dict.contains_key(near) => Repair::Rename(around.name(near)),
            (None, [only]) if tree::get(self.complete, &only.0).is_none() => Repair::Rename(only.clone()),
            _ => Repair::LeaveOut,
        }
    }

    /// The keys of a table; `variant` describes it where it is that of a choice's variant.
    fn table(&mut self, table: &TableShape<'_>, dict: &Dict, key: &KeyPath, variant: Option<&Json>) {
        for (name, value) in dict {
            match table.property(name) {
                Some(node) => self.value(node, value, &key.name(name)),
                None => {
                    let valid = table.names();
                    let near = wording::nearest(name, &valid);
                    let elsewhere = self.elsewhere(name, near, key);
                    let repair = self.read_as(key, dict, near, &elsewhere);
                    let problem = wording::unknown_key(near, &elsewhere, &valid);
                    self.found.push(KeyProblem::new(key.name(name), PartOfKey::Key, problem).repaired(repair));
                }
            }
        }
        let complete = tree::get(self.complete, &key.0);
        let is_given = |name: &&str| {
            dict.contains_key(*name)
                || matches!(complete, Some(Value::Dict(_, complete)) if complete.contains_key(*name))
        };
        let missing: Vec<(&str, &Json)> = table
            .required
            .iter()
            .filter(|name| !is_given(name))
            .filter_map(|name| Some((*name, table.property(name)?)))
            .collect();
        // Of a variant that was only named, all that it lacks is one mistake.
        let whole = variant.filter(|_| dict.is_empty()).and_then(|node| self.example(node, None));
        let form = whole.zip(key.0.last()).map(|(value, name)| form::entry(&name.as_name(), &value));
        match (missing.as_slice(), form) {
            ([], _) => {}
            ([_, _, ..], Some(form)) => {
                let names: Vec<String> = missing.iter().map(|(name, _)| format!("`{name}`")).collect();
                let problem = format!("the keys {} are missing; write {form}.", names.join(", "));
                let problem = KeyProblem::new(key.clone(), PartOfKey::Key, problem);
                self.found.push(KeyProblem { is_missing: true, ..problem });
            }
            (missing, form) => {
                let form = form.map_or_else(String::new, |form| format!("; write {form}"));
                for (name, node) in missing {
                    let expected = wording::expected(self.schema, &self.schema.shape(node));
                    let problem = KeyProblem::missing(key.name(name), &format!("expected {expected}{form}."));
                    let instead = self.example(node, None).map_or(Repair::Nothing, Repair::Replace);
                    self.found.push(problem.repaired(instead));
                }
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
