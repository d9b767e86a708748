//! A quantity by epoch for all settings of a sweep.

use super::Figure;
use super::axis::Axis;
use super::colours::apart;
use super::lines::{Chart, PlotLine};
use crate::error::Result;

/// One setting's line, averaged over its seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedMeanCurve {
    pub name: String,
    pub points: Vec<SeedMean>,
}

/// What the seeds of a setting gave in one epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedMean {
    pub epoch: usize,
    pub mean: f64,
    /// The least and the greatest of the seeds.
    pub low: f64,
    pub high: f64,
}

/// All curves over each other, with a band from the least to the greatest of the seeds. `percent` keeps the axis below
/// 100.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn settings(name: &str, title: &str, y: &str, percent: bool, curves: &[SeedMeanCurve]) -> Result<Figure> {
    let ends = curves.iter().flat_map(|curve| &curve.points).flat_map(|point| [point.low, point.high]);
    let axis = if percent { Axis::percent(ends) } else { Axis::from_zero(ends) };
    let last = curves.iter().flat_map(|curve| &curve.points).map(|point| point.epoch).max().unwrap_or(1);
    let line = |(curve, look): (&SeedMeanCurve, _)| PlotLine {
        // Of a single seed there is nothing to show.
        band: match curve.points.iter().all(|point| point.low == point.high) {
            true => Vec::new(),
            false => curve.points.iter().map(|point| (point.epoch as f64, point.low, point.high)).collect(),
        },
        ..PlotLine::new(&curve.name, look, curve.points.iter().map(|point| (point.epoch as f64, point.mean)).collect())
    };
    Chart {
        name,
        title,
        caption: "Mean over the seeds that have come to the epoch; the band reaches from the least to the greatest of them.",
        x: ("epoch", Axis::epochs(last)),
        y: (y, axis),
        lines: curves.iter().zip(apart(curves.len())).map(line).collect(),
        ring: None,
    }
    .draw()
}
