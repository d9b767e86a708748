//! Defaults that the entries of one list share: `[network] lif = { ... }` for every `lif` of `layers`.

use figment::value::{Dict, Value};
use serde_json::Value as Json;
use toml::Value as Toml;

use super::key::{KeyPath, KeyStep};
use super::shape::{Schema, Shape};
use super::tree;

/// Which variants of a list of choices inherit from which tables.
#[derive(Debug, Clone, Copy, Default)]
pub struct SharedDefaults {
    /// The dotted key of the list (`network.layers`).
    pub list: &'static str,
    /// A variant's name and the dotted key of its table (`("lif", "network.lif")`).
    pub tables: &'static [(&'static str, &'static str)],
}

impl SharedDefaults {
    fn steps(dotted: &str) -> Vec<KeyStep> {
        dotted.split('.').map(|name| KeyStep::Name(name.to_owned())).collect()
    }
}

/// Fills in what the entries leave out. An entry's own keys win; tables inside are filled in turn, choices are not.
pub(super) fn inherit(schema: &Schema, root: &mut Value, shared: &SharedDefaults) {
    let names: Vec<String> = shared.list.split('.').map(str::to_owned).collect();
    let list = KeyPath(SharedDefaults::steps(shared.list));
    let Some(Shape::List { items, .. }) = schema.at(&names).map(|node| schema.shape(node)) else { return };
    for (variant, table) in shared.tables {
        let Some(Value::Dict(_, defaults)) = tree::get(root, &SharedDefaults::steps(table)).cloned() else { continue };
        let Some(Value::Array(_, entries)) = tree::get_mut(root, &list.0) else { return };
        for (i, entry) in entries.iter_mut().enumerate() {
            let Some(Shape::Choice { variants, .. }) = items.at(i).map(|node| schema.shape(node)) else { continue };
            let payload = variants.iter().find(|(name, _)| name == variant).map(|(_, payload)| *payload);
            let Value::Dict(_, entry) = entry else { continue };
            if let (Some(payload), Some(Value::Dict(_, own))) = (payload, entry.get_mut(*variant)) {
                fill(schema, payload, own, &defaults);
            }
        }
    }
}

fn fill(schema: &Schema, node: &Json, own: &mut Dict, defaults: &Dict) {
    let Shape::Table(table) = schema.shape(node) else { return };
    for (name, default) in defaults {
        match (own.get_mut(name), default) {
            (None, _) => {
                own.insert(name.clone(), default.clone());
            }
            (Some(Value::Dict(_, own)), Value::Dict(_, defaults)) => {
                if let Some(node) = table.property(name) {
                    fill(schema, node, own, defaults);
                }
            }
            _ => {}
        }
    }
}

/// The inverse, before writing: leaves out of the entries what equals the shared table's.
pub(super) fn disinherit(root: &mut toml::Table, shared: &SharedDefaults) {
    for (variant, table) in shared.tables {
        let Some(Toml::Table(defaults)) = at(root, table).cloned() else { continue };
        let Some(Toml::Array(entries)) = at(root, shared.list) else { return };
        for entry in entries {
            if let Some(own) = entry.get_mut(variant).and_then(Toml::as_table_mut) {
                own.retain(|name, value| defaults.get(name) != Some(value));
            }
        }
    }
}

fn at<'t>(root: &'t mut toml::Table, dotted: &str) -> Option<&'t mut Toml> {
    let mut names = dotted.split('.');
    let first = root.get_mut(names.next()?)?;
    names.try_fold(first, |value, name| value.get_mut(name))
}
