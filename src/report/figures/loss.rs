//! Loss by epoch.

use super::Figure;
use super::axis::Axis;
use super::colours::{TEST, TRAIN};
use super::lines::{Chart, PlotLine};
use crate::error::Result;
use crate::run::metrics::{self, EpochMetrics};

/// Cross-entropy on training images, and on those by which the best epoch is chosen, over the epochs.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn loss(epochs: &[EpochMetrics]) -> Result<Figure> {
    let held = metrics::chosen_on(epochs).name();
    let train: Vec<_> = epochs.iter().map(|line| (line.epoch as f64, line.train.loss)).collect();
    let test: Vec<_> = epochs.iter().filter_map(|line| Some((line.epoch as f64, line.evaluated()?.loss))).collect();
    let all = train.iter().chain(&test).map(|&(_, loss)| loss);
    let y = Axis::from_zero(all);
    let line = |name: &str, look, points, dots| PlotLine { dots, ..PlotLine::new(name, look, points) };
    Chart {
        name: "loss",
        title: "Loss",
        caption: &format!(
            "Cross-entropy, averaged over images: while training, with augmentation and batch statistics, and on the {held} images after \
             the epoch."
        ),
        x: ("epoch", Axis::epochs(epochs.last().map_or(1, |line| line.epoch))),
        y: ("cross-entropy, nats", y),
        lines: vec![line("train", TRAIN, train, false), line(held, TEST, test, true)],
        ring: None,
    }
    .draw()
}
