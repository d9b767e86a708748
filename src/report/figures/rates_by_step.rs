//! Firing rate by layer and time-step.

use super::Figure;
use super::colours::blues;
use super::heat::Heat;
use crate::error::Result;

/// Spikes per neuron at every time-step, in percent, a row a layer: (name, rates as shares).
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn rates_by_step(layers: &[(String, Vec<f64>)]) -> Result<Figure> {
    let time_steps = layers.iter().map(|(_, rates)| rates.len()).max().unwrap_or(0);
    let most = layers.iter().flat_map(|(_, rates)| rates).copied().fold(0.0, f64::max);
    let range = (0.0, if most > 0.0 { most } else { 1.0 });
    let cell = |&rate: &f64| Some((rate, format!("{:.1}", 100.0 * rate)));
    Heat {
        name: "rates-by-step",
        title: "Firing rate by layer and time-step, %",
        caption: "Spikes per neuron at each time-step, averaged over the test images.",
        x: "time-step",
        y: "layer",
        rows: layers.iter().map(|(layer, _)| layer.clone()).collect(),
        columns: (1..=time_steps).map(|step| step.to_string()).collect(),
        first: 1,
        cells: layers.iter().map(|(_, rates)| rates.iter().map(cell).collect()).collect(),
        range,
        ticks: [0.0, 0.5, 1.0].map(|share| (share, format!("{:.1}", 100.0 * share * range.1))).to_vec(),
        colour: blues,
        cell: (48, 5),
        square: false,
        upwards: false,
    }
    .draw()
}
