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

/// `top-1 %` as `top_1_percent`.
fn key(head: &str) -> String {
    let words = head.replace('%', " percent ");
    let letters = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    letters.collect::<Vec<_>>().join("_").to_lowercase()
}
