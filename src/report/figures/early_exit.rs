//! Accuracy by number of time-steps, and by confidence.

use super::Figure;
use super::axis::Axis;
use super::colours::{TEST as SECOND, TRAIN as FIRST};
use super::lines::{Chart, PlotLine};
use crate::analysis::early_exit::EarlyExitCurve;
use crate::error::Result;

/// Accuracy against time-steps: the same number for every image, with a ring at the `exit` that gamma tells, and beside
/// it each image's own number by confidence.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn early_exit(curve: &EarlyExitCurve, exit: Option<usize>) -> Result<Figure> {
    let fixed: Vec<(f64, f64)> = curve.steps.iter().map(|at| (at.time_steps as f64, at.top1)).collect();
    let mut own: Vec<(f64, f64)> = curve.confidences.iter().map(|at| (at.time_steps, at.top1)).collect();
    own.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all: Vec<f64> = fixed.iter().chain(&own).map(|point| point.1).collect();
    let ringed = exit.and_then(|exit| curve.steps.iter().find(|at| at.time_steps == exit));
    let ring = ringed.map(|at| {
        let words = format!("exit by gamma: {} time-steps, {:.2} %", at.time_steps, at.top1);
        ((at.time_steps as f64, at.top1), words)
    });
    let line = |name: &str, look, points| PlotLine { dots: true, ..PlotLine::new(name, look, points) };
    let mut lines = vec![line("as many for every image", FIRST, fixed)];
    if !own.is_empty() {
        lines.push(line("each image's own, by confidence", SECOND, own));
    }
    Chart {
        name: "early-exit",
        title: "Accuracy by time-steps computed",
        caption: "Top-1 accuracy on the test images when no more time-steps are computed. By confidence: an image ends when its likeliest class \
                  reaches a probability, and the time-steps are the mean over the images.",
        x: ("time-steps", Axis::epochs(curve.steps.len())),
        y: ("top-1 accuracy, %", Axis::around(all)),
        lines,
        ring,
    }
    .draw()
}
