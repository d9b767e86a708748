//! A tree with mistakes, read as it was perhaps meant: for the checks that come after, so that all mistakes are told at
//! once.

use std::collections::BTreeSet;

use figment::value::{Dict, Tag, Value};

use super::key::{KeyPath, KeyStep};
use super::repeat::Origins;
use super::sources::{KeyProblem, Repair};
use super::tree;

/// What has been repaired so far.
#[derive(Default)]
pub(super) struct Repairs {
    /// The keys that are read under another name: that, and the one that is written.
    pub renamed: Origins,
    /// The keys at the top of the file in which a value is not the one that was meant: what follows from them is not
    /// known.
    pub unknown: BTreeSet<String>,
}

impl Repairs {
    /// Changes `root` as `findings` say.
    pub fn apply(&mut self, root: &mut Value, findings: &[KeyProblem]) {
        for KeyProblem { key, repair, .. } in findings {
            let is_known = match repair {
                Repair::Rename(other) => self.rename(root, key, other),
                Repair::LeaveOut => {
                    take(root, key);
                    false
                }
                Repair::Replace(value) => {
                    put(root, key, value.clone());
                    false
                }
                Repair::Nothing => false,
            };
            if !is_known {
                self.unknown.extend(key.0.first().map(KeyStep::as_name));
            }
        }
    }

    /// Whether there was a value to move, and no other in its place.
    fn rename(&mut self, root: &mut Value, key: &KeyPath, other: &KeyPath) -> bool {
        let Some(value) = take(root, key) else { return false };
        let is_free = tree::get(root, &other.0).is_none();
        if is_free {
            put(root, other, value);
            self.renamed.insert(other.0.clone(), key.0.clone());
        }
        is_free
    }
}

/// Takes the value at `key` away.
fn take(root: &mut Value, key: &KeyPath) -> Option<Value> {
    let (last, around) = key.0.split_last()?;
    match tree::get_mut(root, around)? {
        Value::Dict(_, dict) => dict.remove(&last.as_name()),
        _ => None,
    }
}

/// Puts `value` at `key`, into tables that are made where there are none.
fn put(root: &mut Value, key: &KeyPath, value: Value) {
    let mut place = root;
    for step in &key.0 {
        let inside = match place {
            Value::Array(_, items) => step.as_index().and_then(|i| items.get_mut(i)),
            Value::Dict(_, dict) => {
                Some(dict.entry(step.as_name()).or_insert_with(|| Value::Dict(Tag::Default, Dict::new())))
            }
            _ => None,
        };
        let Some(inside) = inside else { return };
        place = inside;
    }
    *place = value;
}
