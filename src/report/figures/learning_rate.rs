//! Learning rate by epoch.

use super::Figure;
use super::axis::Axis;
use super::colours::TRAIN;
use super::lines::{Chart, PlotLine};
use crate::error::Result;
use crate::run::metrics::EpochMetrics;

/// The learning rate of every epoch's last step, on a logarithmic axis unless it is 0 somewhere.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn learning_rate(epochs: &[EpochMetrics]) -> Result<Figure> {
    let rates: Vec<f64> = epochs.iter().map(|line| line.lr).collect();
    // An epoch's rate holds from the end of the one before to its own: schedules change between two.
    let step = |line: &EpochMetrics| [(line.epoch as f64 - 1.0, line.lr), (line.epoch as f64, line.lr)];
    let points = epochs.iter().flat_map(step).collect();
    Chart {
        name: "learning-rate",
        title: "Learning rate",
        caption: "Of every epoch's last step, drawn over the whole epoch.",
        x: ("epochs done", Axis::counted(epochs.last().map_or(1, |line| line.epoch))),
        y: ("learning rate", Axis::log(&rates)),
        lines: vec![PlotLine::new("", TRAIN, points)],
        ring: None,
    }
    .draw()
}
