//! The CSV of `trackio.import_csv`: a line an epoch, with columns `step` and `timestamp` and one for each number.
//!
//! Of a column's name it keeps the first ten letters, digits and slashes, so that longer names are shortened here,
//! where they stay apart: `val/top1` of the validation images, `images/s`, and `rate/1`, `rate/2`, ... of the LIF
//! layers in the network's order.

use super::{TrackedRun, TrackedStep};
use std::collections::BTreeMap;

/// The file's text. A number that an epoch has not is an empty cell.
pub fn csv(run: &TrackedRun) -> String {
    let mut names: Vec<String> = Vec::new();
    for name in run.steps.iter().flat_map(short_names).map(|(name, _)| name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let line = |step: &TrackedStep| {
        let found: BTreeMap<String, f64> = short_names(step).collect();
        // Debug formatting gives the shortest digits that read back as the same number.
        let cells = names.iter().map(|name| found.get(name).map_or_else(String::new, |value| format!("{value:?}")));
        let time = jiff::Timestamp::from_millisecond(step.time).map_or_else(|_| String::new(), |time| time.to_string());
        [step.epoch.to_string(), time].into_iter().chain(cells).collect::<Vec<_>>().join(",") + "\n"
    };
    let head = ["step".to_string(), "timestamp".into()].into_iter().chain(names.iter().cloned());
    head.collect::<Vec<_>>().join(",") + "\n" + &run.steps.iter().map(line).collect::<String>()
}

/// The numbers of a step by the names of their columns.
fn short_names(step: &TrackedStep) -> impl Iterator<Item = (String, f64)> {
    let mut layers = 0usize;
    step.scalars.iter().map(move |(name, value)| {
        let name = match name.split_once('/') {
            Some(("validation", score)) => format!("val/{score}"),
            Some(("firing_rate", _)) => {
                layers = layers.saturating_add(1);
                format!("rate/{layers}")
            }
            None if name == "images_per_second" => "images/s".into(),
            _ => name.clone(),
        };
        (name, *value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_an_epoch_has_not_is_an_empty_cell() {
        let step = |epoch: usize, scalars: &[(&str, f64)]| TrackedStep {
            epoch,
            time: 1_000 * epoch as i64,
            scalars: scalars.iter().map(|&(name, value)| (name.to_string(), value)).collect(),
        };
        let steps = vec![
            step(1, &[("lr", 0.1), ("firing_rate/layers.2.lif", 0.5), ("firing_rate/layers.5.lif", 0.25)]),
            step(2, &[("validation/top1", 50.0), ("lr", 1e-5), ("images_per_second", 100.0)]),
        ];
        let expected = "step,timestamp,lr,rate/1,rate/2,val/top1,images/s\n\
                        1,1970-01-01T00:00:01Z,0.1,0.5,0.25,,\n2,1970-01-01T00:00:02Z,1e-5,,,50.0,100.0\n";
        assert_eq!(csv(&TrackedRun { started: 0, steps }), expected);
    }
}
