//! How BNTT's gammas are spread over the channels, by layer and time-step.

use super::canvas::{DrawArea, DrawResult, TITLE, WIDTH, figure, frame, text, units, width};
use super::colours::blues;
use super::{Figure, printable};
use crate::error::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const BINS: usize = 20;
const COLUMNS: usize = 2;
/// Pixels of a panel: its heading, its bins, and the numbers below.
const HEADING: u32 = 22;
const HEIGHT: u32 = 6 * BINS as u32;
const BELOW: u32 = 30;
const LABELS: f64 = 11.5;

/// The gammas of a layer's channels: `[T, C]`.
pub type LayerGammas = (String, Vec<Vec<f64>>);

/// What all panels share.
struct Bins {
    low: f64,
    high: f64,
    /// Pixels to the left of the first bin.
    left: u32,
    /// Of a panel.
    width: u32,
}

/// A panel a layer: for each time-step the share of the channels whose gamma lies in each bin; `of` says of which
/// checkpoint.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn gamma_histogram(layers: &[LayerGammas], of: &str) -> Result<Figure> {
    let finite = layers.iter().flat_map(|(_, steps)| steps).flatten().copied().filter(|gamma| gamma.is_finite());
    let (least, most) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    // Gammas that have hardly moved must look alike.
    let (low, high) = match (least, most) {
        _ if least > most => (0.0, 1.0),
        _ if most - least < 0.1 => ((least + most) / 2.0 - 0.05, (least + most) / 2.0 + 0.05),
        range => range,
    };
    let left = [low, high].map(|end| width(&format!("{end:.2}"), LABELS)).into_iter().max().unwrap_or(0) + 16;
    let bins = Bins { low, high, left, width: WIDTH / COLUMNS as u32 };
    let rows = layers.len().div_ceil(COLUMNS) as u32;
    let size = (WIDTH, TITLE + rows * (HEADING + HEIGHT + BELOW) + 6);
    let caption = format!(
        "The channels of a layer by their gamma, at every time-step: the darker, the larger the share of the channels (its square root). {of}"
    );
    figure("gamma-histogram", "Gamma of the channels by layer and time-step", &caption, size, |area| {
        for (i, layer) in layers.iter().enumerate() {
            let x = units(bins.width * (i % COLUMNS) as u32);
            let y = units((HEADING + HEIGHT + BELOW) * (i / COLUMNS) as u32);
            bins.paint(area, layer, (x, y))?;
        }
        Ok(())
    })
}

impl Bins {
    /// The share of the values in every bin, from the lowest.
    fn shares(&self, gammas: &[f64]) -> [f64; BINS] {
        let mut shares = [0.0; BINS];
        for gamma in gammas.iter().filter(|gamma| gamma.is_finite()) {
            let place = (gamma - self.low) / (self.high - self.low) * BINS as f64;
            shares[(place.max(0.0) as usize).min(BINS - 1)] += 1.0 / gammas.len() as f64;
        }
        shares
    }

    fn paint(&self, area: &DrawArea, (layer, steps): &LayerGammas, (x, y): (i32, i32)) -> DrawResult {
        let (left, top) = (x + units(self.left), y + units(HEADING));
        let room = units(self.width - self.left - 14);
        let cell = (room / steps.len().max(1) as i32).clamp(1, units(40));
        let bin = units(HEIGHT) / BINS as i32;
        let heading = text(12.5).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw_text(&printable(layer), &heading, (left, y + units(HEADING / 2)))?;
        for (step, gammas) in steps.iter().enumerate() {
            for (place, share) in self.shares(gammas).into_iter().enumerate().filter(|(_, share)| *share > 0.0) {
                let (x, y) = (left + step as i32 * cell, top + (BINS - 1 - place) as i32 * bin);
                area.draw(&Rectangle::new([(x, y), (x + cell, y + bin)], blues(share.sqrt()).filled()))?;
            }
        }
        let end = (left + steps.len() as i32 * cell, top + units(HEIGHT));
        frame(area, (left, top), end)?;
        let beside = text(LABELS).pos(Pos::new(HPos::Right, VPos::Center));
        for (share, value) in [(0.0, self.high), (0.5, (self.low + self.high) / 2.0), (1.0, self.low)] {
            let y = top + (f64::from(units(HEIGHT)) * share) as i32;
            area.draw_text(&format!("{value:.2}"), &beside, (left - units(6), y))?;
        }
        let below = text(LABELS).pos(Pos::new(HPos::Center, VPos::Top));
        for step in [1, steps.len()].into_iter().take(steps.len().min(2)) {
            let x = left + (step as i32 - 1) * cell + cell / 2;
            area.draw_text(&step.to_string(), &below, (x, end.1 + units(5)))?;
        }
        let middle = (left + end.0) / 2;
        Ok(area.draw_text("time-step", &below, (middle, end.1 + units(5)))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_is_counted_in_the_bin_of_its_gamma() {
        let bins = Bins { low: 0.0, high: 2.0, left: 0, width: 300 };
        let shares = bins.shares(&[0.0, 0.05, 0.15, 2.0]);
        // Bins of a tenth: two channels in the first, one in the second, the highest in the last.
        assert_eq!((shares[0], shares[1], shares[BINS - 1]), (0.5, 0.25, 0.25));
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
