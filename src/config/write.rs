//! A value as readable TOML, from which the same value is read again.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;
use toml::{Table, Value};

use super::key::quoted;
use super::shape::{Schema, Shape};
use super::shared::{self, SharedDefaults};
use super::{plain, schema};

use crate::error::Result;

/// Whether a value is that of a file that says nothing of it: for keys that came later, which are then not written, so
/// that such files keep the checksum that they had.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `value` as TOML: single settings first, then a section for each table with a setting a line. Lists of tables (the
/// layers) have an entry a line, which leaves out what it shares; choices without settings are bare names.
///
/// # Errors
/// Values that TOML cannot hold, such as integers above 2^63 - 1.
pub fn to_toml<T: Serialize + JsonSchema>(value: &T, shared: &SharedDefaults) -> Result<String> {
    let unwritable = |reason: String| plain(format!("the settings cannot be written as TOML: {}.", reason.trim_end()));
    // Through text, which writes an f32 as short as it can be: 0.95 and not 0.949999988079071.
    let text = toml::to_string(value).map_err(|e| unwritable(e.to_string()))?;
    let mut root: Table = toml::from_str(&text).map_err(|e| unwritable(e.message().to_string()))?;
    shared::disinherit(&mut root, shared);

    let schema = Schema::new(schema::of_file::<T>());
    let mut root = Value::Table(root);
    bare_names(&schema, schema.root(), &mut root);
    let Value::Table(root) = root else {
        return Err(unwritable("they are not a table".to_owned()));
    };
    Ok(layout(&root))
}

/// Turns `{ adam = {} }` into `"adam"` wherever it is a choice.
fn bare_names(schema: &Schema, node: &Json, value: &mut Value) {
    match (schema.shape(node), &mut *value) {
        (Shape::Choice { variants, .. }, Value::Table(table)) => {
            for (name, payload) in variants {
                if let Some(inner) = table.get_mut(name) {
                    bare_names(schema, payload, inner);
                    let is_empty = inner.as_table().is_some_and(Table::is_empty);
                    if is_empty && matches!(schema.shape(payload), Shape::Table(_)) {
                        *value = Value::String(name.to_owned());
                        return;
                    }
                }
            }
        }
        (Shape::Table(shape), Value::Table(table)) => {
            for (name, value) in table.iter_mut() {
                if let Some(node) = shape.property(name) {
                    bare_names(schema, node, value);
                }
            }
        }
        (Shape::List { items, .. }, Value::Array(values)) => {
            for (i, value) in values.iter_mut().enumerate() {
                if let Some(node) = items.at(i) {
                    bare_names(schema, node, value);
                }
            }
        }
        _ => {}
    }
}

fn layout(root: &Table) -> String {
    let mut text = String::new();
    for (name, value) in root.iter().filter(|(_, value)| !value.is_table()) {
        text.push_str(&setting(name, value));
    }
    for (name, value) in root {
        let Value::Table(section) = value else { continue };
        let gap = if text.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{gap}[{}]\n", quoted(name)));
        for (name, value) in section {
            text.push_str(&setting(name, value));
        }
    }
    text
}

fn setting(name: &str, value: &Value) -> String {
    let name = quoted(name);
    match value {
        Value::Array(items) if items.iter().any(Value::is_table) => {
            let lines: String = items.iter().map(|item| format!("    {item},\n")).collect();
            format!("{name} = [\n{lines}]\n")
        }
        value => format!("{name} = {value}\n"),
    }
}
