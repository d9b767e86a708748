//! `"none"`: takes away what earlier files gave for a key that may be left out.

use figment::value::{Empty, Value};
use serde_json::Value as Json;

use super::check;
use super::shape::{Schema, Shape};

/// The word.
pub(super) const NONE: &str = "none";

/// Whether `value` says that what `node` describes is to be absent.
pub(super) fn is_meant(schema: &Schema, node: &Json, value: &Value) -> bool {
    matches!(value, Value::String(_, text) if text == NONE) && schema.may_be_absent(node)
}

/// Puts nothing in the place of every `"none"`.
pub(super) fn leave_out(schema: &Schema, node: &Json, value: &mut Value) {
    if is_meant(schema, node, value) {
        *value = Value::Empty(value.tag(), Empty::None);
        return;
    }
    match (schema.shape(node), value) {
        (Shape::Choice { variants, .. }, Value::Dict(_, dict)) => {
            for (name, payload) in variants {
                if let Some(value) = dict.get_mut(name) {
                    leave_out(schema, payload, value);
                }
            }
        }
        (Shape::Table(table), Value::Dict(_, dict)) => {
            for (name, value) in dict {
                if let Some(node) = table.property(name) {
                    leave_out(schema, node, value);
                }
            }
        }
        (Shape::List { items, .. }, Value::Array(_, values)) => {
            for (i, value) in values.iter_mut().enumerate() {
                if let Some(node) = items.at(i) {
                    leave_out(schema, node, value);
                }
            }
        }
        (Shape::Either(nodes), value) => {
            if let Some(node) = nodes.into_iter().find(|node| check::accepts(schema, node, value)) {
                leave_out(schema, node, value);
            }
        }
        _ => {}
    }
}
