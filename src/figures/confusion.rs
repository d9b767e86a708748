//! Which labels are taken for which.

use super::Figure;
use super::colours::blues;
use super::heat::Heat;
use crate::error::Result;

/// Counts [label][predicted class] as a table whose colours are shares of a label's images; `of` says of which checkpoint.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn confusion(counts: &[Vec<u64>], of: &str) -> Result<Figure> {
    let cells = counts.iter().map(|row| {
        let all = row.iter().sum::<u64>().max(1) as f64;
        // Most pairs never occur, and stay white without being drawn. The root lets rare mistakes be seen.
        row.iter().map(|&count| (count > 0).then(|| ((count as f64 / all).sqrt(), count.to_string()))).collect()
    });
    let classes: Vec<String> = (0..counts.len()).map(|class| class.to_string()).collect();
    let ticks = [0.0, 0.05, 0.25, 0.5, 1.0];
    Heat {
        name: "confusion",
        title: "Confusion matrix",
        caption: &format!(
            "Test images by label and predicted class; the colour is the share of the label's images, on a square-root scale. {of}"
        ),
        x: "predicted class",
        y: "label",
        rows: classes.clone(),
        columns: classes,
        first: 0,
        cells: cells.collect(),
        range: (0.0, 1.0),
        ticks: ticks.map(|share| (f64::sqrt(share), format!("{:.0} %", 100.0 * share))).to_vec(),
        colour: blues,
        cell: (40, 4),
        square: true,
    }
    .draw()
}
