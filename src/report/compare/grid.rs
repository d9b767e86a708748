//! A comparison as cells to read: the keys in the middle, values in few words, and long ones as letters that a legend
//! explains.

use super::{ComparedRun, Comparison};
use crate::config::settings;
use crate::report::table::Table;
use crate::run::listing::epochs_cell;
use crate::run::results::AccuracyAt;
use crate::terminal::amounts::duration;
use std::collections::BTreeMap;
use toml::Value;

/// Longer values stand in the legend.
const LONGEST: usize = 40;

/// Lays a comparison out. Columns: run, state, the differing keys, epochs, final and best accuracy, the best's epoch,
/// firing rate, time.
pub fn grid(comparison: &Comparison) -> Table {
    let mut legend = DifferenceLegend::default();
    let mut columns: Vec<Vec<String>> = Vec::new();
    for difference in &comparison.differences {
        let shown = |value: &Option<Value>| value.as_ref().map_or("-".into(), |v| legend.short(&difference.key, v));
        columns.push(difference.values.iter().map(shown).collect());
    }
    let mut header = vec!["run".to_string(), "state".into()];
    header.extend(comparison.differences.iter().map(|difference| difference.key.clone()));
    header.extend(["epochs", "final top-1", "best top-1", "at epoch", "firing rate", "time"].map(String::from));
    let has_validation = comparison.has_validation();
    if has_validation {
        header.push("validation top-1".into());
    }
    let row = |(i, run): (usize, &ComparedRun)| {
        let mut row = vec![run.run.clone(), run.state.to_string()];
        row.extend(columns.iter().filter_map(|column| column.get(i).cloned()));
        row.extend(results(run));
        if has_validation {
            row.push(percent(run.results.as_ref().and_then(|results| results.validation)));
        }
        row
    };
    let rows = comparison.runs.iter().enumerate().map(row).collect();
    let by_validation = "Top-1 accuracy on the test images. The best epoch is chosen on the validation images where a run has a validation \
                         top-1, and the test images are then read once, with its weights; otherwise it is chosen on the test images. The \
                         firing rate is the last epoch's, in spikes per neuron and time-step, the mean over the LIF layers.";
    let by_test = "Top-1 accuracy on the test images; the best epoch is chosen on the test images. The firing rate is the last epoch's, in spikes per \
         neuron and time-step, the mean over the LIF layers.";
    let mut notes = vec![if has_validation { by_validation } else { by_test }.to_string()];
    notes.extend(legend.notes);
    notes.extend(comparison.runs.iter().filter_map(|run| run.problem.clone()));
    let left = comparison.differences.len().saturating_add(2);
    Table { header, rows, left, notes, ..Table::default() }
}

fn percent(score: Option<AccuracyAt>) -> String {
    score.map_or(String::new(), |score| format!("{:.2} %", score.top1))
}

fn results(run: &ComparedRun) -> [String; 6] {
    let Some(results) = &run.results else { return [const { String::new() }; 6] };
    [
        epochs_cell(results.is_untrained, results.epochs_done, results.epochs),
        percent(results.last),
        percent(results.best),
        results.best.or(results.validation).map_or(String::new(), |score| score.epoch.to_string()),
        results.firing_rate.map_or(String::new(), |rate| format!("{rate:.4}")),
        results.seconds.map_or(String::new(), duration),
    ]
}

#[derive(Default)]
struct DifferenceLegend {
    letters: BTreeMap<(String, String), String>,
    /// The values at a key that have the same words.
    told: BTreeMap<(String, String), Vec<Value>>,
    notes: Vec<String>,
}

impl DifferenceLegend {
    /// The value itself, or a letter that stands for it at this key.
    fn short(&mut self, key: &str, value: &Value) -> String {
        let text = settings::words(key, value);
        let place = (key.to_string(), value.to_string());
        // Other lists may be told by the same words.
        let others = self.told.entry((key.to_string(), text.clone())).or_default();
        let number = others.iter().position(|other| other == value).unwrap_or_else(|| {
            others.push(value.clone());
            others.len().saturating_sub(1)
        });
        if text.chars().count() <= LONGEST {
            return if number == 0 { text } else { format!("{text} ({})", number.saturating_add(1)) };
        }
        if let Some(letter) = self.letters.get(&place) {
            return letter.clone();
        }
        let before = self.letters.keys().filter(|(other, _)| other == key).count();
        let letter = match u8::try_from(before) {
            Ok(number @ 0..26) => char::from(b'A'.saturating_add(number)).to_string(),
            _ => format!("A{before}"),
        };
        self.notes.push(format!("{key} {letter}: {text}"));
        self.letters.insert(place, letter.clone());
        letter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_become_letters_and_the_same_value_the_same_letter() {
        let mut legend = DifferenceLegend::default();
        let long = |what: &str| Value::String(what.repeat(41));
        let short: Vec<String> = ["a", "b", "a"].iter().map(|what| legend.short("k", &long(what))).collect();
        assert_eq!(short, ["A", "B", "A"]);
        assert_eq!(legend.short("other", &long("c")), "A");
        assert_eq!(legend.short("k", &Value::Integer(7)), "7");
        let list = |from: i64| Value::Array((from..from + 9).map(Value::Integer).collect());
        let short: Vec<String> = [0, 1, 0].iter().map(|&from| legend.short("a.layers", &list(from))).collect();
        assert_eq!(short, ["9 layers", "9 layers (2)", "9 layers"]);
        assert_eq!(
            legend.notes,
            [
                format!("k A: {}", "a".repeat(41)),
                format!("k B: {}", "b".repeat(41)),
                format!("other A: {}", "c".repeat(41))
            ]
        );
    }
}
