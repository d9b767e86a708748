//! The paths of all keys that a file can have, by their last step: for who writes `lr` and means `optimizer.sgd.lr`.

use std::collections::HashMap;

use figment::value::Value;
use serde_json::Value as Json;

use super::key::KeyPath;
use super::shape::{Schema, Shape};
use super::wording;

/// As many paths are named at once.
const MOST_NAMED: usize = 3;

/// As many paths with the same last step are remembered.
const MOST_KNOWN: usize = 16;

/// Only a type that contains nothing but itself is as deep as this.
const DEEPEST: usize = 24;

/// What other programs and papers call a key, and its name here.
const OTHER_NAMES: [(&str, &str); 18] = [
    ("learning_rate", "lr"),
    ("wd", "weight_decay"),
    ("batch", "batch_size"),
    ("bs", "batch_size"),
    ("num_epochs", "epochs"),
    ("n_epochs", "epochs"),
    ("max_epochs", "epochs"),
    ("t", "time_steps"),
    ("num_steps", "time_steps"),
    ("tau", "leak"),
    ("decay_rate", "leak"),
    ("v_th", "threshold"),
    ("vth", "threshold"),
    ("v_threshold", "threshold"),
    ("gpu", "device"),
    ("dropout_rate", "probability"),
    ("kernel_size", "kernel"),
    ("out_channels", "channels"),
];

/// How well a key fits what the file has chosen: the smaller, the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// In a table that the file has.
    Present,
    /// In one that has its defaults.
    Default,
    /// Of an entry of a list.
    Entry,
    /// In one that the file has not, or of another choice than its own.
    Other,
}

struct KnownKey {
    path: KeyPath,
    fit: Fit,
}

pub(super) struct KnownKeys {
    by_name: HashMap<String, Vec<KnownKey>>,
}

impl KnownKeys {
    /// Those of `schema`, measured by what `tree` has.
    pub fn new(schema: &Schema, tree: &Value) -> Self {
        let mut known = Self { by_name: HashMap::new() };
        known.walk(schema, schema.root(), Some(tree), &KeyPath::default(), Fit::Present);
        known
    }

    /// The paths, at most three and all as fitting as each other, of the keys called `name`, for one that stands in
    /// `around`: those below that first.
    pub fn called(&self, name: &str, around: &KeyPath) -> Vec<KeyPath> {
        let plain = name.to_lowercase().replace('-', "_");
        let other = OTHER_NAMES.iter().find(|(other, _)| *other == plain).map(|(_, name)| *name);
        let names = [Some(name), Some(plain.as_str()), other];
        let Some(known) = names.into_iter().flatten().find_map(|name| self.by_name.get(name)) else {
            return Vec::new();
        };
        let order = |key: &KnownKey| (!key.path.0.starts_with(&around.0), key.fit);
        let Some(best) = known.iter().map(order).min() else { return Vec::new() };
        known.iter().filter(|key| order(key) == best).take(MOST_NAMED).map(|key| key.path.clone()).collect()
    }

    /// As [`KnownKeys::called`] for the name that `name` is most likely a slip of. Short names are a slip of too many.
    pub fn like(&self, name: &str, around: &KeyPath) -> Vec<KeyPath> {
        let mut names: Vec<&str> = self.by_name.keys().map(String::as_str).filter(|known| known.len() > 3).collect();
        names.sort_unstable();
        let near = Some(name).filter(|name| name.chars().count() > 3).and_then(|name| wording::nearest(name, &names));
        near.filter(|near| wording::is_slip(name, near)).map_or_else(Vec::new, |near| self.called(near, around))
    }

    fn note(&mut self, name: &str, path: KeyPath, fit: Fit) {
        let known = self.by_name.entry(name.to_owned()).or_default();
        if known.len() < MOST_KNOWN {
            known.push(KnownKey { path, fit });
        }
    }

    /// Notes what is below `node`, whose value in the file is `value`.
    fn walk(&mut self, schema: &Schema, node: &Json, value: Option<&Value>, path: &KeyPath, fit: Fit) {
        if path.0.len() > DEEPEST {
            return;
        }
        match schema.shape(node) {
            Shape::Table(table) => {
                for (name, node) in table.properties.into_iter().flatten() {
                    let path = path.name(name);
                    self.note(name, path.clone(), fit);
                    let value = value.and_then(|value| value.as_dict()?.get(name));
                    let fit = match (value, schema.may_be_absent(node)) {
                        (Some(_), _) => fit,
                        (None, true) => Fit::Other,
                        (None, false) => fit.max(Fit::Default),
                    };
                    self.walk(schema, node, value, &path, fit);
                }
            }
            Shape::Choice { variants, .. } => {
                let chosen = value.and_then(Value::as_dict);
                for (name, payload) in variants {
                    let inside = chosen.and_then(|dict| dict.get(name));
                    let path = path.name(name);
                    let fit = if value.is_some() && inside.is_none() { Fit::Other } else { fit };
                    self.note(name, path.clone(), fit);
                    self.walk(schema, payload, inside, &path, fit);
                }
            }
            Shape::List { items, .. } => {
                for (i, value) in value.and_then(Value::as_array).into_iter().flatten().enumerate() {
                    // Of what no entry is, there is no path.
                    if let (Some(node), Some(dict)) = (items.at(i), value.as_dict()) {
                        self.entry(schema, node, dict, &path.index(i), fit.max(Fit::Entry));
                    }
                }
            }
            Shape::Either(nodes) => nodes.into_iter().for_each(|node| self.walk(schema, node, value, path, fit)),
            Shape::Number(_) | Shape::Text | Shape::Flag | Shape::Anything => {}
        }
    }

    /// What is below an entry of a list: of a choice the variants that it has.
    fn entry(&mut self, schema: &Schema, node: &Json, dict: &figment::value::Dict, path: &KeyPath, fit: Fit) {
        let Shape::Choice { variants, .. } = schema.shape(node) else { return };
        for (name, payload) in variants {
            if let Some(inside) = dict.get(name) {
                self.walk(schema, payload, Some(inside), &path.name(name), fit);
            }
        }
    }
}
