//! Accuracy by epoch.

use super::Figure;
use super::axis::Axis;
use super::colours::{TEST, TRAIN};
use super::lines::{Chart, PlotLine};
use crate::error::Result;
use crate::run::metrics::{self, ChosenOn, EpochMetrics};

/// Top-1 accuracy over the epochs, on training images and on those by which the best epoch is chosen, which has a ring.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn accuracy(epochs: &[EpochMetrics]) -> Result<Figure> {
    let held = metrics::chosen_on(epochs).name();
    let train: Vec<_> = epochs.iter().map(|line| (line.epoch as f64, line.train.top1)).collect();
    let test: Vec<_> = epochs.iter().filter_map(|line| Some((line.epoch as f64, line.evaluated()?.top1))).collect();
    let best = metrics::best(epochs).map(|(epoch, top1)| (epoch as f64, top1));
    let y = Axis::percent(train.iter().chain(&test).map(|&(_, top1)| top1));
    let line = |name: &str, look, points, dots| PlotLine { dots, ..PlotLine::new(name, look, points) };
    let of_best = |(epoch, top1): (f64, f64)| format!("best: {top1:.2} %, epoch {epoch}, chosen on the {held} images");
    let optimistic = match metrics::chosen_on(epochs) {
        ChosenOn::Test => ", so that its accuracy is an optimistic estimate",
        ChosenOn::Validation => ", and the test images are read once, with its weights",
    };
    Chart {
        name: "accuracy",
        title: "Top-1 accuracy",
        caption: &format!(
            "Share of images whose label is the likeliest class. The best epoch is chosen on the {held} images{optimistic}."
        ),
        x: ("epoch", Axis::epochs(epochs.last().map_or(1, |line| line.epoch))),
        y: ("top-1 accuracy, %", y),
        lines: vec![line("train", TRAIN, train, false), line(held, TEST, test, true)],
        ring: best.map(|best| (best, of_best(best))),
    }
    .draw()
}
