//! Figures of runs: plain numbers to SVG, one file a figure; and SVG to PNG.
//!
//! Text stays text in the SVG. Colours can be told apart by people who see no red or green; lines that have an order, such as
//! the layers of a network, go from dark to light.

mod accuracy;
mod axis;
mod canvas;
mod colours;
mod confusion;
mod firing_rates;
mod gamma;
mod heat;
mod learning_rate;
mod legend;
mod lines;
mod loss;
mod png;
mod settings;

pub use accuracy::accuracy;
pub use confusion::confusion;
pub use firing_rates::firing_rates;
pub use gamma::gamma;
pub use learning_rate::learning_rate;
pub use loss::loss;
pub use png::png;
pub use settings::{Curve, Point, settings};

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
