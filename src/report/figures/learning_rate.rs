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
    let points = epochs.iter().map(|line| (line.epoch as f64, line.lr)).collect();
    Chart {
        name: "learning-rate",
        title: "Learning rate",
        caption: "At the last step of every epoch.",
        x: ("epoch", Axis::epochs(epochs.last().map_or(1, |line| line.epoch))),
        y: ("learning rate", Axis::log(&rates)),
        lines: vec![PlotLine { name: String::new(), colour: TRAIN, points, band: Vec::new(), dots: rates.len() <= 40 }],
        ring: None,
    }
    .draw()
}
