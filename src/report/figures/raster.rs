//! Spike raster of one image.

use super::canvas::{DrawArea, DrawResult, TITLE, UNIT, WIDTH, figure, frame, text, units, width};
use super::colours::{INK, apart};
use super::{Figure, printable};
use crate::error::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const LABELS: f64 = 12.5;
/// Neurons that are shown of a layer, spread evenly over it.
const NEURONS: usize = 48;
/// Height of a neuron in units, of the gap between two layers in pixels.
const HEIGHT: i32 = 8;
const GAP: i32 = 6;

/// The neurons of one layer: its name, and for every time-step which of them fire.
pub struct SpikeRaster {
    pub layer: String,
    pub steps: Vec<Vec<bool>>,
}

/// A mark for every spike of some neurons of every layer, for one image: time-steps from left to right.
///
/// # Errors
/// [`crate::error::Error::Run`] when it cannot be drawn.
pub fn raster(layers: &[SpikeRaster], of: &str) -> Result<Figure> {
    let time_steps = layers.iter().map(|layer| layer.steps.len()).max().unwrap_or(0).max(1);
    let left = layers.iter().map(|layer| width(&printable(&layer.layer), LABELS)).max().unwrap_or(0) + 24;
    let wide = (WIDTH.saturating_sub(left + 16) * UNIT / time_steps as u32).clamp(1, 40 * UNIT) as i32;
    let lines: i32 = layers.iter().map(|layer| shown(layer).count() as i32 * HEIGHT + units(GAP as u32)).sum();
    let high = u32::try_from(lines).unwrap_or(0).div_ceil(UNIT);
    let size = (WIDTH.max(left + 16 + (wide as u32 * time_steps as u32).div_ceil(UNIT)), TITLE + high + 46);
    let caption = format!("{of} Up to {NEURONS} neurons of a layer, spread evenly over it; a mark is a spike.");
    figure("raster", "Spikes by neuron and time-step", &caption, size, |area| {
        let mut top = 0;
        for (layer, look) in layers.iter().zip(apart(2).into_iter().cycle()) {
            top = paint(area, layer, (units(left), top, wide), time_steps, look.colour)?;
        }
        paint_steps(area, time_steps, (units(left), top, wide))
    })
}

/// The neurons of a layer that are shown.
fn shown(layer: &SpikeRaster) -> impl Iterator<Item = usize> {
    let all = layer.steps.first().map_or(0, Vec::len);
    let some = all.min(NEURONS);
    (0..some).map(move |i| i * all / some.max(1))
}

/// Paints a layer and returns where the next begins.
fn paint(
    area: &DrawArea,
    layer: &SpikeRaster,
    (left, top, wide): (i32, i32, i32),
    time_steps: usize,
    colour: RGBColor,
) -> DrawResult<i32> {
    let mut y = top;
    for neuron in shown(layer) {
        for (t, step) in layer.steps.iter().enumerate() {
            if step.get(neuron).copied().unwrap_or(false) {
                let x = left + t as i32 * wide;
                let mark = [(x + wide / 8, y + 1), (x + wide - wide / 8, y + HEIGHT - 1)];
                area.draw(&Rectangle::new(mark, colour.filled()))?;
            }
        }
        y += HEIGHT;
    }
    frame(area, (left, top), (left + time_steps as i32 * wide, y))?;
    let right = text(LABELS).pos(Pos::new(HPos::Right, VPos::Center));
    area.draw_text(&printable(&layer.layer), &right, (left - units(8), (top + y) / 2))?;
    Ok(y + units(GAP as u32))
}

/// The numbers of the time-steps, and their name.
fn paint_steps(area: &DrawArea, time_steps: usize, (left, top, wide): (i32, i32, i32)) -> DrawResult {
    let room = units(width(&time_steps.to_string(), LABELS) + 8);
    let every = [1, 2, 5, 10, 20, 50, 100, 200, 500].into_iter().find(|&every| every * wide >= room).unwrap_or(1000);
    let below = text(LABELS).pos(Pos::new(HPos::Center, VPos::Top));
    for step in (1..=time_steps as i32).filter(|step| step % every == 0) {
        area.draw_text(&step.to_string(), &below, (left + (step - 1) * wide + wide / 2, top))?;
    }
    let middle = left + time_steps as i32 * wide / 2;
    area.draw_text(
        "time-step",
        &text(13.0).color(&INK).pos(Pos::new(HPos::Center, VPos::Top)),
        (middle, top + units(20)),
    )?;
    Ok(())
}
