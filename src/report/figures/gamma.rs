//! BNTT's gamma by layer and time-step.

use super::Figure;
use super::colours::viridis;
use super::heat::Heat;
use crate::error::Result;

/// Mean gamma over the channels, a row a layer and a column a time-step; `of` says of which checkpoint.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn gamma(layers: &[(String, Vec<f64>)], of: &str) -> Result<Figure> {
    let time_steps = layers.iter().map(|(_, means)| means.len()).max().unwrap_or(0);
    let finite = layers.iter().flat_map(|(_, means)| means).copied().filter(|mean| mean.is_finite());
    let (least, most) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    // Colours span what there is, but no less than a tenth: gammas that have hardly moved must look alike.
    let range = match (least, most) {
        _ if least > most => (0.0, 1.0),
        _ if most - least < 0.1 => ((least + most) / 2.0 - 0.05, (least + most) / 2.0 + 0.05),
        _ => (least, most),
    };
    let cell = |&mean: &f64| mean.is_finite().then(|| (mean, format!("{mean:.2}")));
    let ticks = [0.0, 0.5, 1.0];
    let tick = |share: f64| (share, format!("{:.2}", range.0 + share * (range.1 - range.0)));
    Heat {
        name: "gamma",
        title: "Mean gamma by layer and time-step",
        caption: &format!(
            "BNTT's gamma, averaged over the channels of a layer: how much a layer lets through at a time-step. {of}"
        ),
        x: "time-step",
        y: "layer",
        rows: layers.iter().map(|(layer, _)| layer.clone()).collect(),
        columns: (1..=time_steps).map(|step| step.to_string()).collect(),
        first: 1,
        upwards: false,
        cells: layers.iter().map(|(_, means)| means.iter().map(cell).collect()).collect(),
        range,
        ticks: ticks.map(tick).to_vec(),
        colour: viridis,
        cell: (48, 5),
        square: false,
    }
    .draw()
}
