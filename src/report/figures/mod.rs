//! Figures of runs: plain numbers to SVG, one file a figure; and SVG to PNG.
//!
//! Text stays text in the SVG. Colours can be told apart by people who see no red or green; lines that have an order,
//! such as the layers of a network, go from dark to light.

// Figures index and add pixels: sizes are those of the figure, indices those of what is drawn.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod accuracy;
mod axis;
mod canvas;
mod colours;
mod confusion;
mod early_exit;
mod firing_rates;
mod gamma;
mod gamma_histogram;
mod heat;
mod learning_rate;
mod legend;
mod lines;
mod loss;
mod measures;
mod png;
mod raster;
mod rates_by_step;
mod settings;

pub use accuracy::accuracy;
pub use confusion::confusion;
pub use early_exit::early_exit;
pub use firing_rates::firing_rates;
pub use gamma::gamma;
pub use gamma_histogram::{LayerGammas, gamma_histogram};
pub use learning_rate::learning_rate;
pub use loss::loss;
pub use measures::{MeasureLine, MeasurePanel, MeasurePoint, SettingAxis, measures};
pub use png::png;
pub use raster::{SpikeRaster, raster};
pub use rates_by_step::rates_by_step;
pub use settings::{SeedMean, SeedMeanCurve, settings};

/// A figure, drawn.
#[derive(Debug, Clone)]
pub struct Figure {
    /// For files: `firing-rates`.
    pub name: String,
    /// Stands in the figure too.
    pub title: String,
    /// What is seen, in sentences.
    pub caption: String,
    /// A whole SVG file.
    pub svg: String,
}

/// Text without control characters, which neither SVG nor HTML may hold; tabs become blanks, and lines stay.
pub fn printable(text: &str) -> String {
    let allowed = |c: char| match c {
        '\n' => Some(c),
        '\t' => Some(' '),
        '\u{fffe}' | '\u{ffff}' => None,
        _ => (!c.is_control()).then_some(c),
    };
    text.chars().filter_map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Result;
    use crate::run::metrics::{EpochMetrics, SplitMetrics};

    /// All texts of a figure, and its width and height in pixels, as a reader of SVG finds them.
    fn read(figure: &Figure) -> (Vec<String>, f32, f32) {
        let tree = resvg::usvg::Tree::from_str(&figure.svg, &resvg::usvg::Options::default()).expect("an SVG");
        let parts = figure.svg.split("<text").skip(1);
        let texts = parts.filter_map(|part| Some(part.split_once('>')?.1.split_once("</text>")?.0.trim().to_string()));
        (texts.collect(), tree.size().width(), tree.size().height())
    }

    fn epochs(layers: &[String]) -> Vec<EpochMetrics> {
        let scores = SplitMetrics { loss: 1.0, top1: 50.0, top5: 90.0 };
        let line = |epoch| EpochMetrics {
            epoch,
            train: scores,
            validation: None,
            test: epoch.is_multiple_of(2).then_some(scores),
            lr: 0.1,
            firing_rates: layers.iter().map(|layer| (layer.clone(), 0.1)).collect(),
            images_per_second: 1.0,
            seconds: 1.0,
            peak_memory_bytes: None,
        };
        (1..=5).map(line).collect()
    }

    #[test]
    fn long_and_hostile_names_are_neither_cut_nor_markup() -> Result<()> {
        let names = ["a".repeat(150), "<script>&\"\u{1}".into()];
        let figure = firing_rates(&epochs(&names))?;
        let (texts, width, _) = read(&figure);
        assert!(texts.contains(&names[0]) && width > 1000.0, "{width}");
        assert!(texts.contains(&"&lt;script&gt;&amp;&quot;".to_string()), "{texts:?}");
        Ok(())
    }

    #[test]
    fn many_classes_and_time_steps_fit_and_are_numbered_by_round_numbers() -> Result<()> {
        let mut counts = vec![vec![0; 100]; 100];
        counts[3][97] = 5;
        let (texts, width, height) = read(&confusion(&counts, None, "")?);
        assert!(width <= 700.0 && height <= 700.0, "{width} x {height}");
        assert!(["0", "10", "90"].iter().all(|label| texts.contains(&(*label).to_string())), "{texts:?}");
        assert!(!texts.contains(&"97".to_string()), "{texts:?}");
        let layers: Vec<_> = (0..10).map(|layer| (format!("layers.{layer}.bntt"), vec![0.5; 50])).collect();
        let (texts, width, _) = read(&gamma(&layers, "")?);
        assert!(width <= 700.0 && texts.contains(&"layers.9.bntt".to_string()), "{texts:?}");
        assert!(texts.contains(&"50".to_string()) && !texts.contains(&"49".to_string()), "{texts:?}");
        Ok(())
    }

    #[test]
    fn test_lines_have_the_epochs_that_were_evaluated_and_the_best_has_a_ring() -> Result<()> {
        let figure = accuracy(&epochs(&[]))?;
        let (texts, ..) = read(&figure);
        assert!(texts.contains(&"best: 50.00 %, epoch 2, chosen on the test images".to_string()), "{texts:?}");
        // Two dots, one in the legend, and two rings.
        assert_eq!(figure.svg.matches("<circle").count(), 5, "{}", figure.svg);
        Ok(())
    }
}
