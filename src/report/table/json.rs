//! JSON: whatever can be serialised, or a table's rows as objects.

use super::Table;
use crate::error::{Error, Result};
use serde_json::{Map, Value as Json};

/// Indented, with a line break at the end.
///
/// # Errors
/// [`Error::Io`] for what JSON cannot hold.
pub fn render(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    Ok(text.map_err(|e| Error::io("write", "JSON")(e.into()))? + "\n")
}

/// The numbers behind a report.
///
/// # Errors
/// As [`render`].
pub fn value(report: &impl serde::Serialize) -> Result<Json> {
    serde_json::to_value(report).map_err(|e| Error::io("write", "JSON")(e.into()))
}

/// An object a row: keys are the header's words in lower case with `_`, cells are numbers where they are nothing else,
/// and null where they are empty.
pub fn objects(table: &Table) -> Json {
    let keys: Vec<String> = table.header.iter().map(|head| key(head)).collect();
    let cell = |text: &String| match text.as_str() {
        "" => Json::Null,
        text => text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map_or(text.into(), Json::Number),
    };
    let object =
        |row: &Vec<String>| Json::Object(keys.iter().cloned().zip(row.iter().map(cell)).collect::<Map<_, _>>());
    Json::Array(table.rows.iter().map(object).collect())
}

/// The header and the records of a list of objects with the same keys; nothing for any other value.
pub fn records(value: &Json) -> Option<Vec<Vec<String>>> {
    let objects = value.as_array()?.iter().map(Json::as_object).collect::<Option<Vec<_>>>()?;
    let keys: Vec<String> = objects.first()?.keys().cloned().collect();
    let text = |value: &Json| match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let record =
        |object: &&Map<String, Json>| keys.iter().map(|key| object.get(key).map_or(String::new(), text)).collect();
    let records: Vec<Vec<String>> = objects.iter().map(record).collect();
    Some([vec![keys.clone()], records].concat())
}

/// `top-1 %` as `top_1_percent`.
fn key(head: &str) -> String {
    let words = head.replace('%', " percent ");
    let letters = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    letters.collect::<Vec<_>>().join("_").to_lowercase()
}
