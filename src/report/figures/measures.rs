//! A measure of runs by one of their settings: a line for every group, a panel for every facet.

use super::Figure;
use super::axis::Axis;
use super::canvas::{TITLE, figure, text, units};
use super::colours::{LineLook, apart};
use super::legend::FigureLegend;
use super::lines::{Chart, PlotLine};
use crate::error::Result;

/// Pixels of a panel among several, and of its heading.
const PANEL: (u32, u32) = (460, 270);
const HEADING: u32 = 24;
const COLUMNS: usize = 2;

/// What the runs with one value of the facet gave.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasurePanel {
    /// Empty where there is one panel.
    pub name: String,
    pub lines: Vec<MeasureLine>,
}

/// What the runs of one group gave.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureLine {
    /// Empty where there is one line.
    pub name: String,
    pub points: Vec<MeasurePoint>,
}

/// What the seeds of one setting gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasurePoint {
    /// The setting's number, or the place of its name.
    pub x: f64,
    pub mean: f64,
    /// The least and the greatest of the seeds.
    pub low: f64,
    pub high: f64,
}

/// What lies along the x axis.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingAxis {
    /// The key.
    pub key: String,
    /// Of settings that are no numbers.
    pub names: Option<Vec<String>>,
}

/// Numbers lie along their axis with lines between them and bands around; names beside each other with bars. All
/// panels have the same axes. `percent` keeps y between 0 and 100.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn measures(
    (title, caption): (&str, &str),
    x: &SettingAxis,
    (y, percent): (&str, bool),
    panels: &[MeasurePanel],
) -> Result<Figure> {
    let mut names: Vec<&str> = Vec::new();
    for line in panels.iter().flat_map(|panel| &panel.lines) {
        if !names.contains(&line.name.as_str()) {
            names.push(&line.name);
        }
    }
    let looks = apart(names.len());
    let points = || panels.iter().flat_map(|panel| &panel.lines).flat_map(|line| &line.points);
    let ends = points().flat_map(|point| [point.low, point.high]);
    let y_axis = if percent { Axis::percent(ends) } else { Axis::around(ends) };
    let x_axis = match &x.names {
        Some(names) => Axis::named(names),
        None => Axis::marked(&points().map(|point| point.x).collect::<Vec<f64>>()),
    };
    let name = file_name(title);
    let chart = |panel: &MeasurePanel| {
        let line = |line: &MeasureLine| {
            let place = names.iter().position(|name| *name == line.name).unwrap_or(0);
            plot_line(line, place, &looks, x.names.is_some())
        };
        Chart {
            name: &name,
            title,
            caption,
            x: (&x.key, x_axis.clone()),
            y: (y, y_axis.clone()),
            lines: panel.lines.iter().map(line).collect(),
            ring: None,
        }
    };
    match panels {
        [panel] => chart(panel).draw(),
        panels => {
            let headings: Vec<&str> = panels.iter().map(|panel| panel.name.as_str()).collect();
            side_by_side((title, caption), &headings, &panels.iter().map(chart).collect::<Vec<_>>())
        }
    }
}

/// The title as a file's name, so that figures of several measures lie in one folder: `top1-by-leak-and-variant`.
fn file_name(title: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
    let words = title.split(|c| !plain(c)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Points of names lie beside each other, each line's a little further to the right.
fn plot_line(line: &MeasureLine, place: usize, looks: &[LineLook], named: bool) -> PlotLine {
    let look = looks.get(place).copied().unwrap_or(LineLook::solid(super::colours::INK));
    let step = (0.6 / looks.len().max(1) as f64).min(0.12);
    let aside = if named { (place as f64 - (looks.len() as f64 - 1.0) / 2.0) * step } else { 0.0 };
    let points: Vec<(f64, f64)> = line.points.iter().map(|point| (point.x + aside, point.mean)).collect();
    let spread: Vec<_> = line.points.iter().map(|point| (point.x + aside, point.low, point.high)).collect();
    let is_spread = spread.iter().any(|(_, low, high)| low < high);
    let (band, bars) = match (is_spread, named) {
        (false, _) => (Vec::new(), Vec::new()),
        (true, false) => (spread, Vec::new()),
        (true, true) => (Vec::new(), spread),
    };
    PlotLine { band, bars, dots: true, connected: !named, ..PlotLine::new(&line.name, look, points) }
}

/// Panels in rows below one title, above one legend.
fn side_by_side((title, caption): (&str, &str), headings: &[&str], charts: &[Chart<'_>]) -> Result<Figure> {
    let left = charts.iter().map(Chart::left).max().unwrap_or(0);
    let mut entries = Vec::new();
    for entry in charts.iter().flat_map(Chart::entries) {
        if !entries.iter().any(|known: &super::legend::LegendEntry| known.name == entry.name) {
            entries.push(entry);
        }
    }
    let columns = charts.len().min(COLUMNS);
    let rows = charts.len().div_ceil(COLUMNS);
    let widest = charts.iter().map(|chart| chart.width()).max().unwrap_or(0);
    let panel = if widest > super::canvas::WIDTH { widest } else { PANEL.0 };
    let wide = panel * columns as u32;
    let legend = FigureLegend::new(&entries, wide.saturating_sub(22 + left));
    let high = (HEADING + PANEL.1) * rows as u32;
    figure(
        &file_name(title),
        title,
        caption,
        (wide.max(left + 6 + legend.width), TITLE + high + legend.height() + 10),
        |area| {
            let (top, below) = area.split_vertically(units(high));
            for ((i, chart), heading) in charts.iter().enumerate().zip(headings) {
                let (x, y) = (units(panel * (i % COLUMNS) as u32), units((HEADING + PANEL.1) * (i / COLUMNS) as u32));
                let cell = top.clone().shrink((x, y), (units(panel), units(HEADING + PANEL.1)));
                let (head, body) = cell.split_vertically(units(HEADING));
                head.draw_text(&super::printable(heading), &text(13.0), (units(left + 6), units(7)))?;
                chart.paint(&body, left)?;
            }
            legend.paint(&below, left + 6)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_title_becomes_a_name_that_every_file_system_takes() {
        assert_eq!(file_name("top1 by leak and variant"), "top1-by-leak-and-variant");
        assert_eq!(file_name("attack.fgsm@8/255 by time_steps"), "attack.fgsm-8-255-by-time_steps");
        assert_eq!(file_name("../x"), "..-x");
    }
}
