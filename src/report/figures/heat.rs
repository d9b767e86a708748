//! Tables of numbers as colours, with a scale beside them.

use super::canvas::{DrawArea, DrawResult, TITLE, UNIT, WIDTH, figure, frame, text, units, width};
use super::colours::{AXIS, INK, is_dark};
use super::{Figure, printable};
use crate::error::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const LABELS: f64 = 12.5;
/// Of the scale with its numbers, in pixels.
const SCALE: u32 = 84;

pub struct Heat<'a> {
    pub name: &'a str,
    pub title: &'a str,
    pub caption: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    pub rows: Vec<String>,
    pub columns: Vec<String>,
    /// The number of the first column: where there is no room for all numbers, round ones stay.
    pub first: usize,
    /// Whether columns are called by names, which are written upwards.
    pub upwards: bool,
    /// A value and its text for every row and column; cells without a value stay white.
    pub cells: Vec<Vec<Option<(f64, String)>>>,
    pub range: (f64, f64),
    /// The ticks of the scale: a share of the range, and its text.
    pub ticks: Vec<(f64, String)>,
    pub colour: fn(f64) -> RGBColor,
    /// Of a cell in pixels, and the least: cells shrink until the figure is as wide as others.
    pub cell: (u32, u32),
    /// Whether cells are as high as they are wide.
    pub square: bool,
}

/// Where everything lies, in pixels.
struct HeatLayout {
    left: u32,
    bottom: u32,
    /// The height of the columns' labels.
    below: u32,
    /// Width and height of a cell, in units.
    cell: (i32, i32),
}

impl Heat<'_> {
    pub fn draw(&self) -> Result<Figure> {
        let widest = self.rows.iter().map(|row| width(&printable(row), LABELS)).max().unwrap_or(0);
        let left = widest + 44;
        let columns = self.columns.len().max(1) as u32;
        let room = WIDTH.saturating_sub(left + SCALE) * UNIT;
        // Whole pixels: cells with broken edges would show seams.
        let wide = (room / columns / UNIT * UNIT).clamp(self.cell.1 * UNIT, self.cell.0 * UNIT);
        let high = if self.square { wide } else { (900 / self.rows.len().max(1) as u32).clamp(1, 28) * UNIT };
        let (table, lines) = (columns * wide / UNIT, self.rows.len() as u32 * high / UNIT);
        let below = if self.upwards { self.widest_column() } else { 16 };
        let size = (WIDTH.max(left + table + SCALE), TITLE + lines.max(60) + below + 46);
        let layout = HeatLayout { left, bottom: lines, below, cell: (wide as i32, high as i32) };
        figure(self.name, self.title, self.caption, size, |area| {
            self.paint_cells(area, &layout)?;
            self.paint_labels(area, &layout)?;
            self.paint_scale(area, left + table + 16, lines.clamp(60, 300))
        })
    }

    fn widest_column(&self) -> u32 {
        self.columns.iter().map(|column| width(&printable(column), LABELS)).max().unwrap_or(0)
    }

    fn paint_cells(&self, area: &DrawArea, layout: &HeatLayout) -> DrawResult {
        let (wide, high) = layout.cell;
        let (low, top) = self.range;
        let middle = Pos::new(HPos::Center, VPos::Center);
        let size = 11.0;
        // All or none: cells without their text among others would look as if they had no value.
        let widest = self.cells.iter().flatten().flatten().map(|(_, words)| width(words, size)).max().unwrap_or(0);
        let room = units(widest + 4) <= wide && high >= units(14);
        for (row, cells) in self.cells.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                let Some((value, words)) = cell else { continue };
                let (x, y) = (units(layout.left) + column as i32 * wide, row as i32 * high);
                let colour = (self.colour)((value - low) / (top - low));
                area.draw(&Rectangle::new([(x, y), (x + wide, y + high)], colour.filled()))?;
                if room {
                    let ink = if is_dark(colour) { WHITE } else { INK };
                    area.draw_text(words, &text(size).color(&ink).pos(middle), (x + wide / 2, y + high / 2))?;
                }
            }
        }
        let right = units(layout.left) + self.columns.len() as i32 * wide;
        frame(area, (units(layout.left), 0), (right, self.rows.len() as i32 * high))
    }

    fn paint_labels(&self, area: &DrawArea, layout: &HeatLayout) -> DrawResult {
        let (wide, high) = layout.cell;
        let right = text(LABELS).pos(Pos::new(HPos::Right, VPos::Center));
        for (i, row) in every(&self.rows, 0, units(16), high) {
            area.draw_text(&printable(row), &right, (units(layout.left - 8), i as i32 * high + high / 2))?;
        }
        let (style, room) = match self.upwards {
            true => (text(LABELS).transform(FontTransform::Rotate270).pos(Pos::new(HPos::Right, VPos::Center)), 16),
            false => (text(LABELS).pos(Pos::new(HPos::Center, VPos::Top)), self.widest_column() + 8),
        };
        for (i, column) in every(&self.columns, self.first, units(room), wide) {
            let x = units(layout.left) + i as i32 * wide + wide / 2;
            area.draw_text(&printable(column), &style, (x, units(layout.bottom + 6)))?;
        }
        let middle = units(layout.left) + self.columns.len() as i32 * wide / 2;
        area.draw_text(
            self.x,
            &text(13.0).pos(Pos::new(HPos::Center, VPos::Top)),
            (middle, units(layout.bottom + layout.below + 12)),
        )?;
        let upwards = text(13.0).transform(FontTransform::Rotate270).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw_text(self.y, &upwards, (units(8), units(layout.bottom.max(60) / 2)))?;
        Ok(())
    }

    /// From the lowest value, below, to the highest.
    fn paint_scale(&self, area: &DrawArea, left: u32, high: u32) -> DrawResult {
        const SHADES: u32 = 64;
        let (x, right) = (units(left), units(left + 14));
        let y = |share: f64| units(high) - (f64::from(units(high)) * share).round() as i32;
        for shade in 0..SHADES {
            let from = f64::from(shade) / f64::from(SHADES);
            let colour = (self.colour)(from + 0.5 / f64::from(SHADES));
            // Each covers the upper part of the one before: side by side they would show seams.
            area.draw(&Rectangle::new([(x, y(1.0)), (right, y(from))], colour.filled()))?;
        }
        frame(area, (x, y(1.0)), (right, y(0.0)))?;
        let style = text(11.5).pos(Pos::new(HPos::Left, VPos::Center));
        for (share, words) in &self.ticks {
            area.draw(&PathElement::new([(right, y(*share)), (right + units(4), y(*share))], AXIS.stroke_width(UNIT)))?;
            area.draw_text(words, &style, (right + units(7), y(*share)))?;
        }
        Ok(())
    }
}

/// As many of the labels as have `room` units, where each cell has `size`: all, every second, every fifth and so on.
fn every(labels: &[String], first: usize, room: i32, size: i32) -> impl Iterator<Item = (usize, &String)> {
    let steps = [1, 2, 5, 10, 20, 50, 100, 200, 500];
    let step = steps.into_iter().find(|&step| step as i32 * size >= room).unwrap_or(1000);
    labels.iter().enumerate().filter(move |(index, _)| (index + first).is_multiple_of(step))
}
