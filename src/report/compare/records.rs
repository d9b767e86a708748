//! A comparison for programs: every value whole, every number with all its digits.

use super::{ComparedRun, Comparison};
use crate::config::settings;
use crate::run::results::Results;
use serde_json::{Map, Value as Json, json};

/// A header and a record a run; the config's values are columns called by their keys.
pub fn records(comparison: &Comparison) -> Vec<Vec<String>> {
    let mut header: Vec<String> = ["run", "path", "state", "problem"].map(String::from).into();
    header.extend(comparison.differences.iter().map(|difference| difference.key.clone()));
    header.extend(NUMBERS.map(String::from));
    if comparison.has_validation() {
        header.extend(VALIDATION.map(String::from));
    }
    let mut records = vec![header];
    for (i, run) in comparison.runs.iter().enumerate() {
        let path = run.path.as_ref().map_or_else(String::new, |path| path.display().to_string());
        let mut record = vec![run.run.clone(), path, run.state.into(), run.problem.clone().unwrap_or_default()];
        for difference in &comparison.differences {
            record.push(difference.values.get(i).and_then(Option::as_ref).map_or_else(String::new, settings::text));
        }
        let text = |number: Json| if number.is_null() { String::new() } else { number.to_string() };
        record.extend(numbers(run).map(text));
        if comparison.has_validation() {
            record.extend(validation(run).map(text));
        }
        records.push(record);
    }
    records
}

/// `{ "differences": [keys], "runs": [{ "run", "settings": { key: value }, ... }] }`; what is unknown is null.
pub fn json(comparison: &Comparison) -> Json {
    let one = |(i, run): (usize, &ComparedRun)| {
        let mut object = Map::new();
        object.insert("run".into(), json!(run.run));
        object.insert("path".into(), json!(run.path.as_ref().map(|path| path.display().to_string())));
        object.insert("state".into(), json!(run.state));
        object.insert("problem".into(), json!(run.problem));
        let value = |value: Option<&toml::Value>| serde_json::to_value(value).unwrap_or_default();
        let settings = comparison.differences.iter();
        let settings = settings.map(|d| (d.key.clone(), value(d.values.get(i).and_then(Option::as_ref))));
        object.insert("settings".into(), Json::Object(settings.collect()));
        object.extend(NUMBERS.map(String::from).into_iter().zip(numbers(run)));
        if comparison.has_validation() {
            object.extend(VALIDATION.map(String::from).into_iter().zip(validation(run)));
        }
        Json::Object(object)
    };
    let keys: Vec<&String> = comparison.differences.iter().map(|difference| &difference.key).collect();
    json!({ "differences": keys, "runs": comparison.runs.iter().enumerate().map(one).collect::<Vec<_>>() })
}

/// Accuracies in percent.
const NUMBERS: [&str; 8] =
    ["epochs_done", "epochs", "final_top1", "final_epoch", "best_top1", "best_epoch", "firing_rate", "seconds"];

/// Where a run has validation images: the best accuracy there, by which the best epoch is chosen.
const VALIDATION: [&str; 2] = ["validation_top1", "validation_epoch"];

fn validation(run: &ComparedRun) -> [Json; 2] {
    let found = run.results.as_ref().and_then(|results| results.validation);
    [json!(found.map(|score| score.top1)), json!(found.map(|score| score.epoch))]
}

fn numbers(run: &ComparedRun) -> [Json; 8] {
    let Some(results) = &run.results else { return [const { Json::Null }; 8] };
    let Results { epochs_done, epochs, last, best, firing_rate, seconds, .. } = results;
    [
        json!(epochs_done),
        json!(epochs),
        json!(last.map(|score| score.top1)),
        json!(last.map(|score| score.epoch)),
        json!(best.map(|score| score.top1)),
        json!(best.map(|score| score.epoch)),
        json!(firing_rate),
        json!(seconds),
    ]
}
