//! A measure of one run, from its metrics or from what a command left in its folder.

use super::measure::{Measure, same};
use crate::run::analyses::{AnalysedCheckpoint, Analyses, RecordedAnalysis};
use crate::run::results::Results;
use crate::run::{CheckpointKind, RunFolder};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A number, and what has to be said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredValue {
    pub value: f64,
    /// That it is not of all test images, or not of the best weights, in words that follow the measure's name.
    pub condition: Option<String>,
}

/// The weights that count, the first that were measured before the others.
const CHECKPOINTS: [CheckpointKind; 3] = [CheckpointKind::Best, CheckpointKind::Last, CheckpointKind::Recalibrated];

/// The measures of runs, of which each folder is read once however many measures are asked for.
#[derive(Default)]
pub struct RunMeasures(BTreeMap<PathBuf, AnalysedRun>);

/// What commands left in a run's folder, and the weights that it has now.
struct AnalysedRun {
    analyses: Analyses,
    checkpoints: Vec<(CheckpointKind, AnalysedCheckpoint)>,
}

impl RunMeasures {
    /// The measure of a complete run. Of several analyses that have it, those of the best weights go before others, and
    /// the newest before older ones; one of weights that the run no longer has does not count.
    ///
    /// # Errors
    /// Why the run has none, as a sentence that says how to get it.
    pub fn measured(&mut self, results: &Results, measure: &Measure) -> Result<MeasuredValue, String> {
        let Some(command) = measure.command() else {
            return of_training(results, measure).ok_or_else(|| format!("{} has no {}.", results.run, measure.name()));
        };
        let run = self.0.entry(results.path.clone()).or_insert_with(|| AnalysedRun::read(results));
        run.value(measure).map_err(|why| {
            let (name, path) = (&results.run, results.path.display());
            format!("{name} has {why}; `bntt {command} {path}` measures it.")
        })
    }
}

fn of_training(results: &Results, measure: &Measure) -> Option<MeasuredValue> {
    let value = match measure.name() {
        // With validation images only the best epoch's weights are tested.
        "top1" => results.last.or(results.best)?.top1,
        "best_top1" => results.best?.top1,
        "loss" => results.loss?,
        "firing_rate" => results.firing_rate?,
        "seconds" => results.seconds?,
        _ => return None,
    };
    Some(MeasuredValue { value, condition: None })
}

impl AnalysedRun {
    fn read(results: &Results) -> Self {
        let folder = RunFolder::at(results.path.clone());
        let now = |which| Some((which, AnalysedCheckpoint::read(&folder, which).ok()?));
        Self { analyses: Analyses::read(&folder), checkpoints: CHECKPOINTS.into_iter().filter_map(now).collect() }
    }

    /// The measure's value, or what the run has instead.
    fn value(&self, measure: &Measure) -> Result<MeasuredValue, String> {
        let found: Vec<(&RecordedAnalysis, f64)> =
            self.analyses.found.iter().filter_map(|analysis| Some((analysis, value_in(analysis, measure)?))).collect();
        for (which, now) in &self.checkpoints {
            let current = |(analysis, _): &&(&RecordedAnalysis, f64)| {
                let then = &analysis.checkpoint;
                then.which == now.which && then.model_sha256 == now.model_sha256
            };
            if let Some((analysis, value)) = found.iter().rev().find(current) {
                return Ok(MeasuredValue { value: *value, condition: condition(analysis, *which) });
            }
        }
        Err(match (found.is_empty(), self.analyses.problems.first()) {
            (false, _) => format!("a {} of weights that it no longer has", measure.name()),
            (true, Some(problem)) => format!("no {} that can be read ({problem})", measure.name()),
            (true, None) => format!("no {}", measure.name()),
        })
    }
}

fn value_in(analysis: &RecordedAnalysis, measure: &Measure) -> Option<f64> {
    analysis.measures.iter().find(|(name, _)| same(name, measure.name())).map(|(_, value)| *value)
}

/// What sets an analysis apart from that of the best weights on all test images.
fn condition(analysis: &RecordedAnalysis, which: CheckpointKind) -> Option<String> {
    // Where data lie and where it is computed changes no number.
    let is_place =
        |value: &str| ["data.dataset.", "training.device", "training.threads"].iter().any(|key| value.starts_with(key));
    let overrides = analysis.overrides.iter().filter(|value| !is_place(value));
    let overrides: Vec<String> = overrides.chain(&analysis.conditions).cloned().collect();
    let of_weights = (which != CheckpointKind::Best).then(|| format!("of the checkpoint {}", which.name()));
    let with_overrides = (!overrides.is_empty()).then(|| format!("with {}", overrides.join(", ")));
    let words: Vec<String> = of_weights.into_iter().chain(with_overrides).collect();
    (!words.is_empty()).then(|| words.join(", "))
}
