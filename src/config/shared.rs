//! Defaults that the entries of one list share: `[network] lif = { ... }` for every `lif` of `layers`.

use figment::value::{Dict, Value};
use serde_json::Value as Json;
use toml::Value as Toml;

use super::key::{KeyPath, KeyStep};
use super::shape::{Schema, Shape};
use super::stand_in::StandIn;
use super::tree;

/// Which variants of a list of choices inherit from which tables.
#[derive(Debug, Clone, Copy, Default)]
pub struct SharedDefaults {
    /// The dotted key of the list (`network.layers`).
    pub list: &'static str,
    /// A variant's name and the dotted key of its table (`("lif", "network.lif")`).
    pub tables: &'static [(&'static str, &'static str)],
    /// What entries are read as where a setting says so.
    pub stand_ins: &'static [StandIn],
    /// Variants that only stand for others, and the settings that say for which (`("norm", "network.norm")`).
    pub words: &'static [(&'static str, &'static str)],
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
            let Some(node) = items.at(i) else { continue };
            inherit_entry(schema, node, entry, variant, &defaults);
        }
    }
}

/// Fills in one entry, and those of the lists that it holds itself.
fn inherit_entry(schema: &Schema, node: &Json, entry: &mut Value, variant: &str, defaults: &Dict) {
    let (Shape::Choice { variants, .. }, Value::Dict(_, entry)) = (schema.shape(node), entry) else { return };
    for (name, payload) in variants {
        let Some(Value::Dict(_, own)) = entry.get_mut(name) else { continue };
        if name == variant {
            fill(schema, payload, own, defaults);
        }
        let Shape::Table(table) = schema.shape(payload) else { continue };
        for (key, value) in own.iter_mut() {
            let shape = table.property(key).map(|node| schema.shape(node));
            let (Some(Shape::List { items, .. }), Value::Array(_, entries)) = (shape, value) else { continue };
            for (i, entry) in entries.iter_mut().enumerate() {
                let Some(node) = items.at(i) else { continue };
                inherit_entry(schema, node, entry, variant, defaults);
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
        entries.iter_mut().for_each(|entry| disinherit_entry(entry, variant, &defaults));
    }
}

fn disinherit_entry(entry: &mut Toml, variant: &str, defaults: &toml::Table) {
    let Some(entry) = entry.as_table_mut() else { return };
    for (name, own) in entry.iter_mut() {
        let Some(own) = own.as_table_mut() else { continue };
        if name == variant {
            own.retain(|name, value| defaults.get(name) != Some(value));
        }
        let lists = own.iter_mut().filter_map(|(_, value)| value.as_array_mut());
        lists.flatten().for_each(|entry| disinherit_entry(entry, variant, defaults));
    }
}

fn at<'t>(root: &'t mut toml::Table, dotted: &str) -> Option<&'t mut Toml> {
    let mut names = dotted.split('.');
    let first = root.get_mut(names.next()?)?;
    names.try_fold(first, |value, name| value.get_mut(name))
}
