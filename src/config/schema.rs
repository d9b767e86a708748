//! The JSON schema of the file: as the checks read it, and as editors do.

use std::collections::HashSet;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use super::absent::NONE;
use super::shape::{MAY_BE_ABSENT, Schema, Shape};

/// The schema of `T`'s file for the checks: [`MAY_BE_ABSENT`] instead of nulls, which TOML has not, and `base` at the
/// top.
pub(super) fn of_file<T: JsonSchema>() -> Json {
    let mut schema = of_plain_file::<T>();
    if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
        let file = json!({ "type": "string" });
        let base = json!({
            "description": "Files that this one builds on, relative to it: merged in order, this file last.",
            "anyOf": [file, { "type": "array", "items": file }],
        });
        properties.shift_insert(0, "base".to_owned(), base);
    }
    schema
}

/// The same for a file that builds on no other.
pub(super) fn of_plain_file<T: JsonSchema>() -> Json {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = Json::from(generator.into_root_schema_for::<T>());
    without_nulls(&mut schema);
    schema
}

/// The JSON schema (draft 7) of the file as a user may write it: choices also by bare name, a `base`, and nothing
/// required that a base file may provide.
pub fn schema<T: JsonSchema>() -> Json {
    let file = Schema::new(of_file::<T>());
    let mut tables = HashSet::new();
    provided_by_base(&file, file.root(), &mut tables, 0);
    let mut schema = file.root().clone();
    drop_required(file.root(), &mut schema, &tables);
    add_bare_names(&file, &mut schema);
    add_none(&mut schema);
    schema
}

/// Whether an entry of such a list of a schema stands for null.
fn is_null(list: &str, entry: &Json) -> bool {
    match list {
        "enum" => entry.is_null(),
        "type" => entry == "null",
        _ => entry.get("type").is_some_and(|name| name == "null"),
    }
}

fn without_nulls(node: &mut Json) {
    match node {
        Json::Array(list) => list.iter_mut().for_each(without_nulls),
        Json::Object(map) => {
            if map.get("default").is_some_and(Json::is_null) {
                map.remove("default");
            }
            if let Some(default) = map.get_mut("default") {
                shorten(default);
            }
            let mut nullable = false;
            for name in ["anyOf", "oneOf", "type", "enum"] {
                if let Some(list) = map.get_mut(name).and_then(Json::as_array_mut) {
                    let all = list.len();
                    list.retain(|entry| !is_null(name, entry));
                    nullable |= list.len() < all;
                }
            }
            if let Some([only]) = map.get("type").and_then(Json::as_array).map(Vec::as_slice) {
                let only = only.clone();
                map.insert("type".to_owned(), only);
            }
            if nullable {
                map.insert(MAY_BE_ABSENT.to_owned(), Json::Bool(true));
            }
            map.values_mut().for_each(without_nulls);
        }
        _ => {}
    }
}

/// Defaults as a person writes them: without nulls, and 0.95 for the f32 that is 0.949999988079071 as an f64.
fn shorten(value: &mut Json) {
    match value {
        Json::Array(list) => list.iter_mut().for_each(shorten),
        Json::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(shorten);
        }
        Json::Number(number) if number.is_f64() => {
            let short = number.as_f64().filter(|x| f64::from(*x as f32) == *x).map(|x| (x as f32).to_string());
            if let Some(short) = short.and_then(|text| text.parse::<f64>().ok()) {
                *value = json!(short);
            }
        }
        _ => {}
    }
}

/// Adds `"name"` to every choice for the variants that need no keys.
fn add_bare_names(file: &Schema, node: &mut Json) {
    let bare: Vec<String> = match file.shape(node) {
        Shape::Choice { variants, .. } => {
            let without_keys = variants.into_iter().filter(|(_, payload)| needs_nothing(file, payload));
            without_keys.map(|(name, _)| name.to_owned()).collect()
        }
        _ => Vec::new(),
    };
    // A reference to a choice has no list of its own.
    if let Some(list) = node.get_mut("oneOf").and_then(Json::as_array_mut).filter(|_| !bare.is_empty()) {
        list.insert(0, json!({ "type": "string", "enum": bare }));
    }
    match node {
        Json::Array(list) => list.iter_mut().for_each(|node| add_bare_names(file, node)),
        Json::Object(map) => map
            .iter_mut()
            .filter(|(name, _)| !matches!(name.as_str(), "default" | "examples" | "enum" | "const"))
            .for_each(|(_, node)| add_bare_names(file, node)),
        _ => {}
    }
}

/// What is said about a value beside what it may be.
const ANNOTATIONS: [&str; 5] = ["title", "description", "default", "examples", "deprecated"];

/// Adds `"none"` to what may be absent; strings take it already.
fn add_none(node: &mut Json) {
    match node {
        Json::Array(list) => list.iter_mut().for_each(add_none),
        Json::Object(map) => {
            let is_text = map.get("type").is_some_and(|name| name == "string") && !map.contains_key("enum");
            if map.remove(MAY_BE_ABSENT).is_some() && !is_text {
                let (mut whole, given): (Map<_, _>, Map<_, _>) =
                    std::mem::take(map).into_iter().partition(|(name, _)| ANNOTATIONS.contains(&name.as_str()));
                let mut possible = match given.get("anyOf") {
                    Some(Json::Array(list)) if given.len() == 1 => list.clone(),
                    _ => vec![Json::Object(given)],
                };
                let description = "Takes away what a file that this one builds on gave.";
                possible.push(json!({ "description": description, "type": "string", "const": NONE }));
                whole.insert("anyOf".to_owned(), Json::Array(possible));
                *map = whole;
            }
            map.values_mut().for_each(add_none);
        }
        _ => {}
    }
}

fn needs_nothing(file: &Schema, payload: &Json) -> bool {
    matches!(file.shape(payload), Shape::Table(table) if table.required.is_empty())
}

/// Notes the property maps of all tables that can be reached without passing through a list: lists are replaced as a
/// whole, everything else may come from a base file.
fn provided_by_base(file: &Schema, node: &Json, tables: &mut HashSet<*const Map<String, Json>>, depth: usize) {
    // Only a type that contains nothing but itself is as deep as this.
    if depth > 64 {
        return;
    }
    match file.shape(node) {
        Shape::Table(table) => {
            let Some(properties) = table.properties else { return };
            if tables.insert(std::ptr::from_ref(properties)) {
                properties.values().for_each(|node| provided_by_base(file, node, tables, depth.saturating_add(1)));
            }
        }
        Shape::Choice { variants, .. } => {
            variants.iter().for_each(|(_, node)| provided_by_base(file, node, tables, depth.saturating_add(1)));
        }
        Shape::Either(nodes) => {
            nodes.iter().for_each(|node| provided_by_base(file, node, tables, depth.saturating_add(1)))
        }
        _ => {}
    }
}

/// Walks the checks' schema and its copy side by side.
fn drop_required(from: &Json, to: &mut Json, tables: &HashSet<*const Map<String, Json>>) {
    match (from, to) {
        (Json::Object(from), Json::Object(to)) => {
            let properties = from.get("properties").and_then(Json::as_object);
            if properties.is_some_and(|p| tables.contains(&std::ptr::from_ref(p))) {
                to.remove("required");
            }
            for (name, node) in from {
                if let Some(copy) = to.get_mut(name) {
                    drop_required(node, copy, tables);
                }
            }
        }
        (Json::Array(from), Json::Array(to)) => {
            from.iter().zip(to).for_each(|(from, to)| drop_required(from, to, tables));
        }
        _ => {}
    }
}
