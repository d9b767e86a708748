//! Choices (externally tagged enums) in one form: `"adam"` becomes `{ adam = {} }`, and where merging left several
//! variants in one table, the one from the latest source stays.

use figment::value::{Dict, Value};
use serde_json::Value as Json;

use super::check;
use super::shape::{Schema, Shape};
use super::sources::ConfigSources;

/// Settles every choice of the tree.
pub(super) fn resolve(schema: &Schema, sources: &mut ConfigSources) {
    let mut tree = std::mem::replace(&mut sources.tree, Value::from(Dict::new()));
    ChoiceResolver { schema, sources }.value(schema.root(), &mut tree, false);
    sources.tree = tree;
}

struct ChoiceResolver<'a> {
    schema: &'a Schema,
    sources: &'a ConfigSources,
}

impl ChoiceResolver<'_> {
    /// `entry`: the value is an entry of a list. Lists are not merged, so that two variants in one entry are a slip (an
    /// argument with the wrong index), not a change of mind: they are left for the check to refuse.
    fn value(&self, node: &Json, value: &mut Value, entry: bool) {
        match self.schema.shape(node) {
            Shape::Choice { words, variants } => {
                self.unify(value, &words, &variants);
                let Value::Dict(_, dict) = value else { return };
                if !entry {
                    self.keep_latest(dict);
                }
                for (name, payload) in variants {
                    if let Some(value) = dict.get_mut(name) {
                        self.value(payload, value, false);
                    }
                }
            }
            Shape::Table(table) => {
                let Value::Dict(_, dict) = value else { return };
                for (name, value) in dict {
                    if let Some(node) = table.property(name) {
                        self.value(node, value, false);
                    }
                }
            }
            Shape::List { items, .. } => {
                let Value::Array(_, values) = value else { return };
                for (i, value) in values.iter_mut().enumerate() {
                    if let Some(node) = items.at(i) {
                        self.value(node, value, true);
                    }
                }
            }
            Shape::Either(nodes) => self.either(&nodes, value, entry),
            Shape::Number(_) | Shape::Text | Shape::Flag | Shape::Anything => {}
        }
    }

    /// A bare name as a table, and an empty table for a word as the word.
    fn unify(&self, value: &mut Value, words: &[&str], variants: &[(&str, &Json)]) {
        let tag = value.tag();
        match value {
            Value::String(_, name) => {
                let payload = variants.iter().find(|(variant, _)| variant == name);
                if payload.is_some_and(|(_, payload)| matches!(self.schema.shape(payload), Shape::Table(_))) {
                    let payload = Value::Dict(tag, Dict::new());
                    *value = Value::Dict(tag, Dict::from([(std::mem::take(name), payload)]));
                }
            }
            Value::Dict(_, dict) if dict.len() == 1 => {
                let word = dict.iter().next().filter(|(name, payload)| {
                    words.contains(&name.as_str()) && matches!(payload, Value::Dict(_, inner) if inner.is_empty())
                });
                if let Some(word) = word.map(|(name, _)| name.clone()) {
                    *value = Value::String(tag, word);
                }
            }
            _ => {}
        }
    }

    /// Drops the variants of older sources, and what still older sources said about the one that stays.
    fn keep_latest(&self, dict: &mut Dict) {
        let ranks: Vec<usize> = dict.values().map(|value| self.latest(value)).collect();
        let Some(last) = ranks.iter().copied().max() else { return };
        let Some(overruled) = ranks.iter().copied().filter(|rank| *rank < last).max() else { return };
        dict.retain(|_, value| self.latest(value) == last);
        dict.values_mut().for_each(|value| self.forget(value, overruled));
    }

    /// The latest source that has a say in `value`.
    fn latest(&self, value: &Value) -> usize {
        let own = self.sources.rank(value.tag());
        match value {
            Value::Dict(_, dict) => dict.values().map(|value| self.latest(value)).fold(own, usize::max),
            Value::Array(_, items) => items.iter().map(|value| self.latest(value)).fold(own, usize::max),
            _ => own,
        }
    }

    fn forget(&self, value: &mut Value, before: usize) {
        if let Value::Dict(_, dict) = value {
            dict.retain(|_, value| self.latest(value) >= before);
            dict.values_mut().for_each(|value| self.forget(value, before));
        }
    }

    /// The first alternative that takes the value, else the first that could.
    fn either(&self, nodes: &[&Json], value: &mut Value, entry: bool) {
        for node in nodes {
            let mut settled = value.clone();
            self.value(node, &mut settled, entry);
            if check::accepts(self.schema, node, &settled) {
                *value = settled;
                return;
            }
        }
        if let Some(node) = nodes.iter().find(|node| check::could_be(&self.schema.shape(node), value)) {
            self.value(node, value, entry);
        }
    }
}
