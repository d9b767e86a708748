//! Firing rate by layer and epoch.

use super::Figure;
use super::axis::Axis;
use super::colours::in_order;
use super::lines::{Chart, PlotLine};
use crate::error::Result;
use crate::run::metrics::EpochMetrics;

/// A line for every LIF layer, the first dark, the last light; in percent of neurons and time-steps.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn firing_rates(epochs: &[EpochMetrics]) -> Result<Figure> {
    let mut layers: Vec<&str> = Vec::new();
    for (layer, _) in epochs.iter().flat_map(|line| &line.firing_rates) {
        if !layers.contains(&layer.as_str()) {
            layers.push(layer);
        }
    }
    let of_layer = |layer: &str| {
        let rate = |line: &EpochMetrics| {
            let (_, rate) = line.firing_rates.iter().find(|(name, _)| name == layer)?;
            Some((line.epoch as f64, 100.0 * rate))
        };
        epochs.iter().filter_map(rate).collect::<Vec<_>>()
    };
    let lines: Vec<PlotLine> = layers
        .iter()
        .zip(in_order(layers.len()))
        .map(|(layer, look)| PlotLine::new(layer, look, of_layer(layer)))
        .collect();
    let all: Vec<f64> = lines.iter().flat_map(|line| &line.points).map(|&(_, rate)| rate).collect();
    let (least, most) = all.iter().fold((f64::INFINITY, 0.0), |(low, high), &rate| (rate.min(low), rate.max(high)));
    // Where no layer is near to silence, 0 would only press the lines together.
    let axis = if least > 0.5 * most { Axis::around(all) } else { Axis::from_zero(all) };
    Chart {
        name: "firing-rates",
        title: "Firing rate by layer",
        caption: "Spikes per neuron and time-step while training, averaged over the epoch. The first layer is dark, the last light.",
        x: ("epoch", Axis::epochs(epochs.last().map_or(1, |line| line.epoch))),
        y: ("firing rate, %", axis),
        lines,
        ring: None,
    }
    .draw()
}
