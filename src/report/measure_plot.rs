//! A measure of runs by one of their settings, from their configs and results.

use crate::analysis::statistic::Statistic;
use crate::config::settings;
use crate::error::{Error, Result};
use crate::report::compare::ComparedRun;
use crate::report::figures::{self, Figure, MeasureLine, MeasurePanel, MeasurePoint, SettingAxis};
use crate::report::tables::{Measure, RunMeasures};
use std::collections::BTreeSet;
use toml::Value;

/// What is drawn over what.
#[derive(Debug, Clone)]
pub struct MeasurePlot {
    /// The key along the x axis.
    pub x: String,
    pub y: Measure,
    /// Keys whose values have a line each.
    pub by: Vec<String>,
    /// The key whose values have a panel each.
    pub facet: Option<String>,
}

/// A complete run with its value.
struct PlottedRun<'a> {
    run: &'a ComparedRun,
    value: f64,
    x: Value,
    line: String,
    panel: String,
}

impl MeasurePlot {
    /// Draws the complete runs that have the measure; sentences say which have not.
    ///
    /// # Errors
    /// [`Error::Run`] where nothing is left to draw, where a key is in no run, and where runs of one point differ in
    /// more than their seed.
    pub fn draw(&self, runs: &[ComparedRun], axes: &[String]) -> Result<(Figure, Vec<String>)> {
        let (mut notes, mut measures) = (Vec::new(), RunMeasures::default());
        let mut plotted = Vec::new();
        for run in runs {
            match self.of_run(run, &mut measures)? {
                Ok(found) => plotted.push(found),
                Err(problem) => notes.push(problem),
            }
        }
        if plotted.is_empty() {
            let why = notes.first().map_or_else(String::new, |note| format!(" {note}"));
            return Err(Error::Run(format!("nothing can be drawn: no complete run has {}.{why}", self.y.name())));
        }
        self.refuse_mixtures(&plotted, axes)?;
        let x = self.axis(&plotted);
        let panels = distinct(&plotted, |run| run.panel.clone());
        let panels: Vec<MeasurePanel> = panels.iter().map(|name| self.panel(name, &plotted, &x)).collect();
        let title = match self.by.is_empty() {
            true => format!("{} by {}", self.y.name(), short(&self.x)),
            false => {
                let by: Vec<&str> = self.by.iter().map(|key| short(key)).collect();
                format!("{} by {} and {}", self.y.name(), short(&self.x), by.join(", "))
            }
        };
        let seeds = distinct(&plotted, |run| run.run.value("seed").map_or_else(String::new, |seed| seed.to_string()));
        let caption = match seeds.len() {
            1 => format!("One seed, {}.", seeds.first().map_or("", String::as_str)),
            count => {
                format!("Mean over up to {count} seeds; bands and bars reach from the least to the greatest of them.")
            }
        };
        let y = (self.y.name(), self.y.is_percent());
        let y = if y.1 { (format!("{}, %", y.0), true) } else { (y.0.to_string(), false) };
        Ok((figures::measures((&title, &caption), &x, (&y.0, y.1), &panels)?, notes))
    }

    /// A run's place and value, or why it has none.
    fn of_run<'a>(
        &self,
        run: &'a ComparedRun,
        measures: &mut RunMeasures,
    ) -> Result<std::result::Result<PlottedRun<'a>, String>> {
        let Some(results) = run.results.as_ref().filter(|results| results.is_complete()) else {
            return Ok(Err(format!("{} is not complete ({}).", run.run, run.state)));
        };
        let Some(x) = run.value(&self.x) else {
            let known = run.keys();
            let meant = settings::suggestion(&self.x, known.iter().map(String::as_str));
            return Err(Error::Run(format!("--x {}: {} has no such key.{meant}", self.x, run.run)));
        };
        let text = |key: &String| run.value(key).map_or_else(|| "none".into(), |value| settings::text(&value));
        let named = |key: &String| match key.as_str() {
            "variant" => text(key),
            key_of_config => format!("{} {}", short(key_of_config), text(key)),
        };
        let line = self.by.iter().map(named).collect::<Vec<_>>().join(", ");
        let panel = self.facet.iter().map(named).collect();
        Ok(measures.measured(results, &self.y).map(|found| PlottedRun { run, value: found.value, x, line, panel }))
    }

    /// A point is the mean over seeds, not over whatever else there is.
    fn refuse_mixtures(&self, plotted: &[PlottedRun<'_>], axes: &[String]) -> Result<()> {
        let known: BTreeSet<&String> = self.by.iter().chain(&self.facet).chain([&self.x]).collect();
        for axis in axes.iter().filter(|axis| !known.contains(axis)) {
            for one in plotted {
                let other = plotted.iter().find(|other| {
                    let same_point = (&one.line, &one.panel) == (&other.line, &other.panel);
                    same_point && settings::same(&one.x, &other.x) && one.run.value(axis) != other.run.value(axis)
                });
                if let Some(other) = other {
                    let value =
                        |run: &PlottedRun<'_>| run.run.value(axis).map_or_else(String::new, |v| settings::text(&v));
                    return Err(Error::Run(format!(
                        "runs of one point differ in {axis} ({} and {}): name it with --by or --facet, or choose one with \
                         --where {axis}={}.",
                        value(one),
                        value(other),
                        value(one)
                    )));
                }
            }
        }
        Ok(())
    }

    fn axis(&self, plotted: &[PlottedRun<'_>]) -> SettingAxis {
        let numbers = plotted.iter().all(|run| number(&run.x).is_some());
        let names = (!numbers).then(|| distinct(plotted, |run| settings::text(&run.x)));
        SettingAxis { key: self.x.clone(), names }
    }

    fn panel(&self, name: &str, plotted: &[PlottedRun<'_>], x: &SettingAxis) -> MeasurePanel {
        let of_panel: Vec<&PlottedRun<'_>> = plotted.iter().filter(|run| run.panel == name).collect();
        let place = |value: &Value| match &x.names {
            Some(names) => names.iter().position(|name| *name == settings::text(value)).unwrap_or(0) as f64,
            None => number(value).unwrap_or(f64::NAN),
        };
        let line = |name: String| {
            let of_line = of_panel.iter().filter(|run| run.line == name);
            let mut places: Vec<f64> = of_line.clone().map(|run| place(&run.x)).collect();
            places.sort_by(f64::total_cmp);
            places.dedup();
            let point = |x: f64| {
                let values: Vec<f64> = of_line.clone().filter(|run| place(&run.x) == x).map(|run| run.value).collect();
                let mean = Statistic::from_values(&values)?.mean;
                let (low, high) = values.iter().fold((mean, mean), |(low, high), &v| (low.min(v), high.max(v)));
                Some(MeasurePoint { x, mean, low, high })
            };
            MeasureLine { points: places.into_iter().filter_map(point).collect(), name }
        };
        let names = distinct(plotted, |run| run.line.clone()).into_iter();
        let lines = names.filter(|name| of_panel.iter().any(|run| run.line == *name)).map(line).collect();
        MeasurePanel { name: name.into(), lines }
    }
}

/// In the order of the runs.
fn distinct(plotted: &[PlottedRun<'_>], text: impl Fn(&PlottedRun<'_>) -> String) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in plotted.iter().map(text) {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(whole) => Some(*whole as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// `time_steps` of `network.time_steps`.
fn short(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
